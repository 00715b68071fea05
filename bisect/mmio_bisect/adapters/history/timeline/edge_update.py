"""Keeps the edges between a line's standings up to date with one place of it that changed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    String,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
)

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import among, select_in
from mmio_bisect.adapters.history.timeline import derived, vectors
from mmio_bisect.adapters.history.timeline.edges import UNSEEN, Edge, TimelineEntry, edges_of
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.records import value_of

_outcomes, _judgements = schema.outcomes, schema.judgements
_standings, _tallies = derived.standings, derived.tallies

_TESTABLE = derived.vectors.c.verdict != Verdict.UNTESTABLE.value
_OWN_PLACE = tuple_(_standings.c.sort_key, _standings.c.version)
_GIVEN_PLACE = tuple_(bindparam("sort_key", type_=String()), bindparam("version", type_=String()))


_WHOLE = ~exists().where(derived.marks.c.vector_id == derived.vectors.c.id, derived.marks.c.kind.in_(sorted(UNSEEN)))
"""Nothing was not seen there: what lies before tells nothing of what lies behind."""


def _nearest(column: ColumnElement[Any], *, before: bool, only: ColumnElement[bool]) -> ColumnElement[Any]:
    """Of a line's nearest testable standing before or after a place."""
    beyond = _OWN_PLACE < _GIVEN_PLACE if before else _OWN_PLACE > _GIVEN_PLACE
    order = [name.desc() if before else name for name in (_standings.c.sort_key, _standings.c.version)]
    return (
        select(column)
        .join(derived.vectors, derived.vectors.c.id == _standings.c.vector_id)
        .where(_standings.c.line_id == derived.lines.c.id, beyond, _TESTABLE, only)
        .order_by(*order)
        .limit(1)
        .correlate(derived.lines)
        .scalar_subquery()
    )


_NEIGHBOURS = select(
    derived.lines.c.id,
    *(
        _nearest(column, before=before, only=only)
        for only in (true(), _WHOLE)
        for before in (True, False)
        for column in (_standings.c.sort_key, _standings.c.version)
    ),
).where(among(derived.lines.c.id, "lines"))
_STRETCH = (
    select(_standings.c.line_id, _standings.c.sort_key, _standings.c.version)
    .join(derived.vectors, derived.vectors.c.id == _standings.c.vector_id)
    .where(
        _standings.c.line_id == bindparam("line", type_=Integer()),
        _TESTABLE,
        or_(
            bindparam("from_start", type_=Boolean()),
            tuple_(bindparam("low_key", type_=String()), bindparam("low_version", type_=String())) <= _OWN_PLACE,
        ),
        or_(
            bindparam("to_end", type_=Boolean()),
            tuple_(bindparam("high_key", type_=String()), bindparam("high_version", type_=String())) >= _OWN_PLACE,
        ),
    )
)
_SEEN = (
    select(
        _standings.c.line_id,
        _standings.c.sort_key,
        _standings.c.version,
        _standings.c.vector_id,
        _standings.c.cell_key,
        _standings.c.recorded,
        _judgements.c.fingerprint,
        schema.toolchains.c.llvm_version.label("llvm"),
    )
    .join(derived.vectors, derived.vectors.c.id == _standings.c.vector_id)
    .join(_outcomes, _outcomes.c.cell_key == _standings.c.cell_key)
    .join(schema.toolchains, schema.toolchains.c.digest == _outcomes.c.toolchain_digest)
    .outerjoin(_judgements, _judgements.c.id == _standings.c.judgement_id)
    .where(
        _TESTABLE,
        tuple_(_standings.c.line_id, _standings.c.sort_key, _standings.c.version).in_(
            bindparam("places", expanding=True)
        ),
    )
)
_FORGET = [
    delete(table).where(
        table.c.line_id == bindparam("its_line"),
        table.c.first_sort_key == bindparam("its_key"),
        table.c.first_version == bindparam("its_version"),
    )
    for table in (derived.transitions, derived.code_changes)
]


