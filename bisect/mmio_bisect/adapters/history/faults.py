"""The one place where a database's exceptions become errors that say what to do."""

import errno
import os
import shutil
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mmio_bisect.adapters.foreign_input import MALFORMED, why
from mmio_bisect.errors import CorruptDatabaseError, DatabaseError, DiskFullError, MmioBisectError, from_os_error

ELSEWHERE = "name another with `--database URL`"
# Less than this and SQLite cannot even grow the index of its write-ahead log, which it reports as an I/O error.
_SCANT_SPACE = 64 * 1024
_FULL = "finds no space left on its disk, and what it recorded before is kept: free some space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which database is meant, as the user should read it: no password. `file` is None when it is not one file."""

    name: str
    file: Path | None
    busy_timeout: float


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Raise this tool's errors for those of the database."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _error_of(error, place) from error
    except UnicodeEncodeError as error:
        raise DatabaseError(
            f"The history {place.name} holds nothing that is not valid Unicode, such as {error.object!a}: rename it."
        ) from error


@contextmanager
def rows_make_sense(place: Place) -> Iterator[None]:
    """A stored row that makes no value of the domain is damage, whatever the database thinks of it."""
    try:
        yield
    except UnicodeEncodeError:
        raise  # what was asked for, not what was found
    except (*MALFORMED, zlib.error) as error:
        raise CorruptDatabaseError(
            f"The history {place.name} holds a row that cannot be read ({why(error)}): restore a copy, or {ELSEWHERE}."
        ) from error


def _error_of(error: Exception, place: Place) -> MmioBisectError:
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    reason = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
    kind: type[MmioBisectError] = DatabaseError
    match _sqlite_code(cause):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            kind = CorruptDatabaseError
            what = f"is damaged or no SQLite database ({reason}) and was left as it is: restore a copy"
        case sqlite3.SQLITE_FULL:
            kind, what = DiskFullError, _FULL
        case sqlite3.SQLITE_IOERR if _is_full(place):
            kind, what = DiskFullError, _FULL
        case sqlite3.SQLITE_READONLY:
            what = "cannot be written, because the file or its folder is read-only: make both writable"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            what = f"stayed locked by another process for {place.busy_timeout:g} s: try again when that is done"
        case sqlite3.SQLITE_CANTOPEN if (refused := _refused(place)) is not None:
            return from_os_error(
                refused, f"The history {place.name} cannot be opened or made", kind, f"mend that, or {ELSEWHERE}"
            )
        case sqlite3.SQLITE_CANTOPEN:
            what = f"cannot be opened or made ({reason}): it has to be a file in a folder that you may write to"
        case sqlite3.SQLITE_IOERR:
            what = f"meets an error of its disk ({reason}): look at the system's log, at quotas and at `ulimit -f`"
        case _:
            what = f"cannot be used ({reason}): mend that"
    return kind(f"The history {place.name} {what}, or {ELSEWHERE}.")


def _sqlite_code(cause: BaseException) -> int | None:
    """SQLite's primary result code; None for other databases and for what Python's module finds by itself."""
    code = getattr(cause, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _refused(place: Place) -> OSError | None:
    """What the system has against the file, which SQLite does not tell. It is not opened: see `_is_read_only`."""
    if place.file is None:
        return None
    try:
        with Path(os.devnull).open("rb"):  # one more file
            pass
        try:
            mode = place.file.stat().st_mode
        except FileNotFoundError:
            mode = place.file.parent.stat().st_mode & ~stat.S_IFDIR
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(place.file.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        return error
    return None


def _is_full(place: Place) -> bool:
    return place.file is not None and has_no_room(place.file)


def has_no_room(file: Path) -> bool:
    """Whether its disk has hardly any."""
    return shutil.disk_usage(file.absolute().parent).free < _SCANT_SPACE
