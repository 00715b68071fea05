"""What `check` found, for people and as a document: no history, one cell or one object at a time."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.text import Text

from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome, Verdict
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.report.documents.documents import (
    compiler_name,
    judgement_member,
    outcome_member,
    toolchain_member,
    untestable_reason,
)
from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.report.terminal.judgements import judgement_text
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.probing.rehearsal import Rehearsal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRecipe:
    """A recipe's file: what is wrong with it, and a `note` on what one compiler made of it, or why none did."""

    name: str
    problems: tuple[str, ...] = ()
    note: str | None = None

    @classmethod
    def compiled(cls, name: str, tried: Rehearsal) -> Self:
        where = f"{compiler_name(tried.toolchain)}, {tried.request.target.name} -O{tried.request.opt}"
        reason = untestable_reason(tried.judgement, tried.outcome)
        return cls(
            name=name,
            problems=tuple(f"{name}: {problem} ({where})" for problem in tried.problems),
            note=f"{tried.judgement.verdict} with {where}{f' ({reason})' if reason and not tried.problems else ''}",
        )


def recipes_text(checked: Sequence[CheckedRecipe]) -> str:
    notes = [f"{found.name}: {found.note}" for found in checked if found.note]
    problems = [problem for found in checked for problem in found.problems]
    summary = f"{counted(len(checked), 'file')} read, {counted(len(problems), 'problem')}."
    return "".join(f"{line}\n" for line in (*notes, *problems, summary))


def recipes_document(checked: Sequence[CheckedRecipe]) -> JSON:
    return document(
        "recipes check",
        checked=[found.name for found in checked],
        problems=[problem for found in checked for problem in found.problems],
        notes={found.name: found.note for found in checked if found.note},
    )


def worst(checked: Sequence[Checked]) -> Verdict:
    """Bad if any is; else untestable if any is; else good."""
    verdicts = {found.judgement.verdict for found in checked}
    return next((verdict for verdict in (Verdict.BAD, Verdict.UNTESTABLE) if verdict in verdicts), Verdict.GOOD)


def functions_text(image: CodeImage) -> str:
    """The functions that an object defines, each symbol with its demangled name."""
    symbols = dict.fromkeys(place.name for place in image.places if place.name)
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
