"""A run as Markdown for an issue tracker: what a triager of rustc or LLVM needs, and nothing that needs this tool.

What is claimed comes from the run; code, digests and reasons from the outcomes in history. Nothing is guessed: what a
profile makes of the accesses is read from their decoded forms.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from mmio_bisect.classify.verdict.profiles import profiles_of
from mmio_bisect.domain.access import PAGES, Defect
from mmio_bisect.domain.answer import (
    Change,
    Contradiction,
    Culprit,
    NoChange,
    NothingTestable,
    Suspects,
    points_of,
)
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.run import CellAnswer, FinishedRun, Probe
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.report.documents.documents import compiler_name, untestable_reason
from mmio_bisect.report.documents.explorer import Pane, link
from mmio_bisect.report.documents.filecheck import filecheck_test
from mmio_bisect.report.terminal.assembly import Column, listing
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.history.history_queries import NoteRow
from mmio_bisect.workflow.ports.history import RunRecord

_SAME_ARCHITECTURE = {"thumb": "arm"}


def issue_text(record: RunRecord, run: FinishedRun, notes: Sequence[NoteRow] = ()) -> str:
    """All of it, with what people noted of the recipe. An answer without two neighbours gives what there is."""
    telling = next((cell for cell in run.answers if _neighbours(cell)), run.answers[0] if run.answers else None)
    sections = [f"# {_title(record, telling)}", _what(run.answers), _commits(run.answers)]
    if telling is not None:
        neighbours = _neighbours(telling)
        sections += [_code(telling, neighbours), _recipe(telling), _reproduction(telling, neighbours)]
        bad = next((probe for probe in reversed(neighbours) if probe.judgement.verdict is Verdict.BAD), None)
        if bad is not None:
            sections += [_test(telling, bad), _hypervisors(bad)]
    sections += [_untestable(run.answers), _noted(notes), _digests(record, run.answers)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _neighbours(cell: CellAnswer) -> tuple[Probe, ...]:
    """The two points of a change, or the newest that was probed where nothing changed."""
    probes = {probe.point: probe for probe in cell.probes}
    match cell.answer:
        case Culprit(last=last, first=first) | Suspects(last=last, first=first):
            return tuple(probes[point] for point in (last, first) if point in probes)
        case NoChange(newest=newest):
            return (probes[newest],) if newest in probes else ()
        case Contradiction(witnesses=witnesses):
            return tuple(probes[point] for point, _ in witnesses[-2:] if point in probes)
        case NothingTestable():
            return ()


def _defects(probes: Iterable[Probe]) -> tuple[Defect, ...]:
    return next((probe.judgement.defects for probe in probes if probe.judgement.defects), ())


def _title(record: RunRecord, cell: CellAnswer | None) -> str:
    if cell is None:
        return f"{record.case}: nothing measured"
    neighbours = _neighbours(cell)
    defects = _defects(reversed(neighbours))
    what = (
        f"`{defects[0].instruction or defects[0].kind}` for a volatile access in `{defects[0].function}`"
        if defects
        else f"`{record.case}`"
    )
    match cell.answer:
        case Culprit(change=change, first=first) | Suspects(change=change, first=first):
            probe = next((found for found in neighbours if found.point == first), None)
            name = str(first) if probe is None else compiler_name(probe.toolchain)
            since = "since" if change is Change.INTRODUCED else "until"
            return f"{what}, {since} {name}"
        case _:
            return what


def _what(answers: Sequence[CellAnswer]) -> str:
    lines = ["## What and since when", ""]
    lines += [f"* {cell.request.target.name} -O{cell.request.opt}: {_claim(cell)}" for cell in answers]
    defects = {defect.kind: defect for cell in answers for defect in _defects(reversed(_neighbours(cell)))}
    for kind in defects:
        page = PAGES[kind]
        lines += ["", f"**{kind}**: {page.title}. {page.text} ({page.source})"]
    return "\n".join(lines)


def _claim(cell: CellAnswer) -> str:
    probes = {probe.point: probe for probe in cell.probes}
    match cell.answer:
        case Culprit(change=change, last=last, first=first):
            checked = cell.verification
            doubt = f". Not verified: {checked.why}" if checked is not None and not checked.confirmed else ""
            return f"{change} in {_name(first, probes)}; the one before, {_name(last, probes)}, differs{doubt}"
        case Suspects(change=change, last=last, first=first, suspects=suspects):
            return (
                f"{change} after {_name(last, probes)} and in {_name(first, probes)} at the latest; "
                f"{counted(len(suspects) - 1, 'version')} between could not be tested"
            )
        case NoChange(verdict=verdict, oldest=oldest, newest=newest, unprobed=unprobed):
            return (
                f"{verdict} in {_name(oldest, probes)} and in {_name(newest, probes)}; "
                f"{counted(unprobed, 'version')} between not looked at"
            )
        case Contradiction(witnesses=witnesses):
            return "comes and goes: " + ", ".join(f"{_name(point, probes)} {verdict}" for point, verdict in witnesses)
        case NothingTestable(probed=probed):
            return f"none of {counted(probed, 'version')} could be tested"


def _commits(answers: Sequence[CellAnswer]) -> str:
    """What changed, where the series is one of commits; of a rollup each pull request that it holds."""
    lines = []
    for point, commit in dict(pair for cell in answers for pair in cell.commits).items():
        name = f"[{commit.commit[:12]}]({commit.link})" if commit.link else f"`{commit.commit}`"
        lines += ["", f"* {name} ({point}): {commit.title}; {commit.author}, {commit.committed}"]
        for pull in commit.rolled_up:
            number = f"[#{pull.number}]({pull.link})" if pull.link else f"#{pull.number}"
            lines.append(f"    * {number} {pull.title}".rstrip())
    return "\n".join(["## The change", *lines]) if lines else ""


def _name(point: Point, probes: Mapping[Point, Probe]) -> str:
    return f"{compiler_name(probes[point].toolchain)} ({point})" if point in probes else str(point)


def _code(cell: CellAnswer, neighbours: Sequence[Probe]) -> str:
    lines = [f"## Code at -O{cell.request.opt}"]
    telling = {defect.function for probe in neighbours for defect in probe.judgement.defects}
    for probe in neighbours:
        lines += ["", f"{compiler_name(probe.toolchain)} ({probe.point}), {probe.judgement.verdict}:", "", "```asm"]
        for function in probe.judgement.functions:
            if function.function in telling or not telling:
                lines.append(listing(Column(title=f"{function.function}:", function=function)).plain.rstrip())
        lines.append("```")
    return "\n".join(lines) if neighbours else ""


def _recipe(cell: CellAnswer) -> str:
    case = cell.request.case
    return f"## Source\n\n`{case.file_name}`:\n\n{_fenced(case.text.decode(errors='replace'), _language(case))}"


def _reproduction(cell: CellAnswer, neighbours: Sequence[Probe]) -> str:
    case = cell.request.case
    lines = ["## To reproduce", "", "```sh"]
    for probe in neighbours:
        lines += [f"# {probe.judgement.verdict}", *plain_commands(probe)]
    lines.append("```")
    panes = [
        Pane(compiler=found, options=shlex.join(flag for flag in _assembly_flags(probe) if flag != "-S"))
        for probe in neighbours
        if (found := _name_on_explorer(probe.toolchain)) is not None
    ]
    lines += ["", f"[Compiler Explorer]({link(case.text.decode(errors='replace'), case.language, panes)})"]
    if len(panes) < len(neighbours):
        lines.append("(it has not all of these compilers: choose the nearest there)")
    return "\n".join(lines)


def _name_on_explorer(toolchain: Toolchain) -> str | None:
    return toolchain.family.descriptor.explorer(toolchain.compiler_version, toolchain.version_text)


def plain_commands(probe: Probe) -> list[str]:
    """What anyone can type: the wheel's clang through pip, others by the names that they have when installed."""
    case, toolchain = probe.request.case, probe.toolchain
    if probe.point.series == "zig":
        install = f"python3 -m pip install ziglang=={probe.point.version}"
        program = ["python3", "-m", "ziglang", *toolchain.tool[1:]]
        return [install, shlex.join([*program, *_assembly_flags(probe), case.file_name, "-o", "-"])]
    program = [toolchain.family.descriptor.program]
    return [
        f"{shlex.join([*program, *_assembly_flags(probe), case.file_name, '-o', '-'])}  # {_version_line(toolchain)}"
    ]


