"""What lies between testable standings of a line: a transition for a mark that differs, and other code."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.llvm import LlvmVersion
from mmio_bisect.domain.trail import Trail

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


def edges_of(
    line_id: int, entries: Iterable[TimelineEntry], between: Callable[[TimelineEntry, TimelineEntry], int]
) -> Iterator[Edge]:
    """The edges of a line's testable standings, oldest first, of which some follow one another.

    A transition is as `Trail` has it, of a mark in its function; `between` counts what lies between its ends.
    """
    previous: TimelineEntry | None = None
    trail = Trail[TimelineEntry, MarkRow](group_of=itemgetter(0))
    for entry in entries:
        if entry.marks is None:
            raise ValueError("an edge lies between testable standings")
        own = [mark for mark in entry.marks if mark[2] not in UNSEEN]
        changed = trail.step(entry, own, {function for function, _, kind in entry.marks if kind in UNSEEN})
        if previous is not None:
            yield _edge(line_id, previous, entry, changed, between)
        previous = entry


def _edge(
    line_id: int,
    last: TimelineEntry,
    first: TimelineEntry,
    changed: Iterable[tuple[MarkRow, Change, TimelineEntry]],
    between: Callable[[TimelineEntry, TimelineEntry], int],
) -> Edge:
    rows = tuple(
        {
            **_common(line_id, before, first, between(before, first)),
            "function": function,
            "access": access,
            "kind": kind,
            "change": change.value,
        }
        for (function, access, kind), change, before in sorted(changed, key=itemgetter(0, 1))
    )
    if last.fingerprint == first.fingerprint:
        return Edge(transitions=rows, code_changes=())
    return Edge(
        transitions=rows,
        code_changes=({**_common(line_id, last, first, between(last, first)), "same_verdict": not rows},),
    )


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
