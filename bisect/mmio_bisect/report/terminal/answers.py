"""The answer of a run for people: a sentence for each level, the two neighbours' code, and how to do it again.

The text says what was measured and no more; where a range holds no change it says where one could still be.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from rich.text import Text

from mmio_bisect.domain.answer import (
    Answer,
    Change,
    Contradiction,
    Culprit,
    NoChange,
    NothingTestable,
    Suspects,
    points_of,
)
from mmio_bisect.domain.outcome import FunctionJudgement, Verdict
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import CellAnswer, Cost, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.redaction import command_to_repeat
from mmio_bisect.report.documents.documents import compiler_text, untestable_reason
from mmio_bisect.report.documents.run_documents import replay
from mmio_bisect.report.terminal.assembly import Column, absent, listing, side_by_side
from mmio_bisect.report.terminal.tables import columns, counted, moment_text
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Levels of one target that got the same answer; `shown` stands for them where code is shown."""

    target: str
    opts: tuple[OptLevel, ...]
    answer: Answer
    shown: CellAnswer


def answer_text(
    answers: Sequence[CellAnswer], *, argv: Sequence[str], cost: Cost, width: int, changed: bool = False
) -> Text:
    """All of it, `width` columns wide at most where code stands side by side."""
    groups = _grouped(answers)
    several_targets = len({group.target for group in groups}) > 1
    text = Text()
    for group in groups:
        label = ", ".join(f"-O{opt}" for opt in group.opts)
        text.append(f"{group.target} {label}: " if several_targets else f"{label}: ", style="bold")
        text.append_text(_claim(group, argv, changed=changed))
        text.append("\n")
    for group in groups:
        text.append_text(_commits(group))
        text.append_text(_proof(group, width, changed=changed))
        if (verification := group.shown.verification) is not None and isinstance(group.shown.answer, Culprit):
            text.append(f"\n{'Checked' if verification.confirmed else 'Not verified'}: {verification.why}.\n")
    text.append_text(_reproduction(groups))
    text.append(f"\n{command_to_repeat('To resume or repeat (nothing is compiled twice)', argv)}\n")
    text.append(_spent(answers, cost), style="dim")
    return text


def _grouped(answers: Sequence[CellAnswer]) -> list[_Group]:
    found: dict[tuple[str, Answer], list[CellAnswer]] = {}
    for cell in answers:
        found.setdefault((cell.request.target.name, cell.answer), []).append(cell)
    return [
        _Group(
            target=target,
            opts=tuple(cell.request.opt for cell in cells),
            answer=answer,
            shown=next((cell for cell in cells if cell.request.opt is OptLevel.O2), cells[0]),
        )
        for (target, answer), cells in found.items()
    ]


def _claim(group: _Group, argv: Sequence[str], *, changed: bool) -> Text:
    probes = {probe.point: probe for probe in group.shown.probes}
    match group.answer:
        case Culprit(change=change, last=last, first=first):
            verb, before = _words(change, changed=changed)
            return Text(f"{verb} in {_named(first, probes)}; last {before} {_named(last, probes)}")
        case Suspects(change=change, last=last, suspects=suspects):
            verb, before = _words(change, changed=changed)
            text = Text(
                f"{verb} in one of {counted(len(suspects), 'toolchain')}; last {before} {_named(last, probes)}\n"
            )
            text.append(_point_lines(suspects, probes))
            return text
        case NoChange() as answer:
            return _same_code(answer, probes) if changed else _no_change(answer, probes, argv)
        case Contradiction(witnesses=witnesses) if _refuted(group) is not None:
            text = Text(f"contradiction: {_refuted(group)}\n")
            text.append(_point_lines([point for point, _ in witnesses], probes))
            return text
        case Contradiction(witnesses=witnesses):
            text = Text(
                "contradiction: the verdicts fit no single boundary; bisect narrower ranges between the witnesses\n"
            )
            text.append(_point_lines([point for point, _ in witnesses], probes))
            return text
        case NothingTestable(probed=probed, unprobed=unprobed):
            tried = counted(probed, "toolchain")
            text = Text(f"nothing testable: none of {tried} probed made an object; {unprobed} not tried\n")
            text.append(_point_lines(list(probes), probes))
            return text
        case _:
            assert_never(group.answer)


_PATHS_SHOWN = 10


