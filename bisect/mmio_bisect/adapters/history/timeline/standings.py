"""Keeps the derived tables true while outcomes, judgements and points are written, in the same transaction.

Each write touches few places: one point of a few lines, and the edges to that point's neighbours. `rebuild` makes the
same rows from nothing; a test holds the two against each other.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, Row, and_, func, select, update

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import among, insert_if_new, select_in
from mmio_bisect.adapters.history.timeline import derived
from mmio_bisect.adapters.history.timeline.timeline_update import Line, Place, place
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE

_outcomes, _points, _cases, _judgements = schema.outcomes, schema.points, schema.cases, schema.judgements
_lines = derived.lines

JudgementKey = tuple[str, str, str]
"""Digests of the object and of the expectation, and the profile."""

_Profiles = Mapping[str, Collection[str]]
"""By cell: the profiles in whose lines it has a place."""


def after_written(
    connection: Connection, *, cells: Collection[str] = (), judgements: Collection[JudgementKey] = ()
) -> None:
    """These cells have outcomes now, and these objects have been judged: so have all the cells that they came from."""
    outcomes: dict[str, Row[Any]] = {row.cell_key: row for row in select_in(connection, _BY_CELL, "cells", cells)}
    profiles = defaultdict(set, {cell: set(found) for cell, found in _profiles(connection, outcomes).items()})
    for row, profile in _judged_cells(connection, judgements):
        outcomes[row.cell_key] = row
        profiles[row.cell_key].add(profile)
    places = _places_of(connection, {row.toolchain_digest for row in outcomes.values()})
    _place(connection, outcomes, profiles, places)
    _make_current(connection, [outcomes[cell].source_digest for cell in cells])


def after_remembered(connection: Connection, series: str, version: str) -> None:
    """A point has become a toolchain, or another one than before: its outcomes stand in the point's place."""
    became = select(_points.c.toolchain_digest).where(_points.c.series == series, _points.c.version == version)
    rows = connection.execute(select(*_PLACED).where(_outcomes.c.toolchain_digest.in_(became)))
    outcomes: dict[str, Row[Any]] = {row.cell_key: row for row in rows}
    here = {row.toolchain_digest: [(series, version)] for row in outcomes.values()}
    _place(connection, outcomes, _profiles(connection, outcomes), here)


_PLACED: tuple[Column[Any], ...] = (
    _outcomes.c.cell_key,
    _outcomes.c.source_digest,
    _outcomes.c.toolchain_digest,
    _outcomes.c.target,
    _outcomes.c.opt,
    _outcomes.c.extra,
    _outcomes.c.object_digest,
)
_BY_CELL = select(*_PLACED).where(among(_outcomes.c.cell_key, "cells"))
_BY_OBJECT = (
    select(*_PLACED, _cases.c.expectation_digest)
    .join(_cases, _cases.c.source_digest == _outcomes.c.source_digest)
    .where(among(_outcomes.c.object_digest, "objects"))
)
_PROFILES_OF_OBJECTS = (
    select(_judgements.c.object_digest, _cases.c.source_digest, _judgements.c.profile)
    .join(_cases, _cases.c.expectation_digest == _judgements.c.expectation_digest)
    .where(among(_judgements.c.object_digest, "objects"))
    .distinct()
)
_PROFILES_OF_SOURCES = (
    select(_lines.c.source_digest, _lines.c.profile).where(among(_lines.c.source_digest, "sources")).distinct()
)
_PLACES = select(_points.c.toolchain_digest, _points.c.series, _points.c.version).where(
    among(_points.c.toolchain_digest, "toolchains")
)
_NAMES = (
    select(_cases.c.source_digest, _cases.c.recipe, _cases.c.language)
    .where(among(_cases.c.source_digest, "sources"))
    .distinct()
)
_LINES_OF = select(_lines).where(among(_lines.c.source_digest, "sources"))


def _judged_cells(connection: Connection, judgements: Collection[JudgementKey]) -> Iterable[tuple[Row[Any], str]]:
    """Every outcome that one of these judgements is of, with its profile."""
    profiles = defaultdict(set)
    for object_digest, expectation, profile in judgements:
        profiles[object_digest, expectation].add(profile)
    for row in select_in(connection, _BY_OBJECT, "objects", {object_digest for object_digest, *_ in judgements}):
        for profile in profiles.get((row.object_digest, row.expectation_digest), ()):
            yield row, profile


def _profiles(connection: Connection, outcomes: Mapping[str, Row[Any]]) -> _Profiles:
    """Those it was judged under; without an object it is untestable under all that its case is judged under."""
    objects = {row.object_digest for row in outcomes.values() if row.object_digest is not None}
    judged = defaultdict(set)
    for row in select_in(connection, _PROFILES_OF_OBJECTS, "objects", objects):
        judged[row.object_digest, row.source_digest].add(row.profile)
    without = {row.source_digest for row in outcomes.values() if row.object_digest is None}
    for row in select_in(connection, _PROFILES_OF_SOURCES, "sources", without):
        judged[None, row.source_digest].add(row.profile)
    for source in without:
        judged[None, source].add(DEFAULT_PROFILE.name)
    return {cell: judged.get((row.object_digest, row.source_digest), set()) for cell, row in outcomes.items()}


