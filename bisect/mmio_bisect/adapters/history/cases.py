"""The texts that were compiled, and that expectations came from."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_new
from mmio_bisect.adapters.history.timeline.rebuild import rebuild
from mmio_bisect.domain.recipe import Case


def keep(connection: Connection, found: Iterable[Case]) -> None:
    by_digest = {case.digest: case for case in found}
    rows = {digest: _values(case) for digest, case in by_digest.items()}
    for digest in insert_new(connection, schema.cases, "digest", rows):
        source = by_digest[digest].source_digest
        if _was_compiled(connection, source):
            # The same source under another name or with another expectation: its outcomes stand there too.
            rebuild(connection, [source])


def _values(case: Case) -> dict[str, object]:
    return {
        "source_digest": case.source_digest,
        "expectation_digest": case.expectation_digest,
        "recipe": case.recipe,
        "language": case.language.value,
        "text": case.text,
    }


def _was_compiled(connection: Connection, source_digest: str) -> bool:
    outcomes = schema.outcomes
    return (
        connection.scalar(select(outcomes.c.cell_key).where(outcomes.c.source_digest == source_digest).limit(1))
        is not None
    )
