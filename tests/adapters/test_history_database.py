"""Databases that cannot be used say so in one sentence each, and are left as they are."""

import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from history_values import a_case, a_cell, a_head, a_judgement, a_point, a_probe, a_toolchain, an_object, outcome_of

from mmio_bisect.adapters.history.schema import HEAD
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.errors import CorruptDatabaseError, DatabaseError, DiskFullError, NewerDatabaseError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A history with an outcome, a judgement and a run."""
    file = tmp_path / "results" / "history.db"
    with open_history(file) as history:
        history.remember_toolchain(a_point(), a_toolchain())
        history.record([(a_cell(), an_object())])
        history.record([], [(a_cell(), an_object(), a_judgement())])
        run = history.begin_run(
            a_head(case=a_case(), series="zig", first=a_point(), last=a_point(), profile="arm-isv", argv=("run",))
        )
        history.record_probe(run, a_probe(a_cell(), an_object()))
    return file


def open_history(file: Path, *, busy_timeout: float = 30) -> SqlHistory:
    return SqlHistory(open_history_database(f"sqlite:///{file}", busy_timeout=busy_timeout))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestOpening:
    def test_makes_the_database_and_the_folders_above_it(self, tmp_path: Path) -> None:
        file = tmp_path / "not" / "yet" / "history.db"
        open_history(file).close()
        assert file.exists()

    def test_finds_what_was_recorded_before(self, file: Path) -> None:
        with open_history(file) as history:
            assert outcome_of(history, a_cell()) == an_object()

    def test_uses_a_write_ahead_log_that_a_clean_close_removes(self, file: Path) -> None:
        with open_history(file) as history:
            history.record([(a_cell(toolchain=a_toolchain("other")), an_object())])
            assert file.with_name("history.db-wal").exists()
        assert list(contents(file.parent)) == ["history.db"]

    def test_a_database_of_no_file_serves_several_threads_too(self) -> None:
        with SqlHistory(open_history_database("sqlite://")) as history:
            history.record([(a_cell(), an_object())])
            assert outcome_of(history, a_cell()) == an_object()

    def test_a_path_of_unusual_characters_is_a_path(self, tmp_path: Path) -> None:
        file = tmp_path / "50% of #1's \N{SNOWMAN}" / "history.db"
        open_history(file).close()
        assert file.exists()
        with read_only(file, file.parent), open_history(file) as history:
            assert history.runs(limit=1) == ()


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("results/history.db", "'results/history.db' is not a database URL: write `sqlite:///PATH`"),
            ("nosuch://host/name", "No database driver serves nosuch://host/name"),
            ("sqlite+nosuch:///history.db", "No database driver serves"),
            ("", "'' is not a database URL"),
        ],
    )
    def test_an_unusable_one_is_refused(self, url: str, said: str) -> None:
        with pytest.raises(DatabaseError) as refused:
            SqlHistory(open_history_database(url))
        assert str(refused.value).startswith(said)

    def test_a_password_is_not_shown(self) -> None:
        with pytest.raises(DatabaseError) as refused:
            SqlHistory(open_history_database("nosuch://me:secret@host/name"))
        assert "secret" not in str(refused.value)
        assert "me:***@host" in str(refused.value)


def cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_to_a_few_bytes(file: Path) -> None:
    os.truncate(file, 40)


def overwrite_the_header(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.write(b"This is not the database that you look for.")


def overwrite_all_pages_but_the_first(file: Path) -> None:
    with file.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(4096)
        stream.write(b"\xa5" * (size - 4096))


def replace_by_a_text(file: Path) -> None:
    file.write_text("Dear diary,\n" * 1000)


class TestDamage:
    @pytest.mark.parametrize(
        "damage",
        [
            cut_in_half,
            cut_to_a_few_bytes,
            overwrite_the_header,
            overwrite_all_pages_but_the_first,
            replace_by_a_text,
        ],
    )
    def test_is_said_and_left_as_it_is(self, file: Path, damage: Callable[[Path], None]) -> None:
        damage(file)
        before = file.read_bytes()
        with pytest.raises(CorruptDatabaseError) as refused, open_history(file) as history:
            history.runs(limit=1)
        assert file.read_bytes() == before
        assert str(file) in str(refused.value)
        assert "`--database URL`" in str(refused.value)

    def test_another_programs_database_is_not_touched(self, tmp_path: Path) -> None:
        file = tmp_path / "places.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE bookmarks (url)")
        before = file.read_bytes()
        with pytest.raises(DatabaseError, match=r"another program's \(it has a table 'bookmarks'\)"):
            open_history(file)
        assert file.read_bytes() == before

    def test_a_folder_is_no_database(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseError, match="cannot be opened"):
            open_history(tmp_path)


class TestRevisions:
    def test_a_newer_database_names_both_and_is_left_as_it_is(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9876'")
        before = file.read_bytes()
        with pytest.raises(NewerDatabaseError, match=f"revision 9876, .* none after {HEAD}: upgrade mmio-bisect"):
            open_history(file)
        assert file.read_bytes() == before

    def test_a_migration_that_was_cut_short_is_as_if_it_never_began(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mmio_bisect.adapters.history import migrate  # noqa: PLC0415 - as the database does

        whole = migrate.upgrade

        def cut_short(connection: object) -> None:
            whole(connection)  # type: ignore[arg-type]
            raise KeyboardInterrupt

        file = tmp_path / "history.db"
        monkeypatch.setattr(migrate, "upgrade", cut_short)
        with pytest.raises(KeyboardInterrupt):
            open_history(file)
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
        monkeypatch.undo()
        open_history(file).close()


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    """Nobody may write these, root included: the thread lays down its powers for as long."""
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with without_powers():
            yield
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


@contextmanager
def without_powers() -> Iterator[None]:
    """See capget(2): version 3 of the header; effective, permitted, inheritable, in two halves."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    laid_down = (ctypes.c_uint32 * 6)(0, *held[1:3], 0, *held[4:6])
    assert libc.capset(header, laid_down) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0


