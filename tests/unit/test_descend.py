"""The step from a coarse series into a finer one: what its range is, when it is the same transition, and the plan."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from report_values import FIRST_BAD, LAST_GOOD, cell_answer, point

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.answer import Change, Culprit, NoChange
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.report.terminal.descents import plan_text
from mmio_bisect.workflow.bisect.descend import (
    Finer,
    Handle,
    Stopped,
    other_transition,
    plan_descent,
    range_below,
)
from mmio_bisect.workflow.ports.series import Capabilities
from mmio_bisect.workflow.probing.ranges import RangeText

CULPRIT = Culprit(change=Change.INTRODUCED, last=point("0.12.1"), first=point("0.13.0"))


class Source:
    """A series of so many points, of which only the listing is asked."""

    family = CompilerFamily.CLANG
    summary = "so many points"

    def __init__(self, name: str, points: int, seconds: float | None = None) -> None:
        self.name = name
        self._points = tuple(
            Point(series=name, version=f"1.{place}", sort_key=f"{place:04}") for place in range(points)
        )
        self.capabilities = Capabilities(seconds=None if seconds is None else lambda _point: seconds)

    def listing(self, *, refresh: bool = False) -> Listing:  # noqa: ARG002
        return Listing(series=self.name, points=self._points, asked_at=datetime(2026, 11, 1, tzinfo=UTC))

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:  # noqa: ARG002
        return ()


def finer(by: Handle) -> Finer:
    return Finer(series="llvm", by=by, usually=1000)


def known(probe: Probe, *, llvm: str | None = None, commit: str | None = None) -> Probe:
    return replace(probe, toolchain=replace(probe.toolchain, llvm_version=llvm, commit=commit))


ANSWER = cell_answer(CULPRIT, known(LAST_GOOD, llvm="17.0.6"), known(FIRST_BAD, llvm="18.1.6"))
ANY = Source("zig", 2)


def test_a_release_of_llvm_is_a_tag_of_its_repository() -> None:
    found = range_below(ANSWER, finer(Handle.LLVM), ANY)  # type: ignore[arg-type]
    assert found == RangeText(series="llvm", first="llvmorg-17.0.6", last="llvmorg-18.1.6")


def test_a_snapshot_of_trunk_is_its_commit() -> None:
    answer = cell_answer(CULPRIT, known(LAST_GOOD, llvm="24.0.0", commit="abc123"), known(FIRST_BAD, commit="def456"))
    found = range_below(answer, finer(Handle.LLVM), ANY)  # type: ignore[arg-type]
    assert found == RangeText(series="llvm", first="abc123", last="def456")


def test_two_compilers_of_one_llvm_have_nothing_between_them() -> None:
    answer = cell_answer(CULPRIT, known(LAST_GOOD, llvm="18.1.6"), known(FIRST_BAD, llvm="18.1.6"))
    found = range_below(answer, finer(Handle.LLVM), ANY)  # type: ignore[arg-type]
    assert isinstance(found, Stopped)
    assert "are of the same llvm of llvm, llvmorg-18.1.6" in found.why


def test_what_does_not_say_its_commit_cannot_be_followed() -> None:
    found = range_below(ANSWER, finer(Handle.COMMIT), ANY)  # type: ignore[arg-type]
    assert isinstance(found, Stopped)
    assert "does not say which commit it is" in found.why


def test_the_same_change_of_the_same_function_is_the_same_transition() -> None:
    assert other_transition(ANSWER, ANSWER) is None


@pytest.mark.parametrize(
    ("fine", "why"),
    [
        (replace(ANSWER, answer=replace(CULPRIT, change=Change.FIXED)), "there it is fixed, not introduced"),
        (
            replace(
                ANSWER,
                answer=NoChange(verdict=Verdict.BAD, oldest=LAST_GOOD.point, newest=FIRST_BAD.point, unprobed=3),
            ),
            "do not lead to one culprit",
        ),
    ],
)
def test_another_transition_is_said_to_be_one(fine: object, why: str) -> None:
    assert why in (other_transition(ANSWER, fine) or "")  # type: ignore[arg-type]


def test_another_defect_is_another_transition() -> None:
    (function,) = FIRST_BAD.judgement.functions
    torn = replace(function, defects=tuple(replace(defect, kind=DefectKind.TORN) for defect in function.defects))
    fine = cell_answer(
        CULPRIT, LAST_GOOD, replace(FIRST_BAD, judgement=replace(FIRST_BAD.judgement, functions=(torn,)))
    )
    assert other_transition(ANSWER, fine) == f"there it is another defect: torn in {function.function}"


def test_the_plan_counts_what_it_can_and_says_what_it_reckons_with() -> None:
    sources = {"coarse": Source("coarse", 2), "fine": Source("fine", 40), "built": Source("built", 9, seconds=5400)}
    steps = {
        "coarse": Finer(series="fine", by=Handle.VERSION, usually=99),
        "fine": Finer(series="built", by=Handle.GITLINK, usually=3000),
    }
    points = tuple(Point(series="coarse", version=version, sort_key=version) for version in ("1.3", "1.37"))
    levels = plan_descent(points, sources.__getitem__, steps.get)  # type: ignore[arg-type]
    assert [(level.series, level.points, level.exact, level.probes) for level in levels] == [
        ("coarse", 2, True, 2),
        ("fine", 36, True, 8),
        ("built", 3000, False, 14),
    ]
    assert plan_text(levels) == (
        "Plan:\n"
        "1  coarse  2 points           at most 2 probes  2 downloads or less\n"
        "2  fine    36 points          at most 8 probes  8 downloads or less\n"
        "3  built   about 3000 points  some 14 probes    14 builds or less, about 1.5 h each\n"
    )


@pytest.mark.parametrize(
    ("last", "first", "silent"),
    [(None, "def456", "zig@0.12.1"), ("abc123", None, "zig@0.13.0"), (None, None, "zig@0.12.1")],
)
def test_the_neighbour_that_does_not_say_its_commit_is_named(last: str | None, first: str | None, silent: str) -> None:
    answer = cell_answer(CULPRIT, known(LAST_GOOD, commit=last), known(FIRST_BAD, commit=first))
    found = range_below(answer, finer(Handle.COMMIT), ANY)  # type: ignore[arg-type]
    assert found == Stopped(why=f"{silent} does not say which commit it is, so llvm cannot be entered")


def test_names_of_points_are_the_finer_series_own_where_it_is_entered_by_version() -> None:
    found = range_below(ANSWER, finer(Handle.VERSION), ANY)  # type: ignore[arg-type]
    assert found == RangeText(series="llvm", first="0.12.1", last="0.13.0")


def test_a_commit_that_holds_another_projects_says_which() -> None:
    source = Source("zig", 2)
    found = range_below(ANSWER, finer(Handle.GITLINK), source)  # type: ignore[arg-type]
    assert isinstance(found, Stopped)
    parts = {"0.12.1": "abc123", "0.13.0": "def456"}
    source.capabilities = Capabilities(built_from=lambda one: SimpleNamespace(llvm=parts[one.version]))  # type: ignore[arg-type,return-value]
    found = range_below(ANSWER, finer(Handle.GITLINK), source)  # type: ignore[arg-type]
    assert found == RangeText(series="llvm", first="abc123", last="def456")


def test_without_a_culprit_there_is_nothing_to_look_into_and_nothing_to_compare() -> None:
    vague = replace(
        ANSWER, answer=NoChange(verdict=Verdict.BAD, oldest=LAST_GOOD.point, newest=FIRST_BAD.point, unprobed=0)
    )
    found = range_below(vague, finer(Handle.LLVM), ANY)  # type: ignore[arg-type]
    assert found == Stopped(why="no single culprit was found that could be looked into")
    assert other_transition(vague, ANSWER) is None


def test_a_transition_of_which_one_side_shows_no_defect_is_not_told_apart() -> None:
    silent = cell_answer(CULPRIT, LAST_GOOD, replace(FIRST_BAD, judgement=LAST_GOOD.judgement))
    assert other_transition(ANSWER, silent) is other_transition(silent, ANSWER) is None


def test_a_series_is_entered_once_and_steps_between_neighbours_are_counted() -> None:
    sources = {"coarse": Source("coarse", 3), "fine": Source("fine", 40)}
    steps = {
        "coarse": Finer(series="fine", by=Handle.VERSION, usually=99),
        "fine": Finer(series="coarse", by=Handle.VERSION, usually=3),
    }

    def plan(*versions: str) -> list[tuple[int, bool, int]]:
        points = tuple(Point(series="coarse", version=version, sort_key=version) for version in versions)
        levels = plan_descent(points, sources.__getitem__, steps.get)  # type: ignore[arg-type]
        return [(level.points, level.exact, level.probes) for level in levels]

    assert plan("1.3", "1.20", "1.37") == [(3, True, 3), (19, False, 7)]
    assert plan("1.3", "1.37") == [(2, True, 2), (36, True, 8)]
    assert plan("1.3", "gone") == [(2, True, 2), (99, False, 9)]
    assert plan("1.3", "1.4", "1.4", "1.4", "1.4")[1] == (2, False, 2)


def test_two_points_are_the_least_that_lie_between_neighbours() -> None:
    assert Finer(series="llvm", by=Handle.LLVM, usually=2).usually == 2
    with pytest.raises(ValueError, match="write 2 or more"):
        Finer(series="llvm", by=Handle.LLVM, usually=1)
