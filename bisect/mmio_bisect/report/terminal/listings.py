"""Short lists for people: a recipe's cases, the toolchain store, and what `doctor` found (which is a document too)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mmio_bisect.domain.recipe import Case, Recipe
from mmio_bisect.domain.records import record_of
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.report.documents.documents import compiler_text
from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.report.terminal.tables import age_text, columns, counted
from mmio_bisect.workflow.ports.store import StoredToolchain


def recipe_text(recipe: Recipe) -> str:
    return "\n".join(_case_text(case) for case in recipe.cases)


def _case_text(case: Case) -> str:
    rows = [
        ("case", case.file_name),
        ("targets", ", ".join(case.targets)),
        ("levels", ", ".join(f"-O{level}" for level in case.opt_levels)),
        *([("issue", case.issue)] if case.issue else []),
        *([("window", ", ".join(map(str, case.windows)))] if case.windows else []),
        *(("function", str(function)) for function in case.functions),
    ]
    return f"{columns(rows)}\n\n{case.text.decode(errors='replace').rstrip()}\n"


def stored_text(entries: Sequence[StoredToolchain], *, now: float | None = None) -> str:
    """`now` in seconds since the epoch; None: the clock's."""
    moment = time.time() if now is None else now
    rows = [
        (
            ", ".join(map(str, entry.points)),
            compiler_text(entry.toolchain),
            size_text(entry.size),
            "in use" if entry.in_use else age_text(moment - entry.last_used),
        )
        for entry in entries
    ]
    total = f"{counted(len(entries), 'toolchain')}, {size_text(sum(entry.size for entry in entries))}.\n"
    return columns(rows, right=frozenset({2})) + ("\n\n" if rows else "") + total


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


def findings_text(findings: Sequence[Finding]) -> str:
    return columns([(finding.state.value, finding.name, finding.detail) for finding in findings]) + "\n"


def findings_document(findings: Sequence[Finding]) -> JSON:
    return document("doctor", findings=list(map(record_of, findings)))