class TestWhatCannotBeWritten:
    @pytest.fixture(params=["file", "folder", "both"])
    def locked(self, request: pytest.FixtureRequest, file: Path) -> Iterator[Path]:
        which = {"file": [file], "folder": [file.parent], "both": [file, file.parent]}
        with read_only(*which[request.param]):
            yield file

    def test_can_be_read(self, locked: Path) -> None:
        with open_history(locked) as history:
            assert outcome_of(history, a_cell()) == an_object()
            assert history.judgement_of(a_cell(), an_object(), "arm-isv", 1) == a_judgement()
            assert [record.cell_key for record in history.outcomes(run=1)] == [a_cell().key]
            assert [record.id for record in history.runs(limit=9)] == [1]

    def test_is_refused_by_name_when_written_to(self, locked: Path) -> None:
        with open_history(locked) as history, pytest.raises(DatabaseError) as refused:
            history.record([(a_cell(toolchain=a_toolchain("other")), an_object())])
        assert str(refused.value).startswith(f"The history {locked} cannot be written")
        assert "`--database URL`" in str(refused.value)

    def test_has_nothing_left_beside_it(self, locked: Path) -> None:
        with open_history(locked) as history:
            history.runs(limit=1)
        assert list(contents(locked.parent)) == ["history.db"]

    def test_can_be_read_while_another_process_that_may_writes_to_it(self, file: Path) -> None:
        with open_history(file) as writer:
            other = a_cell(toolchain=a_toolchain("other"))
            writer.record([(other, an_object())])
            with read_only(file), open_history(file) as reader:
                assert outcome_of(reader, other) == an_object()

    def test_cannot_be_made(self, tmp_path: Path) -> None:
        folder = tmp_path / "results"
        folder.mkdir()
        with read_only(folder), pytest.raises(DatabaseError, match="`--database URL`"):
            open_history(folder / "history.db")
        with read_only(folder), pytest.raises(DatabaseError, match=r"folder of the history .* cannot be made"):
            open_history(folder / "more" / "history.db")


