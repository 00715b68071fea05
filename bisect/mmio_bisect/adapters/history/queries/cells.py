"""Cells, newest first or along their lines.

CROSS JOIN is how SQLite is told in which order to go through tables; to others it is a join like any.

Newest first there are two ways. Where little fits, the standings of the chosen lines and vectors are looked up and
sorted; where much does, all standings are read from the newest on until the page is full. The tallies tell which.
"""

from mmio_bisect.adapters.history.database import Ask
from mmio_bisect.adapters.history.queries.choice import Conditions, of_lines, of_vectors
from mmio_bisect.workflow.history.history_queries import CellOrder, CellRow, Filters, Page, Paged

_MUCH = 16_000
"""So many standings that it is quicker to read a million in order of time, to the first fifty of them, than to sort."""

_ROWS = """
SELECT s.cell_key, l.recipe, l.language, l.series, s.version, c.family, c.compiler_version, c.llvm_version,
       l.target, l.opt, o.kind, v.verdict, v.marks, o.seconds, s.recorded
FROM ({top}) top
CROSS JOIN standings s CROSS JOIN lines l CROSS JOIN vectors v CROSS JOIN outcomes o CROSS JOIN toolchains c
WHERE s.line_id = top.line_id AND s.sort_key = top.sort_key AND s.version = top.version
  AND l.id = s.line_id AND v.id = s.vector_id AND o.cell_key = s.cell_key AND c.digest = o.toolchain_digest
ORDER BY {order}
"""
_TIME = ("s.recorded", "s.vector_id", "s.line_id", "s.sort_key", "s.version")
_LINE_ORDERS = {
    CellOrder.RECIPE: ("recipe", "language", "target", "opt", "series"),
    CellOrder.SERIES: ("series", "recipe", "language", "target", "opt"),
    CellOrder.TARGET: ("target", "recipe", "language", "opt", "series"),
    CellOrder.OPT: ("opt", "recipe", "language", "target", "series"),
}


def cells(ask: Ask, filters: Filters, order: CellOrder, page: Page) -> Paged[CellRow]:
    lines, vectors = of_lines(filters), of_vectors(filters)
    if order is not CellOrder.RECORDED:
        return _along_lines(ask, filters, order, page, lines, vectors)
    total = None
    if filters.since is None or lines.narrowed or vectors:
        total = _count(ask, lines, vectors)
    sql, parameters = _top(lines, vectors, filters.since, page, look_up=total is not None and total < _MUCH)
    ordered = _ordered(_TIME, reverse=not page.reverse)
    return _page(ask, _ROWS.format(top=sql, order=ordered), parameters, page, None if filters.since else total)


def _count(ask: Ask, lines: Conditions, vectors: Conditions) -> int:
    """How many standings fit but for their time."""
    sql = f"""
        SELECT coalesce(sum(t.standings), 0) FROM lines l CROSS JOIN tallies t
        WHERE t.line_id = l.id AND {lines} {_of_tallies(vectors)}
    """
    return int(ask(sql, lines.parameters | vectors.parameters)[0][0])


def _of_tallies(vectors: Conditions) -> str:
    """The plus sign keeps SQLite from looking up every pair of a line and a vector, most of which are not there."""
    return f"AND +t.vector_id IN (SELECT v.id FROM vectors v WHERE {vectors})" if vectors else ""


def _top(
    lines: Conditions, vectors: Conditions, since: str | None, page: Page, *, look_up: bool
) -> tuple[str, dict[str, object]]:
    """The places of the page. Looked up, the index on line, vector and time has all that is needed.

    Otherwise the plus signs keep SQLite from looking up every line instead of reading in order.
    """
    recent = "AND s.recorded >= :since" if since else ""
    chosen = (
        f"""FROM lines l CROSS JOIN tallies t CROSS JOIN standings s
        WHERE t.line_id = l.id AND s.line_id = t.line_id AND s.vector_id = t.vector_id
          AND {lines} {_of_tallies(vectors)} {recent}"""
        if look_up
        else f"""FROM standings s
        WHERE +s.line_id IN (SELECT l.id FROM lines l WHERE {lines}) {recent} {_fitting(vectors)}"""
    )
    order = _ordered(_TIME, reverse=not page.reverse)
    sql = f"SELECT s.line_id, s.sort_key, s.version {chosen} ORDER BY {order} LIMIT :limit OFFSET :offset"
    return sql, lines.parameters | vectors.parameters | _paging(page, since)


def _fitting(vectors: Conditions) -> str:
    return f"AND +s.vector_id IN (SELECT v.id FROM vectors v WHERE {vectors})" if vectors else ""


def _along_lines(
    ask: Ask,
    filters: Filters,
    order: CellOrder,
    page: Page,
    lines: Conditions,
    vectors: Conditions,
) -> Paged[CellRow]:
    """Line after line: the tallies tell which lines the page lies in."""
    columns = _LINE_ORDERS[order]
    by_line = _ordered([f"l.{name}" for name in (*columns, "id")], reverse=page.reverse)
    sql = f"""
        SELECT l.id, sum(t.standings)
        FROM lines l CROSS JOIN tallies t
        WHERE t.line_id = l.id AND {lines} {_of_tallies(vectors)} GROUP BY l.id ORDER BY {by_line}
    """
    counted = [(line, int(count)) for line, count in ask(sql, lines.parameters | vectors.parameters)]
    total = sum(count for _, count in counted)
    chosen, skipped = _lines_of_page(counted, page) if filters.since is None else ([line for line, _ in counted], 0)
    within = Conditions()
    within.one_of_numbers("s.line_id", chosen)
    recent = "AND s.recorded >= :since" if filters.since else ""
    places = _ordered([*(f"l.{name}" for name in (*columns, "id")), "s.sort_key", "s.version"], reverse=page.reverse)
    top = f"""
        SELECT s.line_id, s.sort_key, s.version FROM standings s CROSS JOIN lines l
        WHERE l.id = s.line_id AND {within} {recent} {_fitting(vectors)} ORDER BY {places} LIMIT :limit OFFSET :offset
    """
    parameters = within.parameters | vectors.parameters | _paging(page, filters.since)
    parameters["offset"] = page.offset - skipped
    return _page(ask, _ROWS.format(top=top, order=places), parameters, page, None if filters.since else total)


def _lines_of_page(counted: list[tuple[int, int]], page: Page) -> tuple[list[int], int]:
    """The lines that the page lies in, and how many standings come before the first of them."""
    chosen: list[int] = []
    before = skipped = 0
    for line, count in counted:
        if before + count > page.offset and before <= page.offset + page.limit:
            if not chosen:
                skipped = before
            chosen.append(line)
        before += count
    return chosen, skipped


def _page(ask: Ask, sql: str, parameters: dict[str, object], page: Page, total: int | None) -> Paged[CellRow]:
    rows = list(map(CellRow._make, ask(sql, parameters)))
    return Paged(rows=tuple(rows[: page.limit]), total=total, more=len(rows) > page.limit)


def _paging(page: Page, since: str | None) -> dict[str, object]:
    """One row more than asked for tells whether there are more."""
    return {"limit": page.limit + 1, "offset": page.offset} | ({"since": since} if since else {})


def _ordered(columns: tuple[str, ...] | list[str], *, reverse: bool) -> str:
    return ", ".join(f"{column} {'DESC' if reverse else 'ASC'}" for column in columns)
