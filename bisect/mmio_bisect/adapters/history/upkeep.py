"""The `Upkeep` of the workflow over a database."""

import errno
import hashlib
import os
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, Table, insert, select

from mmio_bisect.adapters.history import objects, retention, schema, transfer
from mmio_bisect.adapters.history.database import OverDatabase
from mmio_bisect.adapters.history.faults import has_no_room
from mmio_bisect.adapters.history.timeline import derived
from mmio_bisect.adapters.history.timeline.rebuild import rebuild
from mmio_bisect.errors import UsageError, from_os_error
from mmio_bisect.workflow.history.history_queries import NoteRow
from mmio_bisect.workflow.history.upkeep import Before, CheckResult, Forgotten, Imported

_OF_THE_COPY = frozenset({
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_FSTAT, sqlite3.SQLITE_IOERR_CLOSE,
})  # fmt: skip
"""Writing fails in the copy alone: of the history nothing but its lock is written."""


class _Undone(Exception):  # noqa: N818 - no error: it ends a transaction that is not to be kept
    """Raised to give up what a check made."""


class SqlUpkeep(OverDatabase):
    """Close it, or use it in a `with`."""

    def export(self) -> Iterator[str]:
        with self.database.reading() as connection:
            yield from transfer.export(connection)

    def take_in(self, lines: Iterable[str]) -> Imported:
        with self.database.writing() as connection:
            return transfer.take_in(connection, lines)

    def note(self, note: NoteRow) -> None:
        cases = schema.cases
        with self.database.writing() as connection:
            if connection.scalar(select(cases.c.digest).where(cases.c.recipe == note.recipe).limit(1)) is None:
                raise UsageError(
                    f"History knows no recipe “{note.recipe}”: `history matrix` shows those that it knows."
                )
            connection.execute(insert(schema.notes).values(note._asdict()))

    def forget(self, before: Before, *, needed: Collection[int]) -> Forgotten:
        with self.database.writing() as connection:
            return retention.forget(connection, before, needed)

    def backup(self, file: Path) -> None:
        if self.database.place.file is None:
            raise UsageError(
                f"{self.database.place.name} is not a file: `history export` takes everything out of any database."
            )
        if os.path.lexists(file):
            raise UsageError(f"{file} is there already: name a file that is not.")
        try:
            with tempfile.NamedTemporaryFile(
                dir=file.absolute().parent, prefix=f".{file.name[:32]}.", delete=False
            ) as made:
                aside = Path(made.name)
        except OSError as error:
            raise from_os_error(error, f"{file} cannot be written", UsageError, "name another file") from error
        try:
            self._copy(aside, file)
            aside.rename(file)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise

    def _copy(self, aside: Path, file: Path) -> None:
        """SQLite's own way, which copies a consistent state whoever writes meanwhile."""
        with self.database.bare() as ours, closing(sqlite3.connect(aside)) as copy:
            try:
                ours.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.Error as error:
                if error.sqlite_errorcode not in _OF_THE_COPY:
                    raise
                full = error.sqlite_errorcode == sqlite3.SQLITE_FULL or has_no_room(aside)
                code = errno.ENOSPC if full else errno.EIO
                refused = OSError(code, os.strerror(code))
                raise from_os_error(refused, f"The backup {file} cannot be written", UsageError, "") from error

    def check(self, *, repair: bool, tell: Callable[[CheckResult], None]) -> bool:
        well = True
        for looked in (*self._looks_of_sqlite(), self._objects(), self._derived(repair=repair)):
            tell(looked)
            well = well and looked.trouble is None
        return well

    def _looks_of_sqlite(self) -> Iterator[CheckResult]:
        if self.database.place.file is None:
            return
        with self.database.bare() as bare:
            found = [row[0] for row in bare.execute("PRAGMA integrity_check(5)")]
            yield CheckResult(what="pages and indices", trouble=None if found == ["ok"] else "; ".join(found))
            broken = bare.execute("PRAGMA foreign_key_check").fetchmany(5)
            yield CheckResult(what="references", trouble=f"rows of {broken} refer to nothing" if broken else None)

    def _objects(self) -> CheckResult:
        kept = schema.objects.c
        wrong = []
        with self.database.reading() as connection:
            rows = connection.execution_options(yield_per=200).execute(select(kept.digest, kept.data))
            for digest, data in rows:
                try:
                    objects.read(digest, data)
                except (ValueError, zlib.error):
                    wrong.append(digest)
        return CheckResult(
            what="objects and their digests", trouble=f"{', '.join(wrong[:5])} are not" if wrong else None
        )

    def _derived(self, *, repair: bool) -> CheckResult:
        """What is kept against what one makes anew, in a transaction that is given up unless it is to be repaired."""
        wrong: list[str] = []
        with suppress(_Undone), self.database.writing() as connection:
            before = _contents(connection)
            rebuild(connection)
            after = _contents(connection)
            wrong += [name for name in before if before[name] != after[name]]
            if not repair:
                raise _Undone
        if wrong and repair:
            return CheckResult(what=f"lines, standings and transitions (made anew: {', '.join(wrong)})", trouble=None)
        trouble = f"{', '.join(wrong)} do not follow from the rest: `history check --repair`" if wrong else None
        return CheckResult(what="lines, standings and transitions", trouble=trouble)


def _contents(connection: Connection) -> dict[str, str]:
    """A digest of each table's rows, whatever their order. Vectors that no line has any more may stay."""
    found = {}
    for table in (derived.lines, derived.standings, derived.tallies, derived.transitions, derived.code_changes):
        total = 0
        for row in connection.execute(_named(table)):
            total ^= int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest()[:16], "big")
        found[table.name] = f"{total:x}"
    return found


def _named(table: Table) -> Select[Any]:
    """Its rows without numbers that the database gives, which differ between two makings of the same."""
    names = [column for column in derived.lines.c if column.name != "id"]
    if table is derived.lines:
        return select(*names)
    own = [column for column in table.c if column.name not in {"line_id", "vector_id"}]
    rows = table.join(derived.lines)
    if "vector_id" in table.c:
        return select(*names, *own, derived.vectors.c.digest).select_from(rows.join(derived.vectors))
    return select(*names, *own).select_from(rows)
