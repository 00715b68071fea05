"""Verdicts as vectors: the whole verdict and every mark behind it, each different one kept once."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, insert, select

from mmio_bisect.adapters.history.rows import among, insert_numbered, select_in
from mmio_bisect.adapters.history.schema import defects
from mmio_bisect.adapters.history.timeline.derived import marks, vectors
from mmio_bisect.adapters.history.timeline.edges import MarkRow
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.recipe import digest_of

Vector = tuple[str, frozenset[MarkRow]]
"""The verdict, and the marks behind it."""

_BAD = Verdict.BAD.value
_OF_JUDGEMENTS = (
    select(defects.c.judgement_id, defects.c.function, defects.c.access, defects.c.kind)
    .where(among(defects.c.judgement_id, "judgements"))
    .distinct()
)
_MARKS = select(marks).where(among(marks.c.vector_id, "vectors"))
_KNOWN = select(vectors.c.digest, vectors.c.id).where(among(vectors.c.digest, "digests"))


def keep_for(connection: Connection, verdicts: Mapping[int | None, str]) -> dict[int | None, int]:
    """By judgement (None: of a cell that was not judged), whose verdict is given, the number of its vector."""
    found = of_judgements(connection, verdicts)
    numbers = keep(connection, set(found.values()))
    return {judgement: numbers[vector] for judgement, vector in found.items()}


def of_judgements(connection: Connection, verdicts: Mapping[int | None, str]) -> dict[int | None, Vector]:
    """By judgement, whose verdict is given."""
    bad = [number for number, verdict in verdicts.items() if verdict == _BAD]
    found = defaultdict(set)
    for row in select_in(connection, _OF_JUDGEMENTS, "judgements", bad):
        found[row.judgement_id].add((row.function, row.access or "", row.kind))
    return {number: (verdict, frozenset(found.get(number, ()))) for number, verdict in verdicts.items()}


def keep(connection: Connection, wanted: Collection[Vector]) -> dict[Vector, int]:
    """Gives their numbers."""
    digests = {_digest(vector): vector for vector in wanted}
    found = {digests[row.digest]: row.id for row in select_in(connection, _KNOWN, "digests", digests)}
    for digest, vector in digests.items():
        if vector not in found:
            found[vector] = _insert(connection, digest, vector)
    return found


def _digest(vector: Vector) -> str:
    verdict, own = vector
    return digest_of(json.dumps([verdict, sorted(own)]).encode())


def _insert(connection: Connection, digest: str, vector: Vector) -> int:
    verdict, own = vector[0], sorted(vector[1])
    text = ", ".join(" ".join(filter(None, mark)) for mark in own)
    number = insert_numbered(connection, vectors, {"digest": digest, "verdict": verdict, "marks": text})
    if own:
        connection.execute(
            insert(marks),
            [{"vector_id": number, "function": name, "access": access, "kind": kind} for name, access, kind in own],
        )
    return number


def load(connection: Connection, numbers: Collection[int]) -> dict[int, frozenset[MarkRow]]:
    """By number; none for a vector without marks."""
    found = defaultdict(set)
    for row in select_in(connection, _MARKS, "vectors", numbers):
        found[row.vector_id].add((row.function, row.access, row.kind))
    return {number: frozenset(own) for number, own in found.items()}
