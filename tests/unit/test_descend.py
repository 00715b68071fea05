"""The step from a coarse series into a finer one: what its range is, when it is the same transition, and the plan."""

from dataclasses import replace
from datetime import UTC, datetime

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