def _version_line(toolchain: Toolchain) -> str:
    return toolchain.version_text.splitlines()[0] if toolchain.version_text else compiler_name(toolchain)


def _assembly_flags(probe: Probe) -> list[str]:
    """The flags of the measurement, for assembly, without folders of this machine and what only helps comparing."""
    argv = [word for word in probe.outcome.argv[1:] if word not in probe.toolchain.tool]
    flags, skip = [], False
    for place, word in enumerate(argv):
        if skip or word in {"-fno-ident", "-o", probe.request.case.file_name} or (place and argv[place - 1] == "-o"):
            skip = False
        elif word == "-isystem":
            skip = True
        else:
            flags.append({"-c": "-S", "--emit=obj": "--emit=asm", "-filetype=obj": "-filetype=asm"}.get(word, word))
    return flags


def _test(cell: CellAnswer, bad: Probe) -> str:
    case = cell.request.case
    target = cell.request.target.name
    test = filecheck_test(case, target=target, flags=_assembly_flags(bad), defects=bad.judgement.defects)
    return f"## Regression test (FileCheck)\n\n{_fenced(test, _language(case))}"


def _language(case: Case) -> str:
    return {"rs": "rust", "ll": "llvm"}.get(case.language.value, case.language.value)


def _hypervisors(bad: Probe) -> str:
    """Each profile of the architecture, asked about every access that was decoded."""
    lines = [
        "## Which hypervisors fail, and how",
        "",
        "| profile | accesses that it cannot emulate | then |",
        "|---|---|---|",
    ]
    accesses = [access for function in bad.judgement.functions for access in function.accesses]
    target = bad.request.target.name
    for profile in profiles_of(_SAME_ARCHITECTURE.get(target, target)):
        failing = dict.fromkeys(
            f"`{access.instruction}`" for access in accesses if not profile.emulates(access.transfer)
        )
        then = profile.otherwise if failing else "works"
        lines.append(f"| {profile.name}: {profile.summary} | {', '.join(failing) or 'none'} | {then} |")
    return "\n".join(lines)


