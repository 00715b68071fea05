"""Everything that fits, read once: lines, points, standings, and each different code but once."""

import json
from collections import defaultdict
from typing import Any

from mmio_bisect.adapters.history.database import Ask
from mmio_bisect.adapters.history.queries.choice import of_lines, of_vectors
from mmio_bisect.domain.outcome import OutcomeKind, reason_of
from mmio_bisect.workflow.history.history_queries import (
    CodeDefect,
    CodeFunction,
    Filters,
    HistorySnapshot,
    LineRow,
    PointRow,
    TimelineEntryRow,
)


def read(ask: Ask, filters: Filters) -> HistorySnapshot:
    lines, vectors = of_lines(filters), of_vectors(filters)
    parameters = lines.parameters | vectors.parameters
    if filters.since:
        lines.add("s.recorded >= :since")
        parameters["since"] = filters.since
    fitting = f"AND s.vector_id IN (SELECT v.id FROM vectors v WHERE {vectors})" if vectors else ""
    standings = ask(
        f"""SELECT s.line_id, s.version, s.vector_id, s.judgement_id, s.cell_key FROM lines l CROSS JOIN standings s
        WHERE s.line_id = l.id AND {lines} {fitting} ORDER BY s.line_id, s.sort_key, s.version""",
        parameters,
    )
    chosen = {row[0] for row in standings}
    judged = {row[3] for row in standings if row[3] is not None}
    all_lines = ask(
        """SELECT id, recipe, language, target, opt, extra, series FROM lines
        ORDER BY series, recipe, language, target, opt, extra, id"""
    )
    return HistorySnapshot(
        points=_points(ask),
        lines=tuple(LineRow._make(row) for row in all_lines if row[0] in chosen),
        vectors={number: (verdict, marks) for number, verdict, marks in ask("SELECT id, verdict, marks FROM vectors")},
        standings=tuple(map(TimelineEntryRow._make, standings)),
        codes=_codes(ask, judged),
        reasons=_reasons(ask, {row[4] for row in standings if row[3] is None}),
    )


def _points(ask: Ask) -> tuple[PointRow, ...]:
    """A point that became several toolchains is the last of them."""
    rows = ask(
        """SELECT p.series, p.version, c.family, c.compiler_version, c.llvm_version
        FROM points p JOIN toolchains c ON c.digest = p.toolchain_digest
        ORDER BY p.series, p.sort_key, p.version, p.remembered"""
    )
    return tuple({(row[0], row[1]): PointRow._make(row) for row in rows}.values())


def _codes(ask: Ask, judged: set[int]) -> dict[int, tuple[CodeFunction, ...]]:
    defects: defaultdict[tuple[int, int], list[CodeDefect]] = defaultdict(list)
    for judgement, function, *told in ask(
        """SELECT judgement_id, function_ordinal, kind, access, code, position, instruction, why FROM defects
        ORDER BY judgement_id, function_ordinal, ordinal"""
    ):
        if judgement in judged:
            defects[judgement, function].append(CodeDefect._make(told))
    codes: defaultdict[int, list[CodeFunction]] = defaultdict(list)
    for judgement, ordinal, name, listing in ask(
        """SELECT judgement_id, function_ordinal, function, listing FROM judged_functions
        ORDER BY judgement_id, function_ordinal"""
    ):
        if judgement in judged:
            found = tuple(defects[judgement, ordinal])
            codes[judgement].append(CodeFunction(name, _listing(listing), found))
    return {judgement: tuple(functions) for judgement, functions in codes.items()}


def _listing(stored: Any) -> tuple[tuple[str, int, str, str], ...]:  # noqa: ANN401 - text in SQLite, else what it says
    lines = json.loads(stored) if isinstance(stored, str) else stored
    return tuple((code, position, encoding, text) for code, position, encoding, text in lines)


def _reasons(ask: Ask, cells: set[str]) -> dict[str, str]:
    rows = ask("SELECT cell_key, kind, status, output FROM outcomes WHERE kind <> 'object'")
    return {cell: reason_of(OutcomeKind(kind), status, output) for cell, kind, status, output in rows if cell in cells}
