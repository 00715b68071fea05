"""One cell for people: its verdict, function by function, with code, defects and provenance."""

import shlex

from rich.text import Text

from mmio_bisect.domain.outcome import Judgement, Outcome, Verdict, Witness
from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.report.documents.documents import compiler_name, untestable_reason
from mmio_bisect.report.terminal.assembly import Column, listing
from mmio_bisect.report.terminal.grid import VERDICT_STYLES
from mmio_bisect.report.terminal.tables import columns, moment_text
from mmio_bisect.workflow.ports.history import OutcomeRecord

_BY_THE_WORD = ", by the compiler's word"
_CHANGED = {Verdict.GOOD: "same code", Verdict.BAD: "other code", Verdict.UNTESTABLE: "untestable"}


def judgement_text(judgement: Judgement, *, title: str, outcome: Outcome | None = None) -> Text:
    """`title: verdict`, and below it each function under test."""
    text = Text(f"{title}: ")
    text.append(judgement.verdict.value, style=VERDICT_STYLES[judgement.verdict])
    reason = judgement.reason or (outcome.reason if outcome else None)
    text.append(f" ({reason})\n" if reason else "\n")
    for function in judgement.functions:
        text.append("\n")
        title = f"{function.function}: {function.verdict}{_BY_THE_WORD if function.witness is Witness.COMPILER else ''}"
        text.append_text(listing(Column(title=title, function=function)))
    return text


def probe_line(probe: Probe, *, changed: bool = False) -> Text:
    """One probe in a line: `zig@0.13.0  clang 18.1.6  -O2  bad  writeback-post in store_then_step`.

    With `changed` the verdict is about the code, not about its defects.
    """
    judgement = probe.judgement
    text = Text(f"{probe.point}  {compiler_name(probe.toolchain)}  -O{probe.request.opt}  ")
    word = _CHANGED[judgement.verdict] if changed else judgement.verdict.value
    text.append(word, style=VERDICT_STYLES[judgement.verdict])
    match judgement.verdict:
        case Verdict.GOOD:
            pass
        case Verdict.BAD:
            text.append(f"  {_summary(judgement)}" if judgement.defects and not changed else "")
        case Verdict.UNTESTABLE:
            text.append(f"  {untestable_reason(judgement, probe.outcome) or ''}".rstrip())
    if judgement.witness is Witness.COMPILER and not changed:
        text.append(_BY_THE_WORD)
    if probe.from_history:
        text.append("  (history)", style="dim")
    return text


def _summary(judgement: Judgement) -> str:
    by_kind: dict[str, dict[str, None]] = {}
    for defect in judgement.defects:
        by_kind.setdefault(defect.kind.value, {})[defect.function] = None
    return "; ".join(f"{kind} in {', '.join(functions)}" for kind, functions in by_kind.items())


def record_text(record: OutcomeRecord) -> Text:
    """`history show CELL`: everything that is kept of one cell."""
    toolchain = record.toolchain
    rows = [
        ("cell", record.cell_key),
        ("case", f"{record.recipe}.{record.language}"),
        ("points", ", ".join(map(str, record.points)) or "(none)"),
        *toolchain_rows(toolchain),
        ("target", record.triple),
        ("level", f"-O{record.opt}"),
        ("flags", shlex.join(record.flags)),
        ("command", shlex.join(record.outcome.argv)),
        ("sandbox", record.outcome.sandbox),
        ("recorded", f"{moment_text(record.recorded)}, after {record.outcome.seconds:.2f} s"),
        ("outcome", record.outcome.reason or "object"),
        ("object", record.outcome.object_digest or "(none)"),
    ]
    text = Text(columns(rows) + "\n")
    if record.outcome.output.strip():
        text.append(f"\nThe compiler printed:\n{record.outcome.output.rstrip()}\n")
    for judgement in record.judgements:
        text.append("\n")
        title = f"judged as {judgement.profile}, rules {judgement.rules}"
        text.append_text(judgement_text(judgement, title=title, outcome=record.outcome))
    text.append(f"\nThe case:\n{record.case_text.decode(errors='replace').rstrip()}\n")
    return text


def toolchain_rows(toolchain: Toolchain) -> list[tuple[str, str]]:
    rows = [("compiler", compiler_name(toolchain)), ("version", toolchain.version_text.splitlines()[0])]
    if toolchain.llvm_version:
        rows.append(("LLVM", toolchain.llvm_version))
    if toolchain.commit:
        rows.append(("commit", toolchain.commit))
    rows.append(("toolchain", toolchain.digest))
    return rows