class TestTextThatIsNone:
    """Names of files may be any bytes; Python gives those that are not text as lone surrogates."""

    NAME = b"caf\xe9".decode(errors="surrogateescape")

    def test_is_refused_when_asked_for(self, file: Path) -> None:
        with (
            open_history(file) as history,
            pytest.raises(DatabaseError, match=r"not valid Unicode, such as 'caf\\udce9'"),
        ):
            history.remembered(self.NAME)

    def test_is_refused_when_recorded(self, file: Path) -> None:
        cell = a_cell(case=a_case(recipe=self.NAME, source=b"another"))
        with open_history(file) as history, pytest.raises(DatabaseError, match="not valid Unicode"):
            history.record([(cell, an_object())])


class TestWritersInTheWay:
    def test_a_lock_held_too_long_is_said(self, file: Path) -> None:
        with (
            closing(sqlite3.connect(file, isolation_level=None)) as other,
            open_history(file, busy_timeout=0.1) as ours,
        ):
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseError, match=r"history\.db stayed locked by another process for 0\.1 s"):
                ours.record([(a_cell(toolchain=a_toolchain("other")), an_object())])
            assert outcome_of(ours, a_cell()) == an_object(), "readers do not wait"

    def test_a_file_system_without_write_ahead_logs_serves_too(self, file: Path) -> None:
        """Here: another process in the middle of a transaction keeps us from switching to one."""
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode = DELETE")
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM runs").fetchall()
            with open_history(file) as ours:
                assert outcome_of(ours, a_cell()) == an_object()
                other.execute("COMMIT")
                ours.record([(a_cell(toolchain=a_toolchain("other")), an_object())])
            assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        open_history(file).close()
        with closing(sqlite3.connect(file)) as later:
            assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)


class TestAFullDisk:
    def test_is_said_and_loses_nothing(self, file: Path) -> None:
        big = an_object(os.urandom(200_000))
        other = a_cell(toolchain=a_toolchain("other"))
        with open_history(file) as history:
            with history.database.bare() as connection:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                connection.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(DiskFullError, match=r"history\.db finds no space left"):
                history.record([(other, big)])
            assert outcome_of(history, other) is None
            assert outcome_of(history, a_cell()) == an_object()
            with history.database.bare() as connection:
                connection.execute(f"PRAGMA max_page_count = {pages * 100}")
            history.record([(other, big)])
            assert outcome_of(history, other) == big


HOSTILE = {
    "a trigger on what is written": (
        "CREATE TRIGGER more AFTER INSERT ON outcomes BEGIN DELETE FROM runs; END",
        "a trigger 'more'",
    ),
    "a trigger of a view": (
        "CREATE TRIGGER instead INSTEAD OF DELETE ON cells BEGIN DELETE FROM runs; END",
        "a trigger 'instead'",
    ),
    "a view in a table's place": (
        (
            "DROP TABLE deliveries; CREATE VIEW deliveries AS "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        ),
        "a view 'deliveries'",
    ),
    "a table of a module": ("CREATE VIRTUAL TABLE search USING fts5(words)", "a virtual table 'search'"),
}


@pytest.mark.parametrize(("statement", "says"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("revision", [HEAD, "0002"])
def test_a_file_that_brings_code_is_refused_and_runs_none(file: Path, statement: str, says: str, revision: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(statement)
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    with pytest.raises(DatabaseError, match=says):
        open_history(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_a_view_of_ones_own_is_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE VIEW mine AS SELECT recipe FROM cells")
    with open_history(file) as history:
        assert outcome_of(history, a_cell()) == an_object()
