"""Lets points stand in their lines as history has them now: standings, tallies, and the edges to their neighbours.

Many places at a time with few statements: what a sweep writes of one toolchain touches one point of many lines, and to
prepare and send a statement takes longer than a database needs to carry it out.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    String,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import among, select_in
from mmio_bisect.adapters.history.timeline import derived, vectors
from mmio_bisect.adapters.history.timeline.edges import Edge, TimelineEntry, edge
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.records import value_of

_outcomes, _points, _cases, _judgements = schema.outcomes, schema.points, schema.cases, schema.judgements
_standings, _tallies = derived.standings, derived.tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of `lines`."""

    id: int
    recipe: str
    language: str
    source_digest: str
    target: str
    opt: str
    extra: str
    series: str
    profile: str


Place = tuple[int, str]
"""A line's number and a version."""


def place(connection: Connection, wanted: Mapping[Place, Line]) -> None:
    """Let these versions stand in their lines as history has them now."""
    if not wanted:
        return
    new, old = _standings_of(connection, wanted), _standing_now(connection, wanted)
    changed = [found for found in wanted if new.get(found) != old.get(found)]
    gone = [old[found] for found in changed if found in old]
    come = [new[found] for found in changed if found in new]
    if gone:
        connection.execute(_REMOVE, [{f"its_{name}": row[name] for name in _KEY} for row in gone])
    if come:
        connection.execute(_ADD, come)
    _count(connection, gone, come)
    lines_at = defaultdict(set)
    for row in (*gone, *come):
        lines_at[row["sort_key"], row["version"]].add(row["line_id"])
    for (sort_key, version), lines in lines_at.items():
        _mend(connection, sorted(lines), sort_key, version)


_KEY = ("line_id", "sort_key", "version")
_REMOVE = delete(_standings).where(*(_standings.c[name] == bindparam(f"its_{name}") for name in _KEY))
_ADD = insert(_standings)
_NOW = select(_standings).where(
    among(_standings.c.line_id, "lines"),
    among(_standings.c.version, "versions"),
)


def _standing_now(connection: Connection, wanted: Collection[Place]) -> dict[Place, dict[str, Any]]:
    versions = sorted({version for _, version in wanted})
    rows = select_in(connection, _NOW, "lines", {line for line, _ in wanted}, versions=versions)
    found = {(row.line_id, row.version): row._asdict() for row in rows}
    return {key: row for key, row in found.items() if key in wanted}


_CANDIDATES = (
    select(
        _outcomes.c.cell_key,
        _outcomes.c.object_digest,
        _outcomes.c.recorded,
        _outcomes.c.source_digest,
        _outcomes.c.target,
        _outcomes.c.opt,
        _outcomes.c.extra,
        _points.c.version,
        _points.c.sort_key,
    )
    .join(_points, _points.c.toolchain_digest == _outcomes.c.toolchain_digest)
    .where(
        _points.c.series == bindparam("series"),
        among(_points.c.version, "versions"),
        among(_outcomes.c.source_digest, "sources"),
    )
    .order_by(_points.c.remembered.desc(), _outcomes.c.recorded.desc(), _outcomes.c.cell_key)
)
_JUDGED = (
    select(
        _judgements.c.id,
        _judgements.c.verdict,
        _judgements.c.object_digest,
        _judgements.c.profile,
        _cases.c.source_digest,
        _cases.c.recipe,
        _cases.c.language,
    )
    .join(_cases, _cases.c.expectation_digest == _judgements.c.expectation_digest)
    .where(
        among(_judgements.c.object_digest, "objects"),
        among(_cases.c.source_digest, "sources"),
    )
    .order_by(_judgements.c.rules.desc(), _judgements.c.recorded.desc(), _judgements.c.id.desc())
)


def _standings_of(connection: Connection, wanted: Mapping[Place, Line]) -> dict[Place, dict[str, Any]]:
    """Of the toolchain that each point became last, if it has an outcome that is judged; else of one it was before."""
    candidates = _candidates(connection, wanted)
    judged = _judged(connection, wanted.values(), [row for rows in candidates.values() for row in rows])
    chosen: dict[Place, tuple[Row[Any], Row[Any] | None]] = {}
    for found, line in wanted.items():
        for row in candidates.get((line.series, found[1], *_where(line)), ()):
            judgement = None
            if row.object_digest is not None:
                by = (row.object_digest, line.profile, line.source_digest, line.recipe, line.language)
                judgement = judged.get(by)
                if judgement is None:
                    continue
            chosen[found] = (row, judgement)
            break
    verdicts = {_id(judgement): _verdict(judgement) for _, judgement in chosen.values()}
    numbers = vectors.keep_for(connection, verdicts)
    return {
        (line_id, version): {
            "line_id": line_id,
            "sort_key": row.sort_key,
            "version": version,
            "vector_id": numbers[_id(judgement)],
            "cell_key": row.cell_key,
            "judgement_id": _id(judgement),
            "recorded": row.recorded,
        }
        for (line_id, version), (row, judgement) in chosen.items()
    }


def _id(judgement: Row[Any] | None) -> int | None:
    return None if judgement is None else judgement.id


def _verdict(judgement: Row[Any] | None) -> str:
    return Verdict.UNTESTABLE.value if judgement is None else str(judgement.verdict)


def _where(found: Line | Row[Any]) -> tuple[str, str, str, str]:
    return found.source_digest, found.target, found.opt, found.extra


