"""The texts that were compiled, and that expectations came from."""

from sqlalchemy import Connection

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_if_new
from mmio_bisect.domain.recipe import Case


def keep(connection: Connection, case: Case) -> None:
    insert_if_new(
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
