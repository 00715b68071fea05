"""How far a regression is, as outcomes and people move it."""

from typing import Any

import pytest

from mmio_bisect.workflow.history.history_queries import NoteRow, TransitionRow
from mmio_bisect.workflow.history.regressions import State, clusters, lives

BASE = TransitionRow(
    recipe="loop",
    language="c",
    target="aarch64",
    opt="2",
    series="zig",
    function="fill",
    access="store32",
    kind="writeback-post",
    change="introduced",
    last_version="0.12.1",
    first_version="0.13.0",
    last_llvm="17.0.6",
    first_llvm="18.1.6",
    untestable=0,
    last_cell="sha256:a",
    first_cell="sha256:b",
    noticed="2026-11-01T00:00:00",
)
CLANG = BASE._replace(series="clang", last_version="17", first_version="18", first_llvm="18.1.8")
FIX = BASE._replace(
    change="fixed", last_version="0.17.1", first_version="0.18.0", last_llvm="22.1.8", first_llvm="23.1.0"
)


def a_note(**told: Any) -> NoteRow:
    nothing = dict.fromkeys(NoteRow._fields, "")
    return NoteRow(**(nothing | {"uid": "1", "recipe": "loop", "recorded": "2026-11-02T00:00:00"} | told))


def state(*rows: TransitionRow, notes: tuple[NoteRow, ...] = ()) -> State:
    return lives(rows, notes)[rows[0]].state


def test_outcomes_move_it() -> None:
    assert state(BASE) is State.INTRODUCED
    assert state(BASE, BASE._replace(opt="3")) is State.CONFIRMED
    assert state(BASE, CLANG) is State.CONFIRMED
    assert state(BASE, FIX) is State.FIXED
    assert state(BASE, FIX, FIX._replace(opt="3")) is State.VERIFIED
    assert state(FIX) is State.FIXED


def test_another_mark_target_or_change_of_llvm_is_another_regression() -> None:
    for other in (
        BASE._replace(access="store8"),
        BASE._replace(target="riscv64", opt="3"),
        BASE._replace(series="clang", last_llvm="19.1.0", first_llvm="20.1.0"),
    ):
        assert state(BASE, other) is State.INTRODUCED


def test_a_fix_ends_the_regression_before_it_and_none_that_came_later() -> None:
    again = BASE._replace(last_version="0.18.0", first_version="0.19.0", last_llvm="23.1.0", first_llvm="24.1.0")
    found = lives((BASE, FIX, again), ())
    assert [found[row].state for row in (BASE, FIX, again)] == [State.FIXED, State.FIXED, State.INTRODUCED]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"state": "reported", "link": "https://example.org/1"}, State.REPORTED),
        ({"state": "attributed", "defect": "writeback-post", "series": "zig"}, State.ATTRIBUTED),
        ({"state": "reported", "defect": "pair"}, State.INTRODUCED),
        ({"state": "reported", "recipe": "other"}, State.INTRODUCED),
        ({"text": "looked at"}, State.INTRODUCED),
    ],
)
def test_people_move_it_by_notes_that_are_about_it(told: dict[str, str], expected: State) -> None:
    assert state(BASE, notes=(a_note(**told),)) is expected


def test_the_furthest_that_anyone_says_holds() -> None:
    reported = a_note(state="reported", link="https://example.org/1")
    life = lives((BASE, FIX), (reported, a_note(uid="2", link="https://example.org/1")))[BASE]
    assert life.state is State.FIXED
    assert str(life) == "fixed https://example.org/1"


def step(series: str, last: str | None, first: str | None) -> TransitionRow:
    return BASE._replace(series=series, last_llvm=last, first_llvm=first)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([step("a", "17.0.1", "18.1.0"), step("b", "17.0.6", "18.1.8")], ["LLVM 17.0.6 → 18.1.0: a b"]),
        ([step("a", "17.0.1", "18.1.0"), step("b", "16.0.0", "18.1.8")], ["LLVM 17.0.1 → 18.1.0: a b"]),
        (
            [step("a", "17.0.1", "18.1.0"), step("b", "18.1.0", "19.1.0")],
            ["LLVM 17.0.1 → 18.1.0: a", "LLVM 18.1.0 → 19.1.0: b"],
        ),
        ([step("b", None, None), step("a", None, None)], [": a b"]),
        ([step("a", None, None), step("b", None, "18.1.0")], [": a", "LLVM ? → 18.1.0: b"]),
        ([step("a", "17.0.1", None), step("b", "17.0.1", "18.1.0")], [": a", "LLVM 17.0.1 → 18.1.0: b"]),
        (
            [step("a", None, "18.1.0"), step("b", None, None), step("c", "17.0.0", "18.1.0")],
            [": b", "LLVM 17.0.0 → 18.1.0: a c"],
        ),
    ],
)
def test_steps_of_llvm_that_overlap_are_one_cluster(rows: list[TransitionRow], expected: list[str]) -> None:
    found = clusters(reversed(rows))
    assert [f"{one.name}: {' '.join(row.series for row in one.rows)}" for one in found] == expected


def without_llvm(row: TransitionRow) -> TransitionRow:
    return row._replace(last_llvm=None, first_llvm=None)


@pytest.mark.parametrize(
    ("fix", "ends"),
    [
        (FIX, True),
        (FIX._replace(series="clang"), False),
        (FIX._replace(first_llvm="18.1.6"), False),  # of LLVM's version that brought it, so not after it
        (FIX._replace(first_llvm="24.1.0"), True),  # of the version that brought the next one
        (FIX._replace(first_llvm="24.1.1"), False),  # after the next one began
        (without_llvm(FIX), True),
    ],
)
def test_a_fix_ends_what_began_before_it_in_its_series_and_nothing_that_another_followed(
    fix: TransitionRow, ends: bool
) -> None:
    again = BASE._replace(last_version="0.18.0", first_version="0.19.0", last_llvm="23.1.0", first_llvm="24.1.0")
    assert (lives((BASE, again, fix), ())[BASE].state is State.FIXED) == ends


def test_without_llvm_a_fix_ends_what_began() -> None:
    rows = (without_llvm(BASE), FIX)
    assert state(*rows) is State.FIXED


def test_fixes_of_nothing_that_began_are_one_regression() -> None:
    other = FIX._replace(series="clang", last_llvm="22.1.0")
    found = lives((FIX, other), (a_note(state="reported"),))
    assert [found[row].state for row in (FIX, other)] == [State.VERIFIED] * 2
    assert {note.uid for row in (FIX, other) for note in found[row].notes} == {"1"}


@pytest.mark.parametrize("field", ["recipe", "series", "target", "function", "access"])
def test_a_note_is_about_what_it_names_and_nothing_else(field: str) -> None:
    assert state(BASE, notes=(a_note(state="reported", **{field: getattr(BASE, field)}),)) is State.REPORTED
    assert state(BASE, notes=(a_note(state="reported", **{field: "other"}),)) is State.INTRODUCED
    assert state(BASE, FIX, notes=(a_note(state="introduced"),)) is State.FIXED
