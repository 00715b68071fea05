"""Keeps the derived tables true while outcomes, judgements and points are written, in the same transaction.

Each write touches few places: one point of a few lines, and the edges to that point's neighbours. `rebuild` makes the
same rows from nothing; a test holds the two against each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from mmio_bisect.adapters.history import derived, schema, vectors
from mmio_bisect.adapters.history.edges import Edge, Standing, edge
from mmio_bisect.adapters.history.rows import insert_if_new
from mmio_bisect.classify.profiles import DEFAULT_PROFILE
from mmio_bisect.domain.outcome import Verdict

_outcomes, _points, _cases, _judgements = schema.outcomes, schema.points, schema.cases, schema.judgements
_toolchains = schema.toolchains
_lines, _standings, _tallies = derived.lines, derived.standings, derived.tallies


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


def after_outcome(connection: Connection, cell_key: str) -> None:
    """A cell has its outcome now."""
    found = connection.execute(select(_outcomes).where(_outcomes.c.cell_key == cell_key)).one()
    profiles = _profiles_of(connection, found)
    for series, version in _places_of(connection, found.toolchain_digest):
        for line in _lines_through(connection, found, series, profiles):
            _place(connection, line, version)
    if connection.scalar(select(_lines.c.id).where(_lines.c.source_digest == found.source_digest).limit(1)) is not None:
        _make_current(connection, found.source_digest)


def after_judgement(connection: Connection, object_digest: str, expectation_digest: str, profile: str) -> None:
    """An object has been judged: so have all the cells that it came from."""
    of_expectation = select(_cases.c.source_digest).where(_cases.c.expectation_digest == expectation_digest)
    cells = select(_outcomes).where(
        _outcomes.c.object_digest == object_digest, _outcomes.c.source_digest.in_(of_expectation)
    )
    for found in connection.execute(cells).all():
        for series, version in _places_of(connection, found.toolchain_digest):
            for line in _lines_through(connection, found, series, {profile}):
                _place(connection, line, version)


def after_remembered(connection: Connection, series: str, version: str) -> None:
    """A point has become a toolchain, or another one than before: its outcomes stand in the point's place."""
    became = select(_points.c.toolchain_digest).where(_points.c.series == series, _points.c.version == version)
    for found in connection.execute(select(_outcomes).where(_outcomes.c.toolchain_digest.in_(became))).all():
        for line in _lines_through(connection, found, series, _profiles_of(connection, found)):
            _place(connection, line, version)


def _profiles_of(connection: Connection, outcome: Row[tuple[Any, ...]]) -> set[str]:
    """Those it was judged under; without an object it is untestable under all that its case is judged under."""
    if outcome.object_digest is None:
        known = select(_lines.c.profile).where(_lines.c.source_digest == outcome.source_digest).distinct()
        return {DEFAULT_PROFILE.name, *connection.scalars(known)}
    expected = select(_cases.c.expectation_digest).where(_cases.c.source_digest == outcome.source_digest)
    judged = select(_judgements.c.profile).where(
        _judgements.c.object_digest == outcome.object_digest, _judgements.c.expectation_digest.in_(expected)
    )
    return set(connection.scalars(judged.distinct()))


def _places_of(connection: Connection, toolchain_digest: str) -> list[tuple[str, str]]:
    places = select(_points.c.series, _points.c.version).where(_points.c.toolchain_digest == toolchain_digest)
    return [(series, version) for series, version in connection.execute(places)]


def _make_current(connection: Connection, source_digest: str) -> None:
    """The text that was compiled last is the one that its recipe has now."""
    for recipe, language in _names(connection, source_digest):
        of_recipe = and_(_lines.c.recipe == recipe, _lines.c.language == language)
        this = _lines.c.source_digest == source_digest
        connection.execute(update(_lines).where(of_recipe, this, ~_lines.c.current).values(current=True))
        connection.execute(update(_lines).where(of_recipe, ~this, _lines.c.current).values(current=False))


def _names(connection: Connection, source_digest: str) -> list[tuple[str, str]]:
    names = select(_cases.c.recipe, _cases.c.language).where(_cases.c.source_digest == source_digest).distinct()
    return [(recipe, language) for recipe, language in connection.execute(names)]