def _commits(group: _Group) -> Text:
    """Who changed what, when and where to read it."""
    text = Text()
    for point, commit in group.shown.commits:
        text.append(f"\n{point}  {commit.title}\n", style="bold")
        text.append(f"    {commit.commit}\n    {commit.author}, {commit.committed}\n")
        if commit.link:
            text.append(f"    {commit.link}\n")
        if commit.pull_request:
            text.append(f"    {'rollup' if commit.rolled_up else 'pull request'} #{commit.pull_request}\n")
        for pull in commit.rolled_up:
            text.append(f"        #{pull.number}  {pull.title}\n")
        more = len(commit.paths) - _PATHS_SHOWN
        paths = ", ".join(commit.paths[:_PATHS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        text.append(f"    touches {paths or 'no file'}\n")
    return text


def _refuted(group: _Group) -> str | None:
    """Why a culprit did not stand, if that is what the contradiction is."""
    verification = group.shown.verification
    return None if verification is None or verification.confirmed else verification.why


def _words(change: Change, *, changed: bool) -> tuple[str, str]:
    """The verb, and what the last point before was."""
    if changed:
        return "the code changed", "with the old code"
    match change:
        case Change.INTRODUCED:
            return "introduced", "good"
        case Change.FIXED:
            return "fixed", "bad"


def _named(point: Point, probes: Mapping[Point, Probe]) -> str:
    probe = probes.get(point)
    return str(point) if probe is None else f"{point} ({compiler_text(probe.toolchain)})"


def _point_lines(points: Sequence[Point], probes: Mapping[Point, Probe]) -> str:
    lines = []
    for point in points:
        probe = probes.get(point)
        if probe is None:
            lines.append(f"    {point}  not probed")
            continue
        reason = untestable_reason(probe.judgement, probe.outcome)
        verdict = probe.judgement.verdict.value
        lines.append(f"    {_named(point, probes)}  {verdict}" + (f": {reason}" if reason else ""))
    return "\n".join(lines)


def _no_change(answer: NoChange, probes: Mapping[Point, Probe], argv: Sequence[str]) -> Text:
    text = Text(_extent(answer, probes))
    untestable = [point for point, probe in probes.items() if probe.judgement.verdict is Verdict.UNTESTABLE]
    if untestable:
        text.append("\n" + _point_lines(sorted(untestable, key=lambda point: point.sort_key), probes))
    series = answer.oldest.series
    match answer.verdict:
        case Verdict.BAD:
            kinds = sorted({defect.kind.value for probe in probes.values() for defect in probe.judgement.defects})
            text.append(f"\n    For the fix look at compilers newer than {answer.newest}")
            text.append(f" (see `mmio-bisect explain {kinds[0]}`)" if kinds else "")
            text.append(f", for the origin at ones older than {answer.oldest}.")
        case Verdict.GOOD:
            text.append(f"\n    A defect may still begin after {answer.newest}, or have ended before {answer.oldest}.")
        case Verdict.UNTESTABLE:
            text.append("\n    Neither end could be tested; move the ends.")
    if answer.unprobed:
        text.append(f"\n    {_narrower(argv, series, answer)}")
    return text


def _extent(answer: NoChange, probes: Mapping[Point, Probe]) -> str:
    """How far the claim goes: to the ends of the range only if they could be tested."""
    oldest, newest = _named(answer.oldest, probes), _named(answer.newest, probes)
    if answer.oldest == answer.newest:
        return f"no change seen: {answer.verdict} at {oldest}, the only point that could be tested"
    first, last = (key([point.sort_key for point in probes], default="") for key in (min, max))
    whole = answer.oldest.sort_key <= first and last <= answer.newest.sort_key
    ends = "at both ends" if whole else "at both ends of what could be tested"
    return f"no change: {answer.verdict} {ends}, {oldest} and {newest}; {answer.unprobed} between not probed"


def _same_code(answer: NoChange, probes: Mapping[Point, Probe]) -> Text:
    oldest, newest = _named(answer.oldest, probes), _named(answer.newest, probes)
    return Text(f"no change: {newest} makes the same code as {oldest}; {answer.unprobed} between not probed")


def _narrower(argv: Sequence[str], series: str, answer: NoChange) -> str:
    """With an inner end left to fill in."""
    words = [f"{series}:{answer.oldest.version}..VERSION" if word.startswith(f"{series}:") else word for word in argv]
    return command_to_repeat("A change that was undone inside shows in narrower ranges", words)


def _proof(group: _Group, width: int, *, changed: bool) -> Text:
    """The code that the claim rests on."""
    probes = {probe.point: probe for probe in group.shown.probes}
    level = f", -O{group.shown.request.opt}" if len(group.opts) > 1 else ""
    match group.answer:
        case Culprit(last=last, first=first) | Suspects(last=last, first=first):
            if last not in probes or first not in probes:
                return Text()
            return _compared(probes[last], probes[first], level, width, changed=changed)
        case NoChange(verdict=Verdict.BAD, newest=newest) if newest in probes:
            return _listed(probes[newest], level)
        case NoChange() | Contradiction() | NothingTestable():
            return Text()
        case _:
            assert_never(group.answer)


def _compared(last: Probe, first: Probe, level: str, width: int, *, changed: bool) -> Text:
    """The functions whose defects differ; those whose code differs where that was asked, or where no defect does."""
    before = {function.function: function for function in last.judgement.functions}
    pairs = [(before.get(new.function, absent(new.function)), new) for new in first.judgement.functions]
    telling = [] if changed else [(old, new) for old, new in pairs if _defects(old) != _defects(new)]
    text = Text()
    for old, new in telling or [(old, new) for old, new in pairs if _code(old) != _code(new)]:
        text.append(f"\n{new.function}{level}\n", style="bold")
        text.append_text(side_by_side(_column(last, old), _column(first, new), width=width))
    return text


def _listed(probe: Probe, level: str) -> Text:
    text = Text()
    for function in probe.judgement.functions:
        if function.defects or function.unseen:
            text.append(f"\n{function.function}{level}\n", style="bold")
            text.append_text(listing(_column(probe, function)))
    return text


def _defects(function: FunctionJudgement) -> list[tuple[str, str]]:
    return sorted((defect.kind.value, defect.access or "") for defect in function.defects)


def _code(function: FunctionJudgement) -> list[bytes]:
    return [line.encoding for line in function.listing]


def _column(probe: Probe, function: FunctionJudgement) -> Column:
    return Column(
        title=f"{function.verdict}: {probe.point} ({compiler_text(probe.toolchain)})",
        function=function,
    )


def _reproduction(groups: Sequence[_Group]) -> Text:
    """The compiler's own command lines of the points that the answers name."""
    lines: dict[str, None] = {}
    source = ""
    for group in groups:
        source = group.shown.request.case.file_name
        named = points_of(group.answer)
        for probe in group.shown.probes:
            if probe.point in named and probe.outcome.argv:
                lines[f"    {probe.point}  {shlex.join(probe.outcome.argv)}"] = None
    if not lines:
        return Text()
    return Text(f"\nTo reproduce, beside {source}:\n" + "\n".join(lines) + "\n")


def _spent(answers: Sequence[CellAnswer], cost: Cost) -> str:
    probes = {(probe.point, probe.cell_key): probe for cell in answers for probe in cell.probes}
    recalled = sum(probe.from_history for probe in probes.values())
    return (
        f"{counted(len(probes), 'probe')}, {recalled} from history; {counted(cost.cells_compiled, 'cell')} compiled, "
        f"{counted(cost.toolchains_fetched, 'toolchain')} fetched.\n"
    )


def stored_run_text(record: RunRecord, outcomes: Iterable[OutcomeRecord], *, width: int) -> Text:
    """When and what, and the answer again in full."""
    rows = [
        ("run", str(record.id)),
        ("case", record.case),
        ("range", f"{record.series}:{record.first}..{record.last}"),
        ("profile", record.profile),
        ("started", moment_text(record.started)),
        ("finished", moment_text(record.finished) if record.finished else "no"),
    ]
    text = Text(columns(rows) + "\n\n")
    found = list(outcomes)
    told = replay(record, found)
    if told is None:
        kept = f"Not finished; {counted(len(found), 'outcome')} kept"
        text.append(f"{kept}. {command_to_repeat('To resume', record.argv)}\n")
    else:
        text.append_text(answer_text(told.answers, argv=told.argv, cost=told.cost, width=width, changed=told.changed))
    return text
