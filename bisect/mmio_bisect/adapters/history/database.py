"""Opening the history's database, bringing it up to date, and the transactions that everything else happens in.

What is promised, for SQLite, which is the default:

* A committed transaction stays, even through a power cut: `synchronous=FULL` waits for the disk at each commit. That
  costs milliseconds where the compile before it took a good part of a second, and it holds without the write-ahead log.
* Writers take the write lock when they begin (`BEGIN IMMEDIATE`), so none fails half-way on another's commit; they wait
  for one another up to the busy timeout. Readers never wait for them where the file system allows a write-ahead log.
* What cannot be written can still be read.
"""

import os
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, Self, cast
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, TextClause, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SAWarning
from sqlalchemy.pool import QueuePool

from mmio_bisect.adapters.history.faults import ELSEWHERE, Place, rows_make_sense, translated
from mmio_bisect.adapters.history.schema import HEAD, REDACTED, REVISION_TABLE, REVISIONS, metadata
from mmio_bisect.errors import DatabaseError, NewerDatabaseError, from_os_error
from mmio_bisect.redaction import redact, redact_url

BUSY_TIMEOUT = 30.0
_WRITES = "mmio_bisect_writes"
# Any number that others are unlikely to use: PostgreSQL's advisory locks are named by numbers.
_WRITE_LOCK = 131894


class Ask(Protocol):
    """Runs a statement that reads, `:name` standing for a parameter, and gives its rows."""

    def __call__(self, sql: str, parameters: Mapping[str, Any] | None = None, /) -> Sequence[tuple[Any, ...]]: ...


class Database:
    """An open, up-to-date database; usable from several threads."""

    def __init__(self, place: Place, engine: Engine) -> None:
        self.place = place
        self._readers = engine
        self._writers = engine.execution_options(**{_WRITES: True})
        self._asking = Lock()
        self._asked: Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of the database."""
        with translated(self.place), rows_make_sense(self.place), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing."""
        with translated(self.place), self._writers.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Writers take turns, as in SQLite: what follows from a row's neighbours is then never out of date.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITE_LOCK})
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Ask]:
        """As `reading`, for statements that are text already: for SQLite without anything between it and them.

        One connection is kept for all of them, because fetching one anew costs more than most answers.
        """
        if self._readers.dialect.name != "sqlite" or self.place.file is None:
            with self.reading() as connection:
                yield partial(_ask, connection)
            return
        with translated(self.place), rows_make_sense(self.place), self._asking:
            if self._asked is None:
                self._asked = self._readers.connect()
            driver = cast("sqlite3.Connection", self._asked.connection.driver_connection)
            driver.execute("BEGIN")
            try:
                yield lambda sql, parameters=None: driver.execute(sql, parameters or {}).fetchall()
            finally:
                driver.execute("ROLLBACK")

    def size(self, ask: Ask) -> int | None:
        """In bytes; None where nobody says."""
        if self.place.file is not None:
            return self.place.file.stat().st_size
        if self._readers.dialect.name == "postgresql":
            return int(ask("SELECT pg_database_size(current_database())")[0][0])
        return None

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """SQLite's own connection, outside any transaction: for what cannot be in one."""
        with translated(self.place), self._readers.connect() as connection:
            yield cast("sqlite3.Connection", connection.connection.driver_connection)

    def close(self) -> None:
        """Close all connections; the last to go folds SQLite's write-ahead log into the file and removes it."""
        if self._asked is not None:
            self._asked.close()
        self._readers.dispose()


class OverDatabase:
    """What reads and writes a history's database; close it, or use it in a `with`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


Upgrade = Callable[[Connection], None]
"""Brings the schema up to date, within the caller's transaction: `migrate.upgrade`."""


def open_database(url: str, load_upgrade: Callable[[], Upgrade], *, busy_timeout: float = BUSY_TIMEOUT) -> Database:
    """Open the database, or make it, and bring it up to date; `busy_timeout` in seconds.

    The upgrade is loaded where it is needed: alembic takes longer to import than an answer from history takes to give.

    Raises `CorruptDatabaseError`, `NewerDatabaseError`, `DiskFullError`, and `DatabaseError` for what else may be wrong
    with it. A database that is refused is left as it is.
    """
    parsed = _parsed(url)
    file = _file_of(parsed)
    place = Place(
        name=str(file) if file else redact(parsed.render_as_string(hide_password=True)),
        file=file,
        busy_timeout=busy_timeout,
    )
    database = Database(place, _engine(parsed, place))
    try:
        with database.reading() as connection:
            _refuse_code(connection, place)
            revision = _revision(connection)
        if revision != HEAD:
            _bring_up_to_date(database, revision, load_upgrade)
        if file is not None:
            _prefer_write_ahead_log(database)
    except BaseException:
        database.close()
        raise
    return database


@lru_cache(maxsize=256)
def _statement(sql: str) -> TextClause:
    """Kept, so that it is compiled once."""
    return text(sql)


def _ask(connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None, /) -> Sequence[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(_statement(sql), dict(parameters or {}))]


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseError(
            f"'{redact_url(url)}' is not a database URL: write `sqlite:///PATH` for a file, or another URL of "
            "SQLAlchemy's form."
        ) from error
    if "@" in (parsed.host or ""):  # what follows the first one would be taken for the host, and shown
        raise DatabaseError("The database URL has more than one “@”: write %40 for one in a name or a password.")
    return parsed


