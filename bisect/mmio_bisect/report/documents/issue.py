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
from mmio_bisect.report.documents.explorer import Pane
from mmio_bisect.report.documents.explorer import link as explorer_link
from mmio_bisect.report.documents.filecheck import filecheck_test
from mmio_bisect.report.documents.markdown import Markdown, code, fenced, inline, link, row
from mmio_bisect.report.terminal.assembly import Column, listing
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.history.history_queries import NoteRow
from mmio_bisect.workflow.ports.history import RunRecord

_SAME_ARCHITECTURE = {"thumb": "arm"}


def issue_text(record: RunRecord, run: FinishedRun, notes: Sequence[NoteRow] = ()) -> Markdown:
    """All of it, with what people noted of the recipe. An answer without two neighbours gives what there is."""
    telling = next((cell for cell in run.answers if _neighbours(cell)), run.answers[0] if run.answers else None)
    sections = [Markdown("# {}").format(_title(record, telling)), _what(run.answers), _commits(run.answers)]
    if telling is not None:
        neighbours = _neighbours(telling)
        sections += [_code(telling, neighbours), _recipe(telling), _reproduction(telling, neighbours)]
        bad = next((probe for probe in reversed(neighbours) if probe.judgement.verdict is Verdict.BAD), None)
        if bad is not None:
            sections += [_test(telling, bad), _hypervisors(bad)]
    sections += [_untestable(run.answers), _noted(notes), _digests(record, run.answers)]
    return Markdown("{}\n").format(Markdown("\n\n").join(section for section in sections if section))


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


def _title(record: RunRecord, cell: CellAnswer | None) -> Markdown:
    if cell is None:
        return Markdown("{}: nothing measured").format(record.case)
    neighbours = _neighbours(cell)
    defects = _defects(reversed(neighbours))
    what = (
        Markdown("{} for a volatile access in {}").format(
            code(defects[0].instruction or defects[0].kind), code(defects[0].function)
        )
        if defects
        else code(record.case)
    )
    match cell.answer:
        case Culprit(change=change, first=first) | Suspects(change=change, first=first):
            probe = next((found for found in neighbours if found.point == first), None)
            name = str(first) if probe is None else compiler_name(probe.toolchain)
            return Markdown("{}, {} {}").format(what, "since" if change is Change.INTRODUCED else "until", name)
        case _:
            return what


def _what(answers: Sequence[CellAnswer]) -> Markdown:
    lines = [Markdown("## What and since when\n")]
    lines += [
        Markdown("* {} -O{}: {}").format(cell.request.target.name, cell.request.opt, _claim(cell)) for cell in answers
    ]
    defects = {defect.kind: defect for cell in answers for defect in _defects(reversed(_neighbours(cell)))}
    for kind in defects:
        page = PAGES[kind]
        lines.append(Markdown(f"\n**{kind}**: {page.title}. {page.text} ({page.source})"))
    return Markdown("\n").join(lines)


def _claim(cell: CellAnswer) -> Markdown:
    probes = {probe.point: probe for probe in cell.probes}
    match cell.answer:
        case Culprit(change=change, last=last, first=first):
            checked = cell.verification
            claim = Markdown("{} in {}; the one before, {}, differs").format(
                change, _name(first, probes), _name(last, probes)
            )
            refused = checked is not None and not checked.confirmed
            return Markdown("{}. Not verified: {}").format(claim, checked.why) if refused and checked else claim
        case Suspects(change=change, last=last, first=first, suspects=suspects):
            return Markdown("{} after {} and in {} at the latest; {} between could not be tested").format(
                change, _name(last, probes), _name(first, probes), counted(len(suspects) - 1, "version")
            )
        case NoChange(verdict=verdict, oldest=oldest, newest=newest, unprobed=unprobed):
            return Markdown("{} in {} and in {}; {} between not looked at").format(
                verdict, _name(oldest, probes), _name(newest, probes), counted(unprobed, "version")
            )
        case Contradiction(witnesses=witnesses):
            seen = [Markdown("{} {}").format(_name(point, probes), verdict) for point, verdict in witnesses]
            return Markdown("comes and goes: {}").format(Markdown(", ").join(seen))
        case NothingTestable(probed=probed):
            return Markdown("none of {} could be tested").format(counted(probed, "version"))


def _commits(answers: Sequence[CellAnswer]) -> Markdown:
    """What changed, where the series is one of commits; of a rollup each pull request that it holds."""
    lines = []
    for point, commit in dict(pair for cell in answers for pair in cell.commits).items():
        name = link(commit.commit[:12], commit.link) if commit.link else code(commit.commit)
        told = (name, point, commit.title, commit.author, commit.committed)
        lines.append(Markdown("\n* {} ({}): {}; {}, {}").format(*told))
        for pull in commit.rolled_up:
            number = link(Markdown(f"#{pull.number}"), pull.link)
            lines.append(Markdown("    * {} {}" if pull.title else "    * {}{}").format(number, pull.title))
    return Markdown("\n").join([Markdown("## The change"), *lines]) if lines else Markdown()


def _name(point: Point, probes: Mapping[Point, Probe]) -> Markdown:
    name = Markdown("{} ({})").format(compiler_name(probes[point].toolchain), point) if point in probes else None
    return name or code(str(point))


