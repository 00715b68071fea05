"""What lies between two neighbouring testable standings of a line: a transition a mark that differs, and other code."""

from dataclasses import dataclass
from typing import Any

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.llvm import LlvmVersion

MarkRow = tuple[str, str, str]
"""A `Mark` as the tables keep it: function, access (empty where it is None) and kind of defect."""

Row = dict[str, Any]

UNSEEN = frozenset(kind.value for kind in DefectKind if kind.unseen)
"""Kinds that say that something was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One point of a line as its neighbours see it; `marks` is None where it is untestable."""

    sort_key: str
    version: str
    marks: frozenset[MarkRow] | None
    fingerprint: str | None
    cell_key: str
    llvm: str | None
    recorded: str

    @property
    def place(self) -> tuple[str, str]:
        return self.sort_key, self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Rows for the tables `transitions` and `code_changes`."""

    transitions: tuple[Row, ...]
    code_changes: tuple[Row, ...]


def edge(line_id: int, last: TimelineEntry, first: TimelineEntry, untestable: int) -> Edge:
    """Between two testable standings, the older first, with so many untestable ones between them.

    A mark changes only where it is there on one side, and all of its function was seen on the other.
    """
    if last.marks is None or first.marks is None:
        raise ValueError("an edge lies between testable standings")
    common = _common(line_id, last, first, untestable)
    changed = [(mark, Change.FIXED) for mark in _lacking(last.marks, first.marks)]
    changed += [(mark, Change.INTRODUCED) for mark in _lacking(first.marks, last.marks)]
    rows = tuple(
        {**common, "function": function, "access": access, "kind": kind, "change": change.value}
        for (function, access, kind), change in sorted(changed)
    )
    other_code = last.fingerprint != first.fingerprint
    code_changes = ({**common, "same_verdict": not rows},) if other_code else ()
    return Edge(transitions=rows, code_changes=code_changes)


def _lacking(there: frozenset[MarkRow], elsewhere: frozenset[MarkRow]) -> set[MarkRow]:
    """Those that are there and for certain not elsewhere."""
    in_part = {function for function, _, kind in elsewhere if kind in UNSEEN}
    return {mark for mark in there - elsewhere if mark[2] not in UNSEEN and mark[0] not in in_part}


def _common(line_id: int, last: TimelineEntry, first: TimelineEntry, untestable: int) -> Row:
    llvm = LlvmVersion.from_text(first.llvm)
    return {
        "line_id": line_id,
        "first_sort_key": first.sort_key,
        "first_version": first.version,
        "first_cell": first.cell_key,
        "first_llvm": first.llvm,
        "llvm_key": "" if llvm is None else llvm.key,
        "last_sort_key": last.sort_key,
        "last_version": last.version,
        "last_cell": last.cell_key,
        "last_llvm": last.llvm,
        "untestable": untestable,
        "noticed": max(last.recorded, first.recorded),
    }