def _file_of(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return None if url.database.startswith("file:") else Path(url.database)


def _engine(url: URL, place: Place) -> Engine:
    options: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite":
        # No isolation level: Python's module then begins no transactions by itself, and DDL can be in ours.
        options["connect_args"] = {"isolation_level": None, "timeout": place.busy_timeout, "check_same_thread": False}
        if place.file is not None:
            _make_folder(place.file.parent, place)
            if _is_read_only(place.file):
                options["creator"] = _read_only_connector(place, place.file)
        else:
            # A database in memory is its connection: there can be but one, which threads take in turns.
            options |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SAWarning)  # of parameters that it would leave out
            engine = create_engine(url, **options)
    except SAWarning as warned:
        raise DatabaseError(f"The URL of {place.name} is not understood: {str(warned).partition(';')[0]}.") from warned
    except (NoSuchModuleError, ArgumentError, ImportError) as error:
        raise DatabaseError(
            f"No database driver serves {place.name} ({error}): install it, or {ELSEWHERE}, such as `sqlite:///PATH`."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_connection)
        event.listen(engine, "begin", _begin)
    return engine


def _make_folder(folder: Path, place: Place) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(
            error,
            f"The folder of the history {place.name} cannot be made",
            DatabaseError,
            f"make it, or {ELSEWHERE}",
            full=f"free some, or {ELSEWHERE}",
        ) from error


def _set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")  # what the file defines runs no function with effects
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_read_only(file: Path) -> bool:
    """Asked without opening the file: closing it would drop the locks that this process holds on it elsewhere."""
    effective = os.access in os.supports_effective_ids
    return os.path.exists(file) and not all(  # noqa: PTH110 - `Path.exists` raises for a name that is too long
        os.access(path, os.W_OK, effective_ids=effective) for path in (file, file.absolute().parent)
    )


def _read_only_connector(place: Place, file: Path) -> Callable[[], sqlite3.Connection]:
    """Connect without writing anything, which SQLite needs to be told.

    A database that last used a write-ahead log wants to make that log again even for a reader, and cannot. When none is
    there, nobody writes, and the file may be read as it stands (`immutable`). Otherwise the log of whoever writes is
    there to be shared.
    """
    file = file.absolute()
    logs = (file.with_name(file.name + "-wal"), file.with_name(file.name + "-journal"))
    written = any(log.exists() and log.stat().st_size for log in logs)
    uri = f"file:{quote(str(file))}?mode=ro" + ("" if written else "&immutable=1")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=place.busy_timeout, check_same_thread=False)

    return connect


def _refuse_code(connection: Connection, place: Place) -> None:
    """A file may hold what runs when its tables are read or written: none of that is of this program.

    SQLite, "Defense Against The Dark Arts" (sqlite.org/security.html): a database from elsewhere is searched for
    triggers, and for views that stand where tables should.
    """
    if connection.dialect.name != "sqlite":
        return
    tables = {REVISION_TABLE, *metadata.tables}
    held = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL TABLE%'"
    for kind, name in connection.execute(text(held)):
        if kind != "view" or name.lower() in tables:
            raise DatabaseError(
                f"The history {place.name} holds a {kind if kind != 'table' else 'virtual table'} '{name}', which "
                f"mmio-bisect never makes and which could run anything: take it out if it is yours, or {ELSEWHERE}."
            )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(REVISION_TABLE):
        return None
    revision = connection.scalar(text(f"SELECT version_num FROM {REVISION_TABLE}"))  # noqa: S608 - a constant
    return None if revision is None else str(revision)


def _bring_up_to_date(database: Database, seen: str | None, load_upgrade: Callable[[], Upgrade]) -> None:
    """Under the write lock, since another process may be doing the same: whoever comes second finds it done."""
    if seen is not None and seen not in REVISIONS:
        raise NewerDatabaseError(
            f"The history {database.place.name} has revision {seen}, and this version of mmio-bisect knows none "
            f"after {HEAD}: upgrade mmio-bisect, or {ELSEWHERE}."
        )
    with database.writing() as connection:
        revision = _revision(connection)
        if revision == HEAD:
            return
        if revision is None and (tables := inspect(connection).get_table_names()):
            raise DatabaseError(
                f"The database {database.place.name} is another program's (it has a table '{tables[0]}') "
                f"and was left as it is: {ELSEWHERE}."
            )
        load_upgrade()(connection)
        redacted = connection.info.pop(REDACTED, False)
    if redacted and database.place.file is not None:
        # What was overwritten before may lie in pages that are free. Not while another process is at work.
        with database.bare() as bare, suppress(sqlite3.OperationalError):
            bare.execute("VACUUM")
            bare.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _prefer_write_ahead_log(database: Database) -> None:
    """Switch to a write-ahead log, once and for all, if that can be done now and here.

    Not on every file system, not in a read-only database, and not while another process is at work in it: then whoever
    opens the database next tries again. Without the log all promises hold, but readers and writers wait for each other.
    """
    with database.bare() as connection:
        if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            return
        connection.execute("PRAGMA busy_timeout = 0")
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA busy_timeout = {round(database.place.busy_timeout * 1000)}")