def _lines_through(
    connection: Connection, outcome: Row[tuple[Any, ...]], series: str, profiles: Iterable[str]
) -> list[Line]:
    """The lines that an outcome has a place in, made if need be."""
    found = []
    for recipe, language in _names(connection, outcome.source_digest):
        for profile in sorted(profiles):
            key = {
                "source_digest": outcome.source_digest,
                "target": outcome.target,
                "opt": outcome.opt,
                "extra": outcome.extra,
                "series": series,
                "profile": profile,
                "recipe": recipe,
                "language": language,
            }
            found.append(_line(connection, key))
    return found


def _line(connection: Connection, key: dict[str, str]) -> Line:
    same = select(_lines.c.id).where(*(_lines.c[name] == value for name, value in key.items()))
    number = connection.scalar(same)
    if number is not None:
        return Line(id=number, **key)
    current = _is_current(connection, key)
    inserted = insert_if_new(connection, _lines, key=key, values={"current": current})
    if inserted is None:
        raise ValueError(f"the line {key} was made by two writers at once, though writers take turns")
    line = Line(id=int(inserted[0]), **key)
    if current:
        _make_current(connection, line.source_digest)
    _place_untestable(connection, line)
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


def _place_untestable(connection: Connection, line: Line) -> None:
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
    for version in connection.scalars(versions).all():
        _place(connection, line, version)


_CANDIDATES = (
    select(_outcomes.c.cell_key, _outcomes.c.object_digest, _outcomes.c.recorded, _points.c.sort_key)
    .join(_points, _points.c.toolchain_digest == _outcomes.c.toolchain_digest)
    .where(
        _points.c.series == bindparam("series"),
        _points.c.version == bindparam("version"),
        _outcomes.c.source_digest == bindparam("source"),
        _outcomes.c.target == bindparam("target"),
        _outcomes.c.opt == bindparam("opt"),
        _outcomes.c.extra == bindparam("extra"),
    )
    .order_by(_points.c.remembered.desc(), _outcomes.c.recorded.desc(), _outcomes.c.cell_key)
)
_JUDGED = (
    select(_judgements.c.id, _judgements.c.verdict)
    .where(
        _judgements.c.object_digest == bindparam("object"),
        _judgements.c.profile == bindparam("profile"),
        _judgements.c.expectation_digest.in_(
            select(_cases.c.expectation_digest).where(
                _cases.c.source_digest == bindparam("source"),
                _cases.c.recipe == bindparam("recipe"),
                _cases.c.language == bindparam("language"),
            )
        ),
    )
    .order_by(_judgements.c.rules.desc(), _judgements.c.recorded.desc(), _judgements.c.id.desc())
    .limit(1)
)


def _place(connection: Connection, line: Line, version: str) -> None:
    """Let the point stand in the line as history has it now."""
    new = _standing_of(connection, line, version)
    of_point = and_(_standings.c.line_id == line.id, _standings.c.version == version)
    old = connection.execute(select(_standings).where(of_point)).one_or_none()
    if new == (None if old is None else old._asdict()):
        return
    places = set()
    if old is not None:
        connection.execute(delete(_standings).where(of_point))
        _count(connection, line.id, old.vector_id, -1)
        places.add((old.sort_key, old.version))
    if new is not None:
        connection.execute(insert(_standings).values(new))
        _count(connection, line.id, new["vector_id"], 1)
        places.add((new["sort_key"], new["version"]))
    for place in places:
        _mend(connection, line.id, place)


def _standing_of(connection: Connection, line: Line, version: str) -> dict[str, Any] | None:
    """Of the toolchain that the point became last, if it has an outcome that is judged; else of one it was before."""
    words = {"source": line.source_digest, "target": line.target, "opt": line.opt, "extra": line.extra}
    candidates = connection.execute(_CANDIDATES, {**words, "series": line.series, "version": version}).all()
    for found in candidates:
        judgement_id = None
        verdict, marks = Verdict.UNTESTABLE.value, frozenset[tuple[str, str, str]]()
        if found.object_digest is not None:
            judged = connection.execute(
                _JUDGED,
                {
                    "object": found.object_digest,
                    "profile": line.profile,
                    "source": line.source_digest,
                    "recipe": line.recipe,
                    "language": line.language,
                },
            ).one_or_none()
            if judged is None:
                continue
            judgement_id, verdict = judged.id, judged.verdict
            if verdict == Verdict.BAD:
                marks = vectors.marks_of_judgement(connection, judged.id)
        return {
            "line_id": line.id,
            "sort_key": found.sort_key,
            "version": version,
            "vector_id": vectors.keep(connection, verdict, marks),
            "cell_key": found.cell_key,
            "judgement_id": judgement_id,
            "recorded": found.recorded,
        }
    return None