def _places_of(connection: Connection, toolchains: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """By toolchain: series and version of the points that are or were it."""
    found = defaultdict(list)
    for row in select_in(connection, _PLACES, "toolchains", toolchains):
        found[row.toolchain_digest].append((row.series, row.version))
    return found


def _place(
    connection: Connection,
    outcomes: Mapping[str, Row[Any]],
    profiles: _Profiles,
    places: Mapping[str, Collection[tuple[str, str]]],
) -> None:
    """Let outcomes stand in all their lines, which are made if need be."""
    sources = {row.source_digest for row in outcomes.values()}
    names = defaultdict(list)
    for row in select_in(connection, _NAMES, "sources", sources):
        names[row.source_digest].append((row.recipe, row.language))
    lines = _Lines(connection, sources)
    wanted: dict[Place, Line] = {}
    for cell, row in outcomes.items():
        for series, version in places.get(row.toolchain_digest, ()):
            for recipe, language in names[row.source_digest]:
                for profile in sorted(profiles[cell]):
                    key = (row.source_digest, row.target, row.opt, row.extra, series, profile, recipe, language)
                    line = lines.of(key, wanted)
                    wanted[line.id, version] = line
    place(connection, wanted)


_NAMESAKES = (
    select(_lines.c.recipe, _lines.c.language, _lines.c.source_digest, _lines.c.current)
    .where(among(_lines.c.recipe, "recipes"))
    .distinct()
)


def _make_current(connection: Connection, sources: Iterable[str]) -> None:
    """Texts that were compiled, the last one last, are those that their recipes have now; if they have lines at all."""
    sources = list(dict.fromkeys(sources))
    names = defaultdict(list)
    for row in select_in(connection, _NAMES, "sources", sources):
        names[row.source_digest].append((row.recipe, row.language))
    current: defaultdict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for row in select_in(connection, _NAMESAKES, "recipes", {name for found in names.values() for name, _ in found}):
        current[row.recipe, row.language][row.source_digest] = row.current
    for source in sources:
        if not any(source in current[name] for name in names[source]):
            continue
        for name in names[source]:
            if current[name] != (wanted := {text: text == source for text in current[name]}):
                current[name] = wanted
                of_name = and_(_lines.c.recipe == name[0], _lines.c.language == name[1])
                connection.execute(update(_lines).where(of_name).values(current=_lines.c.source_digest == source))


_KEY = ("source_digest", "target", "opt", "extra", "series", "profile", "recipe", "language")


class _Lines:
    """The lines of some texts: those that are there, and those that come to be."""

    def __init__(self, connection: Connection, sources: Collection[str]) -> None:
        self._connection = connection
        rows = select_in(connection, _LINES_OF, "sources", sources)
        self._known = {tuple(row._mapping[name] for name in _KEY): row.id for row in rows}  # noqa: SLF001 - public in SQLAlchemy

    def of(self, key: tuple[str, ...], wanted: dict[Place, Line]) -> Line:
        """A new one needs other places besides: they are added to `wanted`."""
        values = dict(zip(_KEY, key, strict=True))
        if key in self._known:
            return Line(id=self._known[key], **values)
        current = _is_current(self._connection, values)
        inserted = insert_if_new(self._connection, _lines, key=values, values={"current": current})
        if inserted is None:
            raise ValueError(f"the line {key} was made by two writers at once, though writers take turns")
        line = Line(id=int(inserted[0]), **values)
        self._known[key] = line.id
        if current:
            _make_current(self._connection, [line.source_digest])
        wanted |= {(line.id, version): line for version in _untestable_versions(self._connection, line)}
        return line


def _is_current(connection: Connection, key: dict[str, str]) -> bool:
    """As the other lines of this text are; or if the recipe has no line yet, or those of a text compiled earlier."""
    of_recipe = (_lines.c.recipe == key["recipe"], _lines.c.language == key["language"])
    rows = connection.execute(select(_lines.c.source_digest, _lines.c.current).where(*of_recipe).distinct())
    known = {source: current for source, current in rows}  # noqa: C416 - rows are tuples to Python, not to its checkers
    if key["source_digest"] in known:
        return bool(known[key["source_digest"]])
    before = next((source for source, current in known.items() if current), None)
    return before is None or _compiled(connection, key["source_digest"]) > _compiled(connection, before)


def _compiled(connection: Connection, source_digest: str) -> str:
    last = select(func.max(_outcomes.c.recorded)).where(_outcomes.c.source_digest == source_digest)
    return connection.scalar(last) or ""


def _untestable_versions(connection: Connection, line: Line) -> list[str]:
    """A new profile's line has the untestable points that the other profiles' have."""
    versions = (
        select(_points.c.version)
        .join(_outcomes, _outcomes.c.toolchain_digest == _points.c.toolchain_digest)
        .where(
            _points.c.series == line.series,
            _outcomes.c.object_digest.is_(None),
            _outcomes.c.source_digest == line.source_digest,
            _outcomes.c.target == line.target,
            _outcomes.c.opt == line.opt,
            _outcomes.c.extra == line.extra,
        )
        .distinct()
    )
    return list(connection.scalars(versions))
