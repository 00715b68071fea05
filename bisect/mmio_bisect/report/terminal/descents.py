"""What a descent will take, and what it found level by level: for people and as part of `run`'s document."""

import shlex
from collections.abc import Sequence

from rich.text import Text

from mmio_bisect.report.documents.documents import JSON, run_document
from mmio_bisect.report.terminal.answers import answer_text
from mmio_bisect.report.terminal.tables import columns, counted
from mmio_bisect.workflow.bisect.descend import PlannedLevel
from mmio_bisect.workflow.bisect.follow import DescentLevel


def plan_text(levels: Sequence[PlannedLevel]) -> str:
    rows = [
        (
            str(number),
            level.series,
            f"{'' if level.exact else 'about '}{counted(level.points, 'point')}",
            f"at most {counted(level.probes, 'probe')}" if level.exact else f"some {counted(level.probes, 'probe')}",
            _work(level),
        )
        for number, level in enumerate(levels, 1)
    ]
    return f"Plan:\n{columns(rows)}\n"


def _work(level: PlannedLevel) -> str:
    if not level.builds:
        return f"{counted(level.probes, 'download')} or less"
    seconds = level.seconds or 0.0
    each = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.1f} h"
    return f"{counted(level.probes, 'build')} or less, about {each} each"


def plan_members(levels: Sequence[PlannedLevel]) -> list[JSON]:
    return [
        {
            "series": level.series,
            "points": level.points,
            "exact": level.exact,
            "probes": level.probes,
            "downloads": 0 if level.builds else level.probes,
            "builds": level.probes if level.builds else 0,
            "seconds_a_build": level.seconds,
        }
        for level in levels
    ]


def descent_text(levels: Sequence[DescentLevel], *, width: int, argv: Sequence[str] = ()) -> Text:
    """`argv` is the command to go on with."""
    text = Text()
    for level in levels:
        text.append(f"\nInto {level.series}\n", style="bold")
        if level.stopped is not None:
            text.append(f"The descent ends here: {level.stopped}.\n")
        if level.trouble is not None:
            text.append("The descent broke off here, and what is above stands: ", style="yellow")
            text.append(f"{level.why}.\n")
            if argv:
                text.append(f"To go on from here (nothing is compiled twice): {shlex.join(argv)}\n")
        if level.result is not None and level.head is not None:
            if level.other is not None:
                text.append(f"This is not the transition that was followed: {level.other}.\n", style="yellow")
            found = level.result
            text.append_text(
                answer_text(
                    found.answers, argv=level.head.argv, cost=found.cost, width=width, changed=level.head.changed
                )
            )
    return text


def descent_members(levels: Sequence[DescentLevel]) -> list[JSON]:
    return [
        {
            "series": level.series,
            "target": level.above.request.target.name,
            "opt": level.above.request.opt.value,
            "same_transition": None if level.result is None else level.other is None,
            "other": level.other,
            "stopped": level.stopped,
            "error": None
            if level.trouble is None
            else {"exit_code": level.trouble.exit_code, "message": str(level.trouble)},
            "run": None
            if level.result is None or level.head is None
            else run_document(level.head, run=level.result.run, answers=level.result.answers, cost=level.result.cost),
        }
        for level in levels
    ]
