"""What `check` found, for people and as a document: no history, one cell or one object at a time."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome, Verdict
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.report.documents.documents import compiler_name, judgement_member, outcome_member, toolchain_member
from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.report.terminal.judgements import judgement_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Where a judged object came from, when a compiler made it."""

    request: CellRequest
    toolchain: Toolchain
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One thing that was judged; `name` is the compiler's or the object's file name."""

    name: str
    judgement: Judgement
    compiled: Compiled | None = None

    @property
    def title(self) -> str:
        if self.compiled is None:
            return self.name
        request = self.compiled.request
        return f"{self.name} ({compiler_name(self.compiled.toolchain)}) {request.target.name} -O{request.opt}"


def worst(checked: Sequence[Checked]) -> Verdict:
    """Bad if any is; else untestable if any is; else good."""
    verdicts = {found.judgement.verdict for found in checked}
    return next((verdict for verdict in (Verdict.BAD, Verdict.UNTESTABLE) if verdict in verdicts), Verdict.GOOD)


def functions_text(image: CodeImage) -> str:
    """The functions that an object defines, each symbol with its demangled name."""
    symbols = dict.fromkeys(code.name for code in image.functions if code.name)
    names = ((symbol, image.names.get(symbol, symbol)) for symbol in symbols)
    return "".join(f"{symbol}\n" if symbol == name else f"{symbol}  {name}\n" for symbol, name in names)


def checked_text(checked: Sequence[Checked]) -> Text:
    text = Text()
    for found in checked:
        if text:
            text.append("\n")
        outcome = found.compiled.outcome if found.compiled else None
        text.append_text(judgement_text(found.judgement, title=found.title, outcome=outcome))
        if outcome is not None and outcome.argv:
            text.append(f"\nTo reproduce: {shlex.join(outcome.argv)}\n")
    return text


def checked_document(case: Case | None, checked: Sequence[Checked]) -> JSON:
    return document(
        "check",
        recipe=case.recipe if case else None,
        case=case.file_name if case else None,
        verdict=worst(checked).value,
        checks=[_member(found) for found in checked],
    )


def _member(found: Checked) -> JSON:
    members: JSON = {"name": found.name, "target": None, "opt": None, "toolchain": None, "outcome": None}
    if found.compiled is not None:
        members |= {
            "target": found.compiled.request.target.name,
            "opt": found.compiled.request.opt.value,
            "toolchain": toolchain_member(found.compiled.toolchain),
            "outcome": outcome_member(found.compiled.outcome),
        }
    return {**members, "judgement": judgement_member(found.judgement)}
