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
from mmio_bisect.workflow.bisect.descend import ENDS, PlannedLevel, Stopped, other_transition, plan_descent, range_below
from mmio_bisect.workflow.bisect.hunt import HuntResult
from mmio_bisect.workflow.bisect.plan import Asked, Bisection, execute, plan_bisection
from mmio_bisect.workflow.probing.retry import PASSING


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentLevel:
    """One level below the first: what was found there, or why not. `other`: it is another transition.

    `stopped` says why there is no way down; `trouble` is what kept us from going it, and may be over another time if
    it is `passing`.
    """

    series: str
    above: CellAnswer
    head: RunHead | None = None
    result: HuntResult | None = None
    other: str | None = None
    stopped: str | None = None
    trouble: MmioBisectError | None = None
    passing: bool = False

    @property
    def why(self) -> str | None:
        """Of either kind, in a sentence without its full stop."""
        return self.stopped if self.trouble is None else str(self.trouble).rstrip(".")


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
        if levels and isinstance(levels[-1].trouble, CancelledError):
            if not interruptible:
                raise levels[-1].trouble
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
        if asked.budget is not None:
            asked.budget.check()
        text = range_below(above, finer, asked.wiring.source(series))
        if isinstance(text, Stopped):
            yield DescentLevel(series=finer.series, above=above, stopped=text.why)
            return
        asked.say(f"descent: {text.series}:{text.first}..{text.last}")
        below = replace(
            asked,
            targets=(above.request.target,),
            opts=tuple(answer.request.opt for answer in group),
        )
        bisection = plan_bisection(below, text, entered=True)
        result = execute(bisection)
    except ENDS as error:
        yield DescentLevel(series=finer.series, above=above, stopped=str(error).rstrip("."))
        return
    except MmioBisectError as error:
        passing = isinstance(error, (*PASSING, OverBudgetError, StoreError, DiskFullError))
        yield DescentLevel(series=finer.series, above=above, trouble=error, passing=passing)
        return
    other = next((why for cell in result.answers if (why := other_transition(above, cell)) is not None), None)
    yield DescentLevel(series=finer.series, above=above, head=bisection.head, result=result, other=other)
    if other is None:
        for fine in _groups(result.answers):
            yield from _down(asked, finer.series, fine)