def _untestable(answers: Sequence[CellAnswer]) -> str:
    found = {
        f"{probe.point} -O{probe.request.opt}": untestable_reason(probe.judgement, probe.outcome) or "no reason kept"
        for cell in answers
        for probe in cell.probes
        if probe.judgement.verdict is Verdict.UNTESTABLE
    }
    told = [f"* {name}: {reason}" for name, reason in found.items()] or ["Nothing that was probed."]
    return "\n".join(["## What was untestable", "", *told])


def _noted(notes: Sequence[NoteRow]) -> str:
    """What was said before, with links."""
    lines = [
        "* " + ": ".join(filter(None, (note.recorded[:10], note.state, " ".join(filter(None, (note.text, note.link))))))
        for note in notes
    ]
    return "\n".join(["## Known", "", *lines]) if lines else ""


def _digests(record: RunRecord, answers: Sequence[CellAnswer]) -> str:
    lines = ["## Digests", "", f"Run {record.id} of {record.started[:10]}: `{shlex.join(_public(record.argv))}`", ""]
    if answers:
        lines.append(f"* source `{answers[0].request.case.file_name}`: `{answers[0].request.case.source_digest}`")
    named = {
        probe.cell_key: probe for cell in answers for probe in cell.probes if probe.point in points_of(cell.answer)
    }
    lines += [
        f"* {probe.point} -O{probe.request.opt}: toolchain `{probe.toolchain.digest}`, "
        f"object `{probe.outcome.object_digest or 'none'}`"
        for probe in named.values()
    ]
    return "\n".join(lines)


def _public(argv: Sequence[str]) -> list[str]:
    """Without where things lie on this machine."""
    private = {"--database", "--store", "--recipes", "--keep"}
    return [
        word
        for place, word in enumerate(argv)
        if word.split("=")[0] not in private and not (place and argv[place - 1] in private)
    ]


def _fenced(text: str, language: str) -> str:
    """A fence longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
