"""Transitions by mark, and changes of code, as they were found when outcomes were written."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mmio_bisect.adapters.history.database import Ask
from mmio_bisect.adapters.history.queries.choice import Conditions, of_lines
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.workflow.history.history_queries import (
    ChangeOrder,
    CodeChangeRow,
    Filters,
    NoteRow,
    Page,
    Paged,
    TransitionRow,
)

Row = TypeVar("Row")
_EDGE = (
    """t.last_version, t.first_version, t.last_llvm, t.first_llvm, t.untestable, t.last_cell, t.first_cell, t.noticed"""
)
_LINE = "l.recipe, l.language, l.target, l.opt, l.series"
_PLACE = ("l.recipe", "l.language", "l.target")
_WHERE = ("t.llvm_key", "l.series", "t.first_sort_key", "l.opt", "l.id")
_MARK = ("t.function", "t.access", "t.kind", "t.change")
_JOINED = {True: "FROM lines l CROSS JOIN {table} t", False: "FROM {table} t CROSS JOIN lines l"}
_BECAME = {Verdict.BAD.value: Change.INTRODUCED.value, Verdict.GOOD.value: Change.FIXED.value}


def transitions(ask: Ask, filters: Filters, order: ChangeOrder, page: Page) -> Paged[TransitionRow]:
    """A verdict that is asked for is the one after the change."""
    chosen = of_lines(filters)
    chosen.one_of("t.kind", filters.defects)
    chosen.one_of("t.function", filters.functions)
    if filters.verdicts:
        chosen.one_of("t.change", [_BECAME[verdict] for verdict in filters.verdicts if verdict in _BECAME] or ["none"])
    columns = f"{_LINE}, t.function, t.access, t.kind, t.change, {_EDGE}"
    return _page(ask, "transitions", columns, chosen, filters, _order(order, _MARK), page, TransitionRow._make)


def code_changes(
    ask: Ask, filters: Filters, order: ChangeOrder, page: Page, *, same_verdict: bool
) -> Paged[CodeChangeRow]:
    chosen = of_lines(filters)
    if same_verdict:
        chosen.add("t.same_verdict")
    columns = f"{_LINE}, t.same_verdict, {_EDGE}"
    return _page(ask, "code_changes", columns, chosen, filters, _order(order, ()), page, _code_change)


def _code_change(row: Sequence[Any]) -> CodeChangeRow:
    return CodeChangeRow._make(row)._replace(same_verdict=bool(row[5]))  # SQLite has numbers


def notes(ask: Ask, recipes: tuple[str, ...] = ()) -> tuple[NoteRow, ...]:
    chosen = Conditions()
    chosen.one_of("n.recipe", recipes)
    sql = f"SELECT {', '.join(NoteRow._fields)} FROM notes n WHERE {chosen} ORDER BY n.recorded, n.uid"
    return tuple(map(NoteRow._make, ask(sql, chosen.parameters)))


def _order(order: ChangeOrder, mark: tuple[str, ...]) -> list[str]:
    """Columns and their directions; a leading minus is from high to low."""
    match order:
        case ChangeOrder.PLACE:
            return [*_PLACE, *mark, *_WHERE]
        case ChangeOrder.NOTICED:
            return ["-t.noticed", *_PLACE, *mark, *_WHERE]
        case ChangeOrder.LLVM:
            return ["-t.llvm_key", *_PLACE, *mark, *_WHERE[1:]]
        case ChangeOrder.SERIES:
            return ["l.series", "t.first_sort_key", *_PLACE, *mark, "l.opt", "l.id"]


def _page(
    ask: Ask,
    table: str,
    columns: str,
    chosen: Conditions,
    filters: Filters,
    order: list[str],
    page: Page,
    make: Callable[[Sequence[Any]], Row],
) -> Paged[Row]:
    if filters.since:
        chosen.add("t.noticed >= :since", since=filters.since)
    # Lines first, of which the index gives what belongs to them; or in order of time, until the page is full.
    lines_first = chosen.narrowed or not order[0].startswith("-t.noticed")
    joined = f"{_JOINED[lines_first].format(table=table)} WHERE l.id = t.line_id AND {chosen}"
    ordered = ", ".join(
        f"{column.removeprefix('-')} {'DESC' if column.startswith('-') is not page.reverse else 'ASC'}"
        for column in order
    )
    every = f"{_JOINED[True].format(table=table)} WHERE l.id = t.line_id AND {chosen}"
    total = ask(f"SELECT count(*) {every}", chosen.parameters)[0][0]
    sql = f"SELECT {columns} {joined} ORDER BY {ordered} LIMIT :limit OFFSET :offset"
    rows = ask(sql, {**chosen.parameters, "limit": page.limit, "offset": page.offset})
    return Paged(rows=tuple(map(make, rows)), total=total, more=page.offset + len(rows) < total)
