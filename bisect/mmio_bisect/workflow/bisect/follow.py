"""`run --descend`: each culprit is followed into the series that has points between its two neighbours.

What stops a descent does not take back what was found above: it is said, and the answer stands. Where it is trouble
that ends it (a download, a daemon, a disk, an interrupt), the answers above are shown with it, and the exit code is the
trouble's own: the way down was not found to end, it was not gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mmio_bisect.domain.answer import Culprit
from mmio_bisect.domain.run import CellAnswer, RunHead
from mmio_bisect.errors import CancelledError, DiskFullError, MmioBisectError, OverBudgetError, StoreError
from mmio_bisect.workflow.bisect.descend import (
    ENDS,
    Finer,
    PlannedLevel,
    Stopped,
    other_transition,
    plan_descent,
    range_below,
)
from mmio_bisect.workflow.bisect.hunt import HuntResult
from mmio_bisect.workflow.bisect.plan import Asked, Bisection, execute, plan_bisection
from mmio_bisect.workflow.probing.retry import PASSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What the level's bisection found; `other` says why that is another transition."""

    head: RunHead
    result: HuntResult
    other: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenOff:
    """What kept us from going down, which may be over another time if it is `passing`."""

    error: MmioBisectError
    passing: bool

    @property
    def why(self) -> str:
        """In a sentence without its full stop."""
        return str(self.error).rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentLevel:
    """One level below the first, `above` which is what was followed."""

    series: str
    above: CellAnswer
    end: Followed | Stopped | BrokenOff


def plan_levels(bisection: Bisection) -> tuple[PlannedLevel, ...]:
    """What it will take, from this range down."""
    wiring = bisection.asked.wiring
    return plan_descent(bisection.request.points, wiring.source, wiring.finer)


def follow_culprits(
    asked: Asked, series: str, answers: tuple[CellAnswer, ...], *, interruptible: bool = False
) -> list[DescentLevel]:
    """All levels below these answers; levels of a target that share a culprit go down together.

    An interrupt is raised, or, if `interruptible`, the last of what is returned.
    """
    levels: list[DescentLevel] = []
    for group in _groups(answers):
        levels += _down(asked, series, group)
        if levels and isinstance(end := levels[-1].end, BrokenOff) and isinstance(end.error, CancelledError):
            if not interruptible:
                raise end.error
            break
    return levels


def _groups(answers: tuple[CellAnswer, ...]) -> list[list[CellAnswer]]:
    found: dict[object, list[CellAnswer]] = {}
    for answer in answers:
        if isinstance(answer.answer, Culprit):
            found.setdefault((answer.request.target.name, answer.answer), []).append(answer)
    return list(found.values())


def _down(asked: Asked, series: str, group: list[CellAnswer]) -> Iterator[DescentLevel]:
    finer, above = asked.wiring.finer(series), group[0]
    if finer is None:
        return
    try:
        end = _follow(asked, series, group, finer)
    except ENDS as error:
        end = Stopped(why=str(error).rstrip("."))
    except MmioBisectError as error:
        passing = isinstance(error, (*PASSING, OverBudgetError, StoreError, DiskFullError))
        end = BrokenOff(error=error, passing=passing)
    yield DescentLevel(series=finer.series, above=above, end=end)
    if isinstance(end, Followed) and end.other is None:
        for fine in _groups(end.result.answers):
            yield from _down(asked, finer.series, fine)


def _follow(asked: Asked, series: str, group: list[CellAnswer], finer: Finer) -> Followed | Stopped | BrokenOff:
    above = group[0]
    if asked.budget is not None:
        asked.budget.check()
    text = range_below(above, finer, asked.wiring.source(series))
    if isinstance(text, Stopped):
        return text
    asked.say(f"descent: {text.series}:{text.first}..{text.last}")
    opts = tuple(answer.request.opt for answer in group)
    selection = replace(asked.selection, targets=(above.request.target,), opts=opts)
    bisection = plan_bisection(replace(asked, selection=selection), text, entered=True)
    result = execute(bisection).testable()
    other = next((why for cell in result.answers if (why := other_transition(above, cell)) is not None), None)
    return Followed(head=bisection.request.head, result=result, other=other)
