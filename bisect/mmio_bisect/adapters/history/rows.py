"""What the stores have in common: keep-the-first inserts, and the clock that dates rows."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, bindparam, insert, literal, select
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
    present = _present(table, tuple(key))
    if connection.scalar(present, key) is not None:
        return None
    try:
        with nullcontext() if connection.dialect.name == "sqlite" else connection.begin_nested():
            inserted = connection.execute(_insertion(table), {**key, **values})
    except IntegrityError:
        if connection.scalar(present, key) is None:
            raise  # some other constraint: not a row that was there already
        return None
    return tuple(inserted.inserted_primary_key or ())


# To build a statement takes longer than SQLite takes to execute it, and every outcome needs half a dozen of these.


@cache
def _present(table: Table, names: tuple[str, ...]) -> Select[Any]:
    wanted = (table.c[name] == bindparam(name, type_=table.c[name].type) for name in names)
    return select(literal(1)).select_from(table).where(*wanted)


@cache
def _insertion(table: Table) -> Insert:
    return insert(table)