def _candidates(connection: Connection, wanted: Mapping[Place, Line]) -> dict[tuple[str, ...], list[Row[Any]]]:
    """By series, version and line's cell: outcomes, the one that counts first."""
    versions, sources = defaultdict(set), defaultdict(set)
    for (_, version), line in wanted.items():
        versions[line.series].add(version)
        sources[line.series].add(line.source_digest)
    found: dict[tuple[str, ...], list[Row[Any]]] = defaultdict(list)
    for series, of_series in versions.items():
        fixed = {"series": series, "sources": sorted(sources[series])}
        for row in select_in(connection, _CANDIDATES, "versions", of_series, **fixed):
            found[series, row.version, *_where(row)].append(row)
    return found


def _judged(
    connection: Connection, lines: Iterable[Line], outcomes: Iterable[Row[Any]]
) -> dict[tuple[str, ...], Row[Any]]:
    """By object, profile, source, recipe and language: the judgement that counts."""
    sources = sorted({line.source_digest for line in lines})
    objects = {row.object_digest for row in outcomes if row.object_digest is not None}
    found: dict[tuple[str, ...], Row[Any]] = {}
    for row in select_in(connection, _JUDGED, "objects", objects, sources=sources):
        found.setdefault((row.object_digest, row.profile, row.source_digest, row.recipe, row.language), row)
    return found


_TALLIED = select(_tallies).where(among(_tallies.c.line_id, "lines"))
_SAME_TALLY = (_tallies.c.line_id == bindparam("its_line_id"), _tallies.c.vector_id == bindparam("its_vector_id"))
_NO_MORE = delete(_tallies).where(*_SAME_TALLY)
_RETALLIED = update(_tallies).where(*_SAME_TALLY).values(standings=bindparam("count"))
_NEWLY_TALLIED = insert(_tallies)


def _count(connection: Connection, gone: Iterable[Mapping[str, Any]], come: Iterable[Mapping[str, Any]]) -> None:
    more = Counter((row["line_id"], row["vector_id"]) for row in come)
    more.subtract((row["line_id"], row["vector_id"]) for row in gone)
    more = Counter({key: count for key, count in more.items() if count})
    rows = select_in(connection, _TALLIED, "lines", {line for line, _ in more})
    before = {(row.line_id, row.vector_id): row.standings for row in rows}
    added, altered, ended = [], [], []
    for (line, vector), count in more.items():
        its = {"its_line_id": line, "its_vector_id": vector}
        if (line, vector) not in before:
            added.append({"line_id": line, "vector_id": vector, "standings": count})
        elif before[line, vector] + count == 0:
            ended.append(its)
        else:
            altered.append({**its, "count": before[line, vector] + count})
    for statement, rows_of_it in ((_NEWLY_TALLIED, added), (_RETALLIED, altered), (_NO_MORE, ended)):
        if rows_of_it:
            connection.execute(statement, rows_of_it)


_TESTABLE = derived.vectors.c.verdict != Verdict.UNTESTABLE.value
_OWN_PLACE = tuple_(_standings.c.sort_key, _standings.c.version)
_GIVEN_PLACE = tuple_(bindparam("sort_key", type_=String()), bindparam("version", type_=String()))


def _nearest(column: ColumnElement[Any], *, before: bool) -> ColumnElement[Any]:
    """Of a line's nearest testable standing before or after a place."""
    beyond = _OWN_PLACE < _GIVEN_PLACE if before else _OWN_PLACE > _GIVEN_PLACE
    order = [name.desc() if before else name for name in (_standings.c.sort_key, _standings.c.version)]
    return (
        select(column)
        .join(derived.vectors, derived.vectors.c.id == _standings.c.vector_id)
        .where(_standings.c.line_id == derived.lines.c.id, beyond, _TESTABLE)
        .order_by(*order)
        .limit(1)
        .correlate(derived.lines)
        .scalar_subquery()
    )


_NEIGHBOURS = select(
    derived.lines.c.id,
    _nearest(_standings.c.sort_key, before=True).label("before_key"),
    _nearest(_standings.c.version, before=True).label("before_version"),
    _nearest(_standings.c.sort_key, before=False).label("after_key"),
    _nearest(_standings.c.version, before=False).label("after_version"),
).where(among(derived.lines.c.id, "lines"))
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


def _mend(connection: Connection, lines: Collection[int], sort_key: str, version: str) -> None:
    """Make the edges anew that end or begin at a place of these lines, whatever stands there now."""
    here = {"sort_key": sort_key, "version": version}
    neighbours = list(select_in(connection, _NEIGHBOURS, "lines", lines, **here))
    ends = [(row.id, sort_key, version) for row in neighbours]
    ends += [(row.id, row.after_key, row.after_version) for row in neighbours if row.after_key is not None]
    forgotten = [{"its_line": line, "its_key": key, "its_version": of_end} for line, key, of_end in ends]
    for statement in _FORGET:
        connection.execute(statement, forgotten)
    starts = [(row.id, row.before_key, row.before_version) for row in neighbours if row.before_key is not None]
    in_order = defaultdict(list)
    for line, standing in sorted(_seen(connection, (*starts, *ends)), key=lambda found: (found[0], found[1].place)):
        in_order[line].append(standing)
    gaps = _with_gaps(connection, lines)
    keep_edges(
        connection,
        [
            edge(line, last, first, _untestable_between(connection, line, last, first) if line in gaps else 0)
            for line, standings in in_order.items()
            for last, first in pairwise(standings)
        ],
    )


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


def _untestable_between(connection: Connection, line_id: int, last: TimelineEntry, first: TimelineEntry) -> int:
    where = {"low_key": last.sort_key, "low_version": last.version}
    where |= {"high_key": first.sort_key, "high_version": first.version}
    return connection.scalar(_BETWEEN, {"line": line_id, **where}) or 0
