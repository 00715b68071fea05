"""Recipes down and versions across: the verdict of each standing, as far as the kinds asked for are concerned."""

from collections import defaultdict
from collections.abc import Collection

from mmio_bisect.adapters.history.database import Ask
from mmio_bisect.adapters.history.queries.choice import Conditions, of_lines, of_vectors
from mmio_bisect.adapters.history.timeline.edges import UNSEEN
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.workflow.history.history_queries import (
    Filters,
    Matrix,
    MatrixCell,
    MatrixColumn,
    MatrixRow,
    Page,
    Paged,
)


def matrix(ask: Ask, filters: Filters, page: Page, *, columns: int, skip: int = 0) -> Paged[Matrix]:
    lines, vectors = of_lines(filters), of_vectors(filters)
    having = f"SELECT 1 FROM tallies t CROSS JOIN vectors v WHERE t.line_id = l.id AND v.id = t.vector_id AND {vectors}"
    fitting = f"AND EXISTS ({having})" if vectors else ""
    parameters = lines.parameters | vectors.parameters
    total = ask(f"SELECT count(*) FROM lines l WHERE {lines} {fitting}", parameters)[0][0]
    direction = "DESC" if page.reverse else "ASC"
    order = ", ".join(
        f"l.{name} {direction}" for name in ("series", "recipe", "language", "target", "opt", "extra", "id")
    )
    sql = f"""
        SELECT l.id, l.series, l.recipe, l.language, l.target, l.opt, l.extra FROM lines l
        WHERE {lines} {fitting} ORDER BY {order} LIMIT :limit OFFSET :offset
    """
    found = ask(sql, {**parameters, "limit": page.limit, "offset": page.offset})
    by_series = defaultdict(list)
    for line, series, *row in found:
        by_series[series].append((line, row))
    blocks = []
    for series, rows in by_series.items():
        shown, oldest, newest, older = _columns(ask, series, columns, skip)
        if not shown:
            continue
        cells = _cells(ask, [line for line, _ in rows], [column.version for column in shown], (oldest, newest), filters)
        blocks.append(
            Matrix(
                series=series,
                columns=tuple(shown),
                older=older,
                rows=tuple(MatrixRow._make((*row, tuple(cells[line]))) for line, row in rows),
            )
        )
    return Paged(rows=tuple(blocks), total=total, more=page.offset + len(found) < total)


def _columns(ask: Ask, series: str, columns: int, skip: int = 0) -> tuple[list[MatrixColumn], str, str, int]:
    """The newest points, oldest first; the sort keys of both ends; and how many older ones there are.

    A point that became several toolchains has the LLVM of the last.
    """
    sql = """
        SELECT p.sort_key, p.version, c.llvm_version FROM points p CROSS JOIN toolchains c
        WHERE c.digest = p.toolchain_digest AND p.series = :series AND p.sort_key IN (
            SELECT DISTINCT sort_key FROM points WHERE series = :series ORDER BY sort_key DESC LIMIT :limit OFFSET :skip
        ) ORDER BY p.sort_key, p.version, p.remembered
    """
    rows = ask(sql, {"series": series, "limit": columns, "skip": skip})
    if not rows:
        return [], "", "", 0
    llvm = {version: llvm for _, version, llvm in rows}
    oldest, newest = rows[0][0], rows[-1][0]
    count = "SELECT count(DISTINCT sort_key) FROM points WHERE series = :series AND sort_key < :oldest"
    older = ask(count, {"series": series, "oldest": oldest})[0][0]
    return [MatrixColumn(*column) for column in llvm.items()], oldest, newest, older


def _cells(
    ask: Ask, lines: list[int], versions: list[str], ends: tuple[str, str], filters: Filters
) -> dict[int, list[MatrixCell | None]]:
    """By line and place among the versions; `ends` are the oldest and the newest sort key."""
    within = Conditions()
    within.one_of_numbers("s.line_id", lines)
    within.add("s.sort_key BETWEEN :oldest AND :newest", oldest=ends[0], newest=ends[1])
    if filters.since:
        within.add("s.recorded >= :since", since=filters.since)
    sql = f"""
        SELECT s.line_id, s.version, s.vector_id, s.cell_key FROM standings s WHERE {within}
    """
    rows = ask(sql, within.parameters)
    vectors = _vectors(ask, {vector for _, _, vector, _ in rows}, frozenset(filters.defects))
    places = {version: place for place, version in enumerate(versions)}
    cells: dict[int, list[MatrixCell | None]] = {line: [None] * len(versions) for line in lines}
    new = tuple.__new__  # as MatrixCell() does in the end: there may be a hundred thousand
    for line_id, version, vector_id, cell_key in rows:
        cells[line_id][places[version]] = new(MatrixCell, vectors[vector_id] + (cell_key,))
    return cells


def _vectors(ask: Ask, ids: Collection[int], kinds: frozenset[str]) -> dict[int, tuple[str, str]]:
    chosen = Conditions()
    chosen.one_of_numbers("v.id", sorted(ids))
    sql = f"SELECT v.id, v.verdict, v.marks FROM vectors v WHERE {chosen}"
    found = {number: (verdict, marks) for number, verdict, marks in ask(sql)}
    if not kinds:
        return found
    return {number: (restricted(verdict, marks, kinds), marks) for number, (verdict, marks) in found.items()}


def restricted(verdict: str, marks: str, kinds: frozenset[str]) -> str:
    """The verdict if only these kinds count, as `workflow.probing.judge.restrict` has it."""
    if verdict != Verdict.BAD:
        return verdict
    told = [mark.split(" ") for mark in marks.split(", ")]
    if any(words[-1] in kinds for words in told):
        return Verdict.BAD.value
    return Verdict.UNTESTABLE.value if any(words[-1] in UNSEEN for words in told) else Verdict.GOOD.value