def _code(cell: CellAnswer, neighbours: Sequence[Probe]) -> Markdown:
    parts = [Markdown("## Code at -O{}").format(cell.request.opt)]
    telling = {defect.function for probe in neighbours for defect in probe.judgement.defects}
    for probe in neighbours:
        name, verdict = compiler_name(probe.toolchain), probe.judgement.verdict
        parts.append(Markdown("{} ({}), {}:").format(name, probe.point, verdict))
        shown = [
            listing(Column(title=f"{function.function}:", function=function)).plain.rstrip()
            for function in probe.judgement.functions
            if function.function in telling or not telling
        ]
        parts.append(fenced("\n".join(shown), "asm"))
    return Markdown("\n\n").join(parts) if neighbours else Markdown()


def _recipe(cell: CellAnswer) -> Markdown:
    case = cell.request.case
    text = fenced(case.text.decode(errors="replace"), _language(case))
    return Markdown("## Source\n\n{}:\n\n{}").format(code(case.file_name), text)


def _reproduction(cell: CellAnswer, neighbours: Sequence[Probe]) -> Markdown:
    case = cell.request.case
    lines = []
    for probe in neighbours:
        lines += [f"# {probe.judgement.verdict}", *plain_commands(probe)]
    panes = [
        Pane(compiler=found, options=shlex.join(flag for flag in _assembly_flags(probe) if flag != "-S"))
        for probe in neighbours
        if (found := _name_on_explorer(probe.toolchain)) is not None
    ]
    explorer = Markdown(
        f"[Compiler Explorer]({explorer_link(case.text.decode(errors='replace'), case.language, panes)})"
    )
    if len(panes) < len(neighbours):
        explorer = Markdown("{}\n(it has not all of these compilers: choose the nearest there)").format(explorer)
    return Markdown("## To reproduce\n\n{}\n\n{}").format(fenced("\n".join(lines), "sh"), explorer)


def _name_on_explorer(toolchain: Toolchain) -> str | None:
    return toolchain.family.descriptor.explorer(toolchain.compiler_version, toolchain.version_text)


def plain_commands(probe: Probe) -> list[str]:
    """What anyone can type: the wheel's clang through pip, others by the names that they have when installed."""
    case, toolchain = probe.request.case, probe.toolchain
    if probe.point.series == "zig":
        install = shlex.join(["python3", "-m", "pip", "install", f"ziglang=={probe.point.version}"])
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


def _test(cell: CellAnswer, bad: Probe) -> Markdown:
    case = cell.request.case
    target = cell.request.target.name
    test = filecheck_test(case, target=target, flags=_assembly_flags(bad), defects=bad.judgement.defects)
    return Markdown("## Regression test (FileCheck)\n\n{}").format(fenced(test, _language(case)))


def _language(case: Case) -> str:
    return {"rs": "rust", "ll": "llvm"}.get(case.language.value, case.language.value)


def _hypervisors(bad: Probe) -> Markdown:
    """Each profile of the architecture, asked about every access that was decoded."""
    lines = [
        Markdown("## Which hypervisors fail, and how\n"),
        row("profile", "accesses that it cannot emulate", "then"),
        Markdown("|---|---|---|"),
    ]
    accesses = [access for function in bad.judgement.functions for access in function.accesses]
    target = bad.request.target.name
    for profile in profiles_of(_SAME_ARCHITECTURE.get(target, target)):
        failing = dict.fromkeys(
            code(access.instruction) for access in accesses if not profile.emulates(access.transfer)
        )
        then = profile.otherwise if failing else "works"
        names = Markdown(f"{profile.name}: {profile.summary}")
        lines.append(row(names, Markdown(", ").join(failing) or "none", Markdown(then)))
    return Markdown("\n").join(lines)


def _untestable(answers: Sequence[CellAnswer]) -> Markdown:
    found = {
        (probe.point, probe.request.opt): untestable_reason(probe.judgement, probe.outcome) or "no reason kept"
        for cell in answers
        for probe in cell.probes
        if probe.judgement.verdict is Verdict.UNTESTABLE
    }
    told = [Markdown("* {} -O{}: {}").format(point, opt, reason) for (point, opt), reason in found.items()]
    return Markdown("\n").join(
        [Markdown("## What was untestable\n"), *(told or [Markdown("Nothing that was probed.")])]
    )


def _noted(notes: Sequence[NoteRow]) -> Markdown:
    """What was said before, with links."""
    lines = []
    for note in notes:
        said = filter(None, (inline(note.text), note.link and link(note.link, note.link)))
        parts = filter(None, (inline(note.recorded[:10]), inline(note.state), Markdown(" ").join(said)))
        lines.append(Markdown("* {}").format(Markdown(": ").join(parts)))
    return Markdown("\n").join([Markdown("## Known\n"), *lines]) if lines else Markdown()


def _digests(record: RunRecord, answers: Sequence[CellAnswer]) -> Markdown:
    command = code(shlex.join(_public(record.argv)))
    lines = [Markdown("## Digests\n\nRun {} of {}: {}\n").format(record.id, record.started[:10], command)]
    if answers:
        case = answers[0].request.case
        lines.append(Markdown("* source {}: {}").format(code(case.file_name), code(case.source_digest)))
    named = {
        probe.cell_key: probe for cell in answers for probe in cell.probes if probe.point in points_of(cell.answer)
    }
    lines += [
        Markdown("* {} -O{}: toolchain {}, object {}").format(
            probe.point,
            probe.request.opt,
            code(probe.toolchain.digest),
            code(probe.outcome.object_digest or "none"),
        )
        for probe in named.values()
    ]
    return Markdown("\n").join(lines)


def _public(argv: Sequence[str]) -> list[str]:
    """Without where things lie on this machine."""
    private = {"--database", "--store", "--recipes", "--keep"}
    return [
        word
        for place, word in enumerate(argv)
        if word.split("=")[0] not in private and not (place and argv[place - 1] in private)
    ]
