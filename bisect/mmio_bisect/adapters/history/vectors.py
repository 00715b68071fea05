"""Verdicts as vectors: the whole verdict and every mark behind it, each different one kept once."""

import json

from sqlalchemy import Connection, bindparam, insert, select

from mmio_bisect.adapters.history.derived import marks, vectors
from mmio_bisect.adapters.history.edges import Mark
from mmio_bisect.adapters.history.rows import insert_if_new
from mmio_bisect.adapters.history.schema import defects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.recipe import digest_of

_OF_JUDGEMENT = (
    select(defects.c.function, defects.c.access, defects.c.kind)
    .where(defects.c.judgement_id == bindparam("judgement"))
    .distinct()
)
_MARKS = select(marks.c.function, marks.c.access, marks.c.kind).where(marks.c.vector_id == bindparam("vector"))


def marks_of_judgement(connection: Connection, judgement_id: int) -> frozenset[Mark]:
    rows = connection.execute(_OF_JUDGEMENT, {"judgement": judgement_id})
    return frozenset((function, access or "", kind) for function, access, kind in rows)


def keep(connection: Connection, verdict: str, found: frozenset[Mark]) -> int:
    """Gives its number."""
    told = sorted(found)
    digest = digest_of(json.dumps([verdict, told]).encode())
    values = {"verdict": verdict, "marks": ", ".join(" ".join(filter(None, mark)) for mark in told)}
    inserted = insert_if_new(connection, vectors, key={"digest": digest}, values=values)
    if inserted is None:
        return int(connection.scalars(select(vectors.c.id).where(vectors.c.digest == digest)).one())
    number = int(inserted[0])
    if told:
        connection.execute(
            insert(marks),
            [{"vector_id": number, "function": name, "access": access, "kind": kind} for name, access, kind in told],
        )
    return number


def load(connection: Connection, vector_id: int, verdict: str) -> frozenset[Mark] | None:
    """None for what is untestable."""
    if verdict == Verdict.UNTESTABLE:
        return None
    return frozenset((name, access, kind) for name, access, kind in connection.execute(_MARKS, {"vector": vector_id}))