def mend(connection: Connection, lines: Collection[int], sort_key: str, version: str) -> None:
    """Make the edges anew that a place of these lines bears on, whatever stands there now."""
    places: list[tuple[int, str, str]] = []
    ends: list[tuple[int, str, str]] = []
    for row in select_in(connection, _NEIGHBOURS, "lines", lines, sort_key=sort_key, version=version):
        keys: tuple[Any, ...] = tuple(row)
        line, before, after, low, high = keys[0], keys[1:3], keys[3:5], keys[5:7], keys[7:9]
        around = {(line, sort_key, version), *((line, *each) for each in (before, after) if each[0] is not None)}
        if (low, high) != (before, after):
            around.update(_stretch(connection, line, low, high))
        places += around
        ends += around - {(line, *low)}
    forgotten = [{"its_line": line, "its_key": key, "its_version": of_end} for line, key, of_end in ends]
    for statement in _FORGET:
        connection.execute(statement, forgotten)
    in_order = defaultdict(list)
    for line, standing in sorted(_seen(connection, places), key=lambda found: (found[0], found[1].place)):
        in_order[line].append(standing)
    gaps = _with_gaps(connection, lines)
    edges = (
        edges_of(line, standings, partial(_between, connection, line, standings, gaps=line in gaps))
        for line, standings in in_order.items()
    )
    keep_edges(connection, chain.from_iterable(edges))


def _stretch(
    connection: Connection, line: int, low: tuple[str | None, ...], high: tuple[str | None, ...]
) -> list[tuple[int, str, str]]:
    """The places of testable standings from one at which all was seen to the next, or the line's ends."""
    where: dict[str, object] = {"line": line, "from_start": low[0] is None, "to_end": high[0] is None}
    where |= {"low_key": low[0] or "", "low_version": low[1] or ""}
    where |= {"high_key": high[0] or "", "high_version": high[1] or ""}
    return [(row.line_id, row.sort_key, row.version) for row in connection.execute(_STRETCH, where)]


def _between(
    connection: Connection,
    line: int,
    standings: Sequence[TimelineEntry],
    last: TimelineEntry,
    first: TimelineEntry,
    *,
    gaps: bool,
) -> int:
    """How many standings lie between two, of a line with untestable ones or without."""
    if gaps:
        return _standings_between(connection, line, last, first)
    return standings.index(first) - standings.index(last) - 1


def keep_edges(connection: Connection, edges: Iterable[Edge]) -> None:
    edges = list(edges)
    for table, rows in (
        (derived.transitions, [row for found in edges for row in found.transitions]),
        (derived.code_changes, [row for found in edges for row in found.code_changes]),
    ):
        if rows:
            connection.execute(insert(table), rows)


def _seen(connection: Connection, places: Collection[tuple[int, str, str]]) -> list[tuple[int, TimelineEntry]]:
    """The testable standings among these."""
    rows = list(select_in(connection, _SEEN, "places", places))
    marks = vectors.load(connection, {row.vector_id for row in rows})
    return [
        (row.line_id, value_of(TimelineEntry, row._mapping, marks=marks.get(row.vector_id, frozenset())))  # noqa: SLF001 - public in SQLAlchemy
        for row in rows
    ]


_GAPS = (
    select(_tallies.c.line_id)
    .join(derived.vectors, derived.vectors.c.id == _tallies.c.vector_id)
    .where(~_TESTABLE, among(_tallies.c.line_id, "lines"))
)
_BETWEEN = (
    select(func.count())
    .select_from(_standings)
    .where(
        _standings.c.line_id == bindparam("line", type_=Integer()),
        tuple_(bindparam("low_key", type_=String()), bindparam("low_version", type_=String())) < _OWN_PLACE,
        tuple_(bindparam("high_key", type_=String()), bindparam("high_version", type_=String())) > _OWN_PLACE,
    )
)


def _with_gaps(connection: Connection, lines: Collection[int]) -> set[int]:
    """Those of the lines that have an untestable standing at all."""
    return {row.line_id for row in select_in(connection, _GAPS, "lines", lines)}


def _standings_between(connection: Connection, line_id: int, last: TimelineEntry, first: TimelineEntry) -> int:
    where = {"low_key": last.sort_key, "low_version": last.version}
    where |= {"high_key": first.sort_key, "high_version": first.version}
    return connection.scalar(_BETWEEN, {"line": line_id, **where}) or 0
