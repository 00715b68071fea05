"""What a descent will take, and what it found level by level: for people and as part of `run`'s document."""

from collections.abc import Sequence
from typing import assert_never

from rich.text import Text

from mmio_bisect.redaction import command_to_repeat
from mmio_bisect.report.documents.json_text import JSON
from mmio_bisect.report.documents.run_documents import run_document
from mmio_bisect.report.terminal.answers import answer_text
from mmio_bisect.report.terminal.tables import columns, counted
from mmio_bisect.workflow.bisect.descend import PlannedLevel, Stopped
from mmio_bisect.workflow.bisect.follow import BrokenOff, DescentLevel, Followed


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
        match level.end:
            case Stopped(why=why):
                text.append(f"The descent ends here: {why}.\n")
            case BrokenOff(why=why):
                text.append("The descent broke off here, and what is above stands: ", style="yellow")
                text.append(f"{why}.\n")
                if argv:
                    text.append(f"{command_to_repeat('To go on from here (nothing is compiled twice)', argv)}\n")
            case Followed(head=head, result=found, other=other):
                if other is not None:
                    text.append(f"This is not the transition that was followed: {other}.\n", style="yellow")
                text.append_text(
                    answer_text(found.answers, argv=head.argv, cost=found.cost, width=width, changed=head.changed)
                )
            case _:
                assert_never(level.end)
    return text


def descent_members(levels: Sequence[DescentLevel]) -> list[JSON]:
    return [
        {
            "series": level.series,
            "target": level.above.request.target.name,
            "opt": level.above.request.opt.value,
            "same_transition": None,
            "other": None,
            "stopped": None,
            "error": None,
            "run": None,
        }
        | _end_members(level)
        for level in levels
    ]


def _end_members(level: DescentLevel) -> JSON:
    match level.end:
        case Stopped(why=why):
            return {"stopped": why}
        case BrokenOff(error=error):
            return {"error": {"exit_code": error.exit_code, "message": str(error)}}
        case Followed(head=head, result=found, other=other):
            run = run_document(head, run=found.run, answers=found.answers, cost=found.cost)
            return {"same_transition": other is None, "other": other, "run": run}
        case _:
            assert_never(level.end)
