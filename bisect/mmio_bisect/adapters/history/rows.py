"""What the stores have in common: keep-the-first inserts, and the clock that dates rows."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, literal, select
from sqlalchemy.exc import IntegrityError


def now() -> str:
    """UTC, ISO 8601, always of one length, so that its plain order is that of time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def insert_if_new(
    connection: Connection, table: Table, *, key: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """Insert the row unless one of that key is there: the first one stays, whoever wrote it.

    Gives the new row's primary key; None when the row was there. In SQLite the look decides, since a writer holds the
    write lock from its beginning. Elsewhere another writer may slip in after it: then the constraint decides, and the
    savepoint keeps the transaction. (SQLite has none, because a full disk ends its transaction, savepoints and all.)
    """
    present = select(literal(1)).select_from(table).where(*(table.c[name] == value for name, value in key.items()))
    if connection.scalar(present) is not None:
        return None
    try:
        with nullcontext() if connection.dialect.name == "sqlite" else connection.begin_nested():
            inserted = connection.execute(insert(table).values({**key, **values}))
    except IntegrityError:
        if connection.scalar(present) is None:
            raise  # some other constraint: not a row that was there already
        return None
    return tuple(inserted.inserted_primary_key or ())
