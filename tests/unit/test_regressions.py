"""How far a regression is, as outcomes and people move it."""

from typing import Any

import pytest

from mmio_bisect.workflow.history.history_queries import NoteRow, TransitionRow
from mmio_bisect.workflow.history.regressions import State, lives

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
