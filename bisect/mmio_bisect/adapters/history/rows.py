"""What the stores have in common: keep-the-first inserts, and the clock that dates rows."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Insert, Row, Select, Table, bindparam, insert, literal, select
from sqlalchemy.exc import IntegrityError

_MANY = 500
Value = TypeVar("Value")


def now() -> str:
    """UTC, ISO 8601, always of one length, so that its plain order is that of time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def later_than(moment: str) -> str:
    """Now, or just after that moment where the clock has gone back since."""
    present = now()
    if present > moment:
        return present
    after = datetime.fromisoformat(moment).astimezone(UTC) + timedelta(microseconds=1)
    return after.isoformat(timespec="microseconds")


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


def insert_numbered(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Gives the number that the database gave the row."""
    inserted = connection.execute(_insertion(table), values)
    return int((inserted.inserted_primary_key or (0,))[0])


def among(column: Column[Any], name: str) -> ColumnElement[bool]:
    """One of the values of an expanding parameter, see `select_in`."""
    return column.in_(bindparam(name, expanding=True))


def in_parts(values: Collection[Value]) -> Iterator[list[Value]]:
    """A statement may have only so many parameters."""
    listed = list(values)
    return (listed[start : start + _MANY] for start in range(0, len(listed), _MANY))


def select_in(
    connection: Connection, statement: Select[Any], name: str, values: Collection[Any], **others: object
) -> Iterator[Row[Any]]:
    """Rows of a statement with an expanding parameter `name`, so many of its values at a time as databases take."""
    for some in in_parts(values):
        yield from connection.execute(statement, {name: some, **others})


def insert_new(connection: Connection, table: Table, key: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Insert the rows, by the values of their primary key, unless they are there already; gives those that were not.

    Called by writers alone, who take turns: nobody can slip in between the look and the insertion.
    """
    there = {row[0] for row in select_in(connection, _those_present(table, key), "keys", rows)}
    new = [value for value in rows if value not in there]
    if new:
        connection.execute(_insertion(table), [{key: value, **rows[value]} for value in new])
    return new


# To build a statement takes longer than SQLite takes to execute it, and every outcome needs half a dozen of these.


@cache
def _present(table: Table, names: tuple[str, ...]) -> Select[Any]:
    wanted = (table.c[name] == bindparam(name, type_=table.c[name].type) for name in names)
    return select(literal(1)).select_from(table).where(*wanted)


@cache
def _those_present(table: Table, key: str) -> Select[Any]:
    return select(table.c[key]).where(table.c[key].in_(bindparam("keys", expanding=True)))


@cache
def _insertion(table: Table) -> Insert:
    return insert(table)
