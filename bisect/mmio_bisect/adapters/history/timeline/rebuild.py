"""Makes the derived tables from nothing: after a migration, after an import, and to check what is there.

One text of a recipe at a time, so that a million outcomes need no more memory than those of one text.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, func, insert, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_numbered
from mmio_bisect.adapters.history.timeline import derived, vectors
from mmio_bisect.adapters.history.timeline.edge_update import keep_edges
from mmio_bisect.adapters.history.timeline.edges import Edge, MarkRow, TimelineEntry, edges_of
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE
from mmio_bisect.domain.outcome import Verdict

_outcomes, _points, _cases, _judgements = schema.outcomes, schema.points, schema.cases, schema.judgements

_BATCH = 5000


class Where(NamedTuple):
    """What tells the lines of one text and profile apart."""

    target: str
    opt: str
    extra: str
    series: str


JudgedEntry = tuple[TimelineEntry, int, int | None]
"""With the numbers of its vector and its judgement."""


def rebuild(connection: Connection, sources: Iterable[str] | None = None) -> None:
    """All of it, or what concerns the texts of these digests."""
    chosen = None if sources is None else set(sources)
    _forget(connection, chosen)
    points = _points_by_toolchain(connection)
    for source in connection.scalars(select(_cases.c.source_digest).distinct().order_by(_cases.c.source_digest)).all():
        if chosen is None or source in chosen:
            _Text(connection, source, points).make()
    _choose_current(connection)


def _forget(connection: Connection, sources: set[str] | None) -> None:
    if sources is None:
        for table in derived.TABLES:
            connection.execute(delete(table))
        return
    for source in sources:
        of_source = select(derived.lines.c.id).where(derived.lines.c.source_digest == source)
        for table in (derived.code_changes, derived.transitions, derived.tallies, derived.standings):
            connection.execute(delete(table).where(table.c.line_id.in_(of_source)))
        connection.execute(delete(derived.lines).where(derived.lines.c.source_digest == source))


@dataclass(frozen=True, slots=True)
class _Point:
    series: str
    version: str
    sort_key: str
    remembered: str
    llvm: str | None


def _points_by_toolchain(connection: Connection) -> dict[str, list[_Point]]:
    llvm = schema.toolchains.c.llvm_version
    rows = connection.execute(select(_points, llvm).join(schema.toolchains))
    found = defaultdict(list)
    for row in rows:
        point = _Point(row.series, row.version, row.sort_key, row.remembered, row.llvm_version)
        found[row.toolchain_digest].append(point)
    return dict(found)


def _choose_current(connection: Connection) -> None:
    """Of a recipe's texts that have lines, the one that was compiled last."""
    lines = derived.lines
    compiled = {
        source: connection.scalar(select(func.max(_outcomes.c.recorded)).where(_outcomes.c.source_digest == source))
        for source in connection.scalars(select(lines.c.source_digest).distinct()).all()
    }
    texts = connection.execute(select(lines.c.recipe, lines.c.language, lines.c.source_digest).distinct()).all()
    newest: dict[tuple[str, str], str] = {}
    for recipe, language, source in texts:
        best = newest.setdefault((recipe, language), source)
        if (compiled[source] or "") > (compiled[best] or ""):
            newest[recipe, language] = source
    for recipe, language, source in texts:
        of_text = (lines.c.recipe == recipe, lines.c.language == language, lines.c.source_digest == source)
        connection.execute(lines.update().where(*of_text).values(current=newest[recipe, language] == source))


@dataclass(frozen=True, slots=True)
class _Judged:
    id: int
    verdict: str
    fingerprint: str | None


