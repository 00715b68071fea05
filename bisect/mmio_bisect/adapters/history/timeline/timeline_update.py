"""Lets points stand in their lines as history has them now: standings, tallies, and the edges to their neighbours.

Many places at a time with few statements: what a sweep writes of one toolchain touches one point of many lines, and to
prepare and send a statement takes longer than a database needs to carry it out.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import among, select_in
from mmio_bisect.adapters.history.timeline import derived, vectors
from mmio_bisect.adapters.history.timeline.edge_update import mend
from mmio_bisect.domain.outcome import Verdict

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
        mend(connection, sorted(lines), sort_key, version)


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
