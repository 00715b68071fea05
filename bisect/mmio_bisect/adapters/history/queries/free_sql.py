"""One query of the user's own, which can only read, and neither for ever nor without end.

Each database's own parser says what a query is, since no other reads SQL quite as it does (sqlglot and sqlparse were
looked at). PostgreSQL is given the text as what a cursor is declared for, by the extended protocol: its grammar takes
one SELECT, WITH, VALUES or TABLE there, without INTO and without a WITH that changes rows, and the protocol one
statement. COPY, which a read-only transaction lets write to files and programs, is an error of syntax. SQLite asks an
authorizer about each thing that the statement would do, and Python's module takes one statement.

The transaction is read-only. What functions may do that PostgreSQL's role may call (`lo_export`, `pg_read_file`,
`dblink`) is the role's: the README has one that may only read.
"""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from typing import Any, Final, cast

from sqlalchemy import Connection

from mmio_bisect.errors import UsageError

_READS: Final = frozenset({
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
})  # fmt: skip
_PRAGMAS: Final = frozenset({
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "function_list", "collation_list", "compile_options", "database_list",
})  # fmt: skip
"""Those that `pragma_table_info()` and its like stand for."""
_STEPS: Final = 100_000
"""Of SQLite's machine, between two looks at the clock and for an interrupt: a few milliseconds."""
_LARGEST_VALUE: Final = 64 << 20
_LARGEST_RESULT: Final = 256 << 20
_ROW_BYTES: Final = 64
"""What a value costs beside its text."""
_MOST_AT_ONCE: Final = 1000
_LEAD: Final = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_QUERIES: Final = frozenset({"select", "with", "values", "table"})

Row = tuple[object, ...]
Rows = tuple[Row, ...]


def run(connection: Connection, sql: str, limit: int | None, seconds: float) -> tuple[tuple[str, ...], Rows]:
    """Columns and at most `limit` rows. Raises `UsageError` also after `seconds`, and for too large a result."""
    word = re.match(r"\w*", sql[cast("re.Match[str]", _LEAD.match(sql)).end() :])
    if word is None or word[0].lower() not in _QUERIES:
        raise UsageError(
            "`history sql` only reads: write one SELECT, WITH, VALUES or TABLE, or open a copy of the database with "
            "its own program."
        )
    deadline = time.monotonic() + seconds
    errors: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        match connection.dialect.name, connection.dialect.driver:
            case "sqlite", _:
                return _run_sqlite(connection, sql, limit, deadline)
            case "postgresql", "psycopg":
                return _run_postgresql(connection, sql, limit, deadline)
            case name, driver:
                raise UsageError(f"`history sql` takes sqlite:// and postgresql+psycopg://, not {name}+{driver}://.")
    except (errors, sqlite3.Warning) as error:
        if time.monotonic() >= deadline:
            raise UsageError(
                f"The query took longer than {seconds:g} s and was ended: ask for less, or give --timeout more."
            ) from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise UsageError(_sentence(error)) from error


def _run_sqlite(connection: Connection, sql: str, limit: int | None, deadline: float) -> tuple[tuple[str, ...], Rows]:
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    with _only_reading(driver, deadline), closing(driver.cursor()) as cursor:
        cursor.execute(sql)
        columns = tuple(column[0] for column in cursor.description or ())
        return columns, _bounded(islice(cursor, limit))


def _run_postgresql(
    connection: Connection, sql: str, limit: int | None, deadline: float
) -> tuple[tuple[str, ...], Rows]:
    driver: Any = connection.connection.driver_connection
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    try:
        with closing(driver.cursor(name="history_sql")) as cursor:
            _allow(driver, deadline)
            cursor.execute(sql)
            columns = tuple(column[0] for column in cursor.description)
            return columns, _bounded(islice(_fetched(driver, cursor, deadline), limit))
    finally:
        driver.rollback()  # before version 16 a read-only transaction may make large objects


def _fetched(driver: Any, cursor: Any, deadline: float) -> Iterator[Row]:  # noqa: ANN401 - psycopg, which may be missing
    """A row first, and then more at once: rows may be large."""
    count = 1
    while True:
        _allow(driver, deadline)
        rows: Sequence[Row] = cursor.fetchmany(count)
        yield from rows
        if len(rows) < count:
            return
        count = min(2 * count, _MOST_AT_ONCE)


def _allow(driver: Any, deadline: float) -> None:  # noqa: ANN401 - for the same reason
    """Said anew before each step, since the query may set it to something else (`set_config`)."""
    left = max(1, round((deadline - time.monotonic()) * 1000))
    driver.execute(f"SET LOCAL statement_timeout = {left}")


def _bounded(rows: Iterator[Row]) -> Rows:
    """All of them, or an error before they fill the memory."""
    found, size = [], 0
    for row in rows:
        size += sum(_ROW_BYTES + (len(value) if isinstance(value, str | bytes) else 0) for value in row)
        if size > _LARGEST_RESULT:
            raise UsageError(
                f"The result is larger than {_LARGEST_RESULT >> 20} MiB: ask for less of it, or give --limit."
            )
        found.append(tuple(row))
    return tuple(found)


def _sentence(error: Exception) -> str:
    reason = str(error).strip().splitlines()[0]
    if re.search(r"not authorized|prohibited|read-only transaction|must not contain data-modifying", reason):
        return f"`history sql` only reads ({reason}): write a SELECT, or open a copy of the database."
    return (
        f"The database does not take that SQL ({reason}): `.schema` in sqlite3, or the README, lists tables and views."
    )


@contextmanager
def _only_reading(driver: sqlite3.Connection, deadline: float) -> Iterator[None]:
    largest = driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    driver.execute("PRAGMA query_only = ON")
    driver.set_authorizer(_authorize)
    # Python runs the handlers of signals in it.
    driver.set_progress_handler(partial(_is_late, deadline), _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        driver.set_authorizer(None)
        driver.execute("PRAGMA query_only = OFF")
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, largest)


def _is_late(deadline: float) -> bool:
    return time.monotonic() >= deadline


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _view: str | None) -> int:
    if action in _READS and second != "load_extension":
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
        return sqlite3.SQLITE_OK  # so `pragma_table_info()` declares its table; SQLite lets nobody change that one
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