def _count(connection: Connection, line_id: int, vector_id: int, more: int) -> None:
    key = {"line_id": line_id, "vector_id": vector_id}
    if more > 0 and insert_if_new(connection, _tallies, key=key, values={"standings": more}) is not None:
        return
    same = and_(_tallies.c.line_id == line_id, _tallies.c.vector_id == vector_id)
    connection.execute(update(_tallies).where(same).values(standings=_tallies.c.standings + more))
    connection.execute(delete(_tallies).where(same, _tallies.c.standings == 0))


_SEEN = (
    select(
        _standings.c.sort_key,
        _standings.c.version,
        _standings.c.vector_id,
        _standings.c.cell_key,
        _standings.c.recorded,
        derived.vectors.c.verdict,
        _judgements.c.fingerprint,
        _toolchains.c.llvm_version,
    )
    .join(derived.vectors, derived.vectors.c.id == _standings.c.vector_id)
    .join(_outcomes, _outcomes.c.cell_key == _standings.c.cell_key)
    .join(_toolchains, _toolchains.c.digest == _outcomes.c.toolchain_digest)
    .outerjoin(_judgements, _judgements.c.id == _standings.c.judgement_id)
    .where(_standings.c.line_id == bindparam("line"))
)
_OWN_PLACE = tuple_(_standings.c.sort_key, _standings.c.version)
_PLACE = tuple_(bindparam("sort_key", type_=String()), bindparam("version", type_=String()))
_TESTABLE = derived.vectors.c.verdict != Verdict.UNTESTABLE.value
_BEFORE = (
    _SEEN.where(_TESTABLE, _OWN_PLACE < _PLACE)
    .order_by(_standings.c.sort_key.desc(), _standings.c.version.desc())
    .limit(1)
)
_AT = _SEEN.where(
    _TESTABLE, _standings.c.sort_key == bindparam("sort_key"), _standings.c.version == bindparam("version")
)
_AFTER = _SEEN.where(_TESTABLE, _OWN_PLACE > _PLACE).order_by(_standings.c.sort_key, _standings.c.version).limit(1)


def _mend(connection: Connection, line_id: int, place: tuple[str, str]) -> None:
    """Make the edges anew that end or begin at a place, whatever stands there now."""
    where = {"line": line_id, "sort_key": place[0], "version": place[1]}
    stands = [_seen(connection, statement, where) for statement in (_BEFORE, _AT, _AFTER)]
    ends = [place] + ([stands[2].place] if stands[2] else [])
    for table in (derived.transitions, derived.code_changes):
        here = or_(*(and_(table.c.first_sort_key == key, table.c.first_version == version) for key, version in ends))
        connection.execute(delete(table).where(table.c.line_id == line_id, here))
    row = [standing for standing in stands if standing is not None]
    for last, first in pairwise(row):
        keep_edge(connection, edge(line_id, last, first, _untestable_between(connection, line_id, last, first)))


def keep_edge(connection: Connection, found: Edge) -> None:
    if found.transitions:
        connection.execute(insert(derived.transitions), list(found.transitions))
    if found.code_changes:
        connection.execute(insert(derived.code_changes), list(found.code_changes))


def _seen(connection: Connection, statement: Select[Any], where: dict[str, Any]) -> Standing | None:
    row = connection.execute(statement, where).one_or_none()
    if row is None:
        return None
    return Standing(
        sort_key=row.sort_key,
        version=row.version,
        marks=vectors.load(connection, row.vector_id, row.verdict),
        fingerprint=row.fingerprint,
        cell_key=row.cell_key,
        llvm=row.llvm_version,
        recorded=row.recorded,
    )


_BETWEEN = (
    select(func.count())
    .select_from(_standings)
    .where(
        _standings.c.line_id == bindparam("line"),
        tuple_(bindparam("low_key", type_=String()), bindparam("low_version", type_=String())) < _OWN_PLACE,
        tuple_(bindparam("high_key", type_=String()), bindparam("high_version", type_=String())) > _OWN_PLACE,
    )
)


def _untestable_between(connection: Connection, line_id: int, last: Standing, first: Standing) -> int:
    where = {"low_key": last.sort_key, "low_version": last.version}
    where |= {"high_key": first.sort_key, "high_version": first.version}
    return connection.scalar(_BETWEEN, {"line": line_id, **where}) or 0
