"""The texts that were compiled, and that expectations came from."""

from sqlalchemy import Connection, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rebuild import rebuild
from mmio_bisect.adapters.history.rows import insert_if_new
from mmio_bisect.domain.recipe import Case


def keep(connection: Connection, case: Case) -> None:
    inserted = insert_if_new(
        connection,
        schema.cases,
        key={"digest": case.digest},
        values={
            "source_digest": case.source_digest,
            "expectation_digest": case.expectation_digest,
            "recipe": case.recipe,
            "language": case.language.value,
            "text": case.text,
        },
    )
    if inserted is not None and _was_compiled(connection, case.source_digest):
        # The same source under another name or with another expectation: its outcomes stand there too.
        rebuild(connection, [case.source_digest])


def _was_compiled(connection: Connection, source_digest: str) -> bool:
    outcomes = schema.outcomes
    return (
        connection.scalar(select(outcomes.c.cell_key).where(outcomes.c.source_digest == source_digest).limit(1))
        is not None
    )
