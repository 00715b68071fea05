"""What judging again reads of history and writes to it: objects and expectations in batches, never a cell at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from mmio_bisect.adapters.history import judgements, objects, schema, words
from mmio_bisect.adapters.history.database import Database
from mmio_bisect.adapters.history.rows import among, select_in
from mmio_bisect.adapters.history.timeline import standings
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.workflow.history.rejudge import Earlier, Judged, Material, Pending, StoredCell

_judgements, _cases, _objects, _outcomes = schema.judgements, schema.cases, schema.objects, schema.outcomes
_PAIR = (_judgements.c.object_digest, _judgements.c.expectation_digest)
_CODES = select(_objects.c.digest, _objects.c.data).where(among(_objects.c.digest, "objects"))
_TEXTS = select(_cases.c.expectation_digest, _cases.c.recipe, _cases.c.language, _cases.c.text).where(
    among(_cases.c.expectation_digest, "expectations")
)


@dataclass(frozen=True, slots=True)
class SqlStoredJudgements:
    """The port `StoredJudgements`."""

    database: Database

    def pending(self, *, profile: str, rules: int, since: int) -> tuple[Pending, ...]:
        with self.database.reading() as connection:
            pairs = connection.execute(
                select(*_PAIR).where(_judgements.c.rules >= since).distinct().order_by(*_PAIR)
            ).all()
            of_now = _of(profile).where(_judgements.c.rules == rules)
            current = {(pair[0], pair[1]) for pair in connection.execute(of_now)}
            earlier = _earlier(connection, profile, rules)
        return tuple(
            Pending(object_digest=pair[0], expectation_digest=pair[1], earlier=earlier.get((pair[0], pair[1])))
            for pair in pairs
            if (pair[0], pair[1]) not in current
        )

    def materials(self, pending: Sequence[Pending]) -> tuple[Material, ...]:
        """Raises `ValueError` when an object's bytes are not those that were kept."""
        codes = {each.object_digest for each in pending}
        expectations = {each.expectation_digest for each in pending}
        with self.database.reading() as connection:
            stored = {row.digest: row.data for row in select_in(connection, _CODES, "objects", codes)}
            printed = words.of_objects(connection, codes)
            cases = {row.expectation_digest: row for row in select_in(connection, _TEXTS, "expectations", expectations)}
            return tuple(
                Material(
                    pending=each,
                    object_code=objects.read(each.object_digest, stored[each.object_digest]),
                    recipe=cases[each.expectation_digest].recipe,
                    language=cases[each.expectation_digest].language,
                    case_text=cases[each.expectation_digest].text,
                    printed=printed.get(each.object_digest),
                )
                for each in pending
            )

    def keep(self, judged: Sequence[Judged]) -> None:
        with self.database.writing() as connection:
            new = judgements.keep(
                connection,
                [(each.pending.object_digest, each.pending.expectation_digest, each.judgement) for each in judged],
            )
            standings.after_written(connection, judgements=new)

    def cells(self, pending: Pending) -> tuple[StoredCell, ...]:
        points = schema.points
        asked = (
            select(_outcomes.c.target, _outcomes.c.opt, points.c.series, points.c.version)
            .join(points, points.c.toolchain_digest == _outcomes.c.toolchain_digest, isouter=True)
            .where(_outcomes.c.object_digest == pending.object_digest)
            .order_by(points.c.series, points.c.sort_key, _outcomes.c.target, _outcomes.c.opt)
        )
        with self.database.reading() as connection:
            return tuple(
                StoredCell(point=f"{row.series}@{row.version}" if row.series else "?", target=row.target, opt=row.opt)
                for row in connection.execute(asked)
            )


def _of(profile: str) -> Select[Any]:
    return select(*_PAIR).where(_judgements.c.profile == profile)


def _earlier(connection: Connection, profile: str, rules: int) -> dict[tuple[str, str], Earlier]:
    """The last judgement under the profile, of each object and expectation, that other rules made."""
    last = (
        select(*_PAIR, func.max(_judgements.c.rules).label("rules"))
        .where(_judgements.c.profile == profile, _judgements.c.rules < rules)
        .group_by(*_PAIR)
        .subquery()
    )
    of_last = select(_judgements.c.id, *_PAIR, _judgements.c.verdict, _judgements.c.rules).where(
        _judgements.c.profile == profile,
        _judgements.c.object_digest == last.c.object_digest,
        _judgements.c.expectation_digest == last.c.expectation_digest,
        _judgements.c.rules == last.c.rules,
    )
    found = connection.execute(of_last).all()
    kinds: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    defects = schema.defects
    named = select(defects.c.judgement_id, defects.c.function, defects.c.kind).distinct()
    for row in connection.execute(named.where(defects.c.judgement_id.in_(select(of_last.subquery().c.id)))):
        kinds[row.judgement_id].add((row.function, row.kind))
    return {
        (row.object_digest, row.expectation_digest): Earlier(
            verdict=Verdict(row.verdict), rules=row.rules, kinds=frozenset(kinds[row.id])
        )
        for row in found
    }
