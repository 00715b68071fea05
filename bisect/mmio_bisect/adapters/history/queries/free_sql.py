"""One statement of the user's own, which can only read: SQLite and PostgreSQL themselves see to that."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, cast

from sqlalchemy import Connection

from mmio_bisect.errors import UsageError

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_PRAGMAS = frozenset({
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "function_list", "collation_list", "compile_options", "database_list",
})  # fmt: skip
_STEPS = 100_000
"""Of SQLite's machine, between two looks whether the user has interrupted: a few milliseconds."""

Rows = tuple[tuple[object, ...], ...]


def run(connection: Connection, sql: str, limit: int | None) -> tuple[tuple[str, ...], Rows]:
    """Through the driver's own cursor: the statement is nobody's but the user's."""
    driver: Any = connection.connection.driver_connection
    errors: type[Exception] = connection.dialect.loaded_dbapi.Error
    # PostgreSQL takes several statements at once unless they are prepared, and one of them might end the transaction.
    options = {"prepare": True} if connection.dialect.name == "postgresql" else {}
    with _only_reading(connection), closing(driver.cursor()) as cursor:
        try:
            cursor.execute(sql, **options)
            if cursor.description is None:
                raise UsageError("That statement gives no rows: `history sql` reads, it does not change anything.")
            columns = tuple(column[0] for column in cursor.description)
            return columns, tuple(tuple(row) for row in islice(cursor, limit))
        except (errors, sqlite3.Warning) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise KeyboardInterrupt from error
            raise UsageError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    reason = str(error).strip().splitlines()[0]
    if "not authorized" in reason or "prohibited" in reason or "read-only transaction" in reason:
        return f"`history sql` only reads ({reason}): write a SELECT, or open a copy of the file with sqlite3."
    return (
        f"The database does not take that SQL ({reason}): `.schema` in sqlite3, or the README, lists tables and views."
    )


@contextmanager
def _only_reading(connection: Connection) -> Iterator[None]:
    if connection.dialect.name != "sqlite":
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        yield
        return
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.set_authorizer(_authorize)
    driver.set_progress_handler(lambda: 0, _STEPS)  # Python runs the handlers of signals in it
    try:
        yield
    finally:
        driver.set_authorizer(None)
        driver.set_progress_handler(None, 0)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _view: str | None) -> int:
    if action in _READS and second != "load_extension":
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
        return sqlite3.SQLITE_OK  # so `pragma_table_info()` declares its table; SQLite lets nobody change that one
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
