"""`run --descend`: each culprit is followed into the series that has points between its two neighbours.

What stops a descent does not take back what was found above: it is said, and the answer stands. Where it is trouble
that ends it (a download, a daemon, a disk, an interrupt), the answers above are shown with it, and the exit code is the
trouble's own: the way down was not found to end, it was not gone.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mmio_bisect.cli.bisection.plan import Asked, Bisection, execute, plan_bisection
from mmio_bisect.domain.answer import Culprit
from mmio_bisect.domain.run import CellAnswer
from mmio_bisect.errors import CancelledError, DiskFullError, MmioBisectError, OverBudgetError, StoreError

if TYPE_CHECKING:
    from mmio_bisect.report.terminal.descents import DescentLevel
    from mmio_bisect.workflow.bisect.descend import PlannedLevel


def plan(bisection: Bisection) -> "tuple[PlannedLevel, ...]":
    """What it will take, from this range down."""
    from mmio_bisect.workflow.bisect.descend import plan_descent  # noqa: PLC0415 - as in the commands

    wiring = bisection.asked.wiring
    return plan_descent(bisection.request.points, wiring.source, wiring.finer)


def follow_culprits(
    asked: Asked, series: str, answers: tuple[CellAnswer, ...], *, interruptible: bool = False
) -> "list[DescentLevel]":
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


def _down(asked: Asked, series: str, group: list[CellAnswer]) -> "Iterator[DescentLevel]":
    from mmio_bisect.report.terminal.descents import DescentLevel  # noqa: PLC0415 - as in the commands
    from mmio_bisect.workflow.bisect.descend import ENDS, Stopped, other_transition, range_below  # noqa: PLC0415
    from mmio_bisect.workflow.probing.retry import PASSING  # noqa: PLC0415

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