@dataclass(slots=True)
class _Text:
    """All lines of one text."""

    connection: Connection
    source: str
    points: Mapping[str, list[_Point]]
    _vectors: dict[int | None, tuple[int, frozenset[MarkRow] | None]] = field(default_factory=dict)

    def make(self) -> None:
        places = self._places()
        if not places:
            return
        for (recipe, language), judged in self._judged_by_name().items():
            profiles = {profile for _, profile in judged}
            if any(row.object_digest is None for rows in places.values() for *_, row in rows):
                profiles.add(DEFAULT_PROFILE.name)
            for profile in sorted(profiles):
                for where in sorted(places):
                    standings = self._standings(places[where], judged, profile)
                    if standings:
                        self._keep(recipe, language, where, profile, standings)

    def _places(self) -> dict[Where, list[tuple[_Point, str, Any]]]:
        """By line: every point with an outcome, the best one first for each."""
        columns = (
            _outcomes.c.cell_key,
            _outcomes.c.toolchain_digest,
            _outcomes.c.target,
            _outcomes.c.opt,
            _outcomes.c.extra,
            _outcomes.c.object_digest,
            _outcomes.c.recorded,
        )
        found = defaultdict(list)
        for row in self.connection.execute(select(*columns).where(_outcomes.c.source_digest == self.source)):
            for point in self.points.get(row.toolchain_digest, ()):
                found[Where(row.target, row.opt, row.extra, point.series)].append((point, row.recorded, row))
        for rows in found.values():
            rows.sort(key=lambda entry: entry[2].cell_key)
            rows.sort(key=lambda entry: (entry[0].remembered, entry[1]), reverse=True)
        return dict(found)

    def _judged_by_name(self) -> dict[tuple[str, str], dict[tuple[str, str], _Judged]]:
        """By the recipe's name and language: the judgement that counts of each object and profile."""
        names: dict[tuple[str, str], dict[tuple[str, str], _Judged]] = {}
        statement = (
            select(_cases.c.recipe, _cases.c.language, _judgements)
            .outerjoin(_judgements, _judgements.c.expectation_digest == _cases.c.expectation_digest)
            .where(_cases.c.source_digest == self.source)
            .order_by(_judgements.c.rules.desc(), _judgements.c.recorded.desc(), _judgements.c.id.desc())
        )
        for row in self.connection.execute(statement):
            judged = names.setdefault((row.recipe, row.language), {})
            if row.id is not None:
                key = (row.object_digest, row.profile)
                judged.setdefault(key, _Judged(row.id, row.verdict, row.fingerprint))
        return names

    def _standings(
        self, rows: list[tuple[_Point, str, Any]], judged: Mapping[tuple[str, str], _Judged], profile: str
    ) -> list[JudgedEntry]:
        """In order."""
        best: dict[str, JudgedEntry] = {}
        for point, recorded, row in rows:
            if point.version in best:
                continue
            found = None
            if row.object_digest is not None:
                found = judged.get((row.object_digest, profile))
                if found is None:
                    continue
            vector, marks = self._vector(found)
            standing = TimelineEntry(
                sort_key=point.sort_key,
                version=point.version,
                marks=marks,
                fingerprint=None if found is None else found.fingerprint,
                cell_key=row.cell_key,
                llvm=point.llvm,
                recorded=recorded,
            )
            best[point.version] = (standing, vector, None if found is None else found.id)
        return sorted(best.values(), key=lambda entry: entry[0].place)

    def _vector(self, judged: _Judged | None) -> tuple[int, frozenset[MarkRow] | None]:
        key = None if judged is None else judged.id
        if key not in self._vectors:
            verdict = Verdict.UNTESTABLE.value if judged is None else judged.verdict
            vector = vectors.of_judgements(self.connection, {key: verdict})[key]
            marks = None if verdict == Verdict.UNTESTABLE else vector[1]
            self._vectors[key] = (vectors.keep(self.connection, [vector])[vector], marks)
        return self._vectors[key]

    def _keep(
        self,
        recipe: str,
        language: str,
        where: Where,
        profile: str,
        standings: list[JudgedEntry],
    ) -> None:
        values = {
            "recipe": recipe,
            "language": language,
            "source_digest": self.source,
            **where._asdict(),
            "profile": profile,
            "current": True,
        }
        line = insert_numbered(self.connection, derived.lines, values)
        rows = [
            {
                "line_id": line,
                "sort_key": standing.sort_key,
                "version": standing.version,
                "vector_id": vector,
                "cell_key": standing.cell_key,
                "judgement_id": judgement,
                "recorded": standing.recorded,
            }
            for standing, vector, judgement in standings
        ]
        self._insert(derived.standings, rows)
        counted = Counter(vector for _, vector, _ in standings)
        self._insert(
            derived.tallies,
            [{"line_id": line, "vector_id": vector, "standings": count} for vector, count in counted.items()],
        )
        keep_edges(self.connection, _edges(line, [standing for standing, _, _ in standings]))

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), _BATCH):
            self.connection.execute(insert(table), rows[start : start + _BATCH])


def _edges(line: int, standings: Sequence[TimelineEntry]) -> Iterator[Edge]:
    at = {standing.place: index for index, standing in enumerate(standings)}
    testable = (standing for standing in standings if standing.marks is not None)
    return edges_of(line, testable, lambda last, first: at[first.place] - at[last.place] - 1)
