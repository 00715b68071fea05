"""What the system refuses is told by its cause, whoever met it; a full disk is one wherever it was met."""

import errno
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from history_values import a_cell, a_probe, an_object

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.history.upkeep import SqlUpkeep
from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox
from mmio_bisect.adapters.store.toolchain_store import FolderToolchainStore
from mmio_bisect.cli.configuration import init
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.composition.pages import make_folder, write_file
from mmio_bisect.composition.watch import hold_watch
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import DiskFullError, MmioBisectError, UsageError, from_os_error
from mmio_bisect.report.documents.keep import keep_probe

CAUSES = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "your quota on its disk is used up",
    errno.EROFS: "its file system is read-only",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EMFILE: "this process has too many files open",
    errno.EACCES: "you may not",
    errno.EIO: "its disk reports an error",
    errno.ELOOP: "its symbolic links go round in circles",
    errno.ENOTDIR: "a part of its path is not a folder",
}


def write_a_page(folder: Path) -> None:
    write_file(folder / "history.html", "text")


def keep_a_probe(folder: Path) -> None:
    keep_probe(folder / "kept", a_probe(a_cell(), an_object()))


def back_up(folder: Path) -> None:
    with SqlUpkeep(open_history_database(f"sqlite:///{folder / 'history.db'}")) as upkeep:
        upkeep.backup(folder / "copy.db")


def open_a_history(folder: Path) -> None:
    SqlHistory(open_history_database(f"sqlite:///{folder / 'new' / 'history.db'}")).close()


def fill_the_store(folder: Path) -> None:
    point = Point(series="zig", version="1", sort_key="1")
    with FolderToolchainStore(folder / "store").lease(point, lambda _folder: pytest.fail("it is filled")):
        pass


def hold_the_watch(folder: Path) -> None:
    with hold_watch(folder / "store"):
        pass


def sandbox(folder: Path) -> None:
    with LocalSandbox(base=folder / "base").session(folder):
        pass


def init_a_configuration(folder: Path) -> None:
    init(folder / "mmio-bisect.toml")


def make_a_folder(folder: Path) -> None:
    make_folder(folder / "reports")


PLACES = [
    write_a_page, keep_a_probe, back_up, open_a_history, fill_the_store, hold_the_watch, sandbox, init_a_configuration,
    make_a_folder,
]  # fmt: skip


@pytest.mark.parametrize(("code", "cause"), CAUSES.items(), ids=[errno.errorcode[code] for code in CAUSES])
@pytest.mark.parametrize("write", PLACES)
def test_each_cause_is_told_at_each_place_that_writes(
    write: Callable[[Path], None], code: int, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's calls that make folders and files refuse, in a folder of the test's own."""
    SqlHistory(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")).close()

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code), str(tmp_path / "name"))

    for owner, name in ((Path, "mkdir"), (Path, "open"), (tempfile, "NamedTemporaryFile")):
        monkeypatch.setattr(owner, name, refuse)
    with pytest.raises(MmioBisectError) as said:
        write(tmp_path)
    monkeypatch.undo()
    assert f"({cause}" in str(said.value)
    assert isinstance(said.value, DiskFullError) == (code in {errno.ENOSPC, errno.EDQUOT})
    assert re.search(r"\): [\w`].*\.$", str(said.value)), "and what to do"


@pytest.mark.parametrize("code", sorted(errno.errorcode), ids=lambda code: errno.errorcode[code])
def test_every_error_of_the_system_makes_a_sentence(code: int) -> None:
    error = from_os_error(OSError(code, os.strerror(code)), "It cannot be done", UsageError, "do something else")
    assert re.fullmatch(r"It cannot be done \(.+\): \w.+\.", str(error))
    assert type(error) is (DiskFullError if code in {errno.ENOSPC, errno.EDQUOT} else UsageError)


def test_one_without_a_number_or_words_makes_a_sentence_too() -> None:
    assert str(from_os_error(OSError(), "It fails", UsageError, "stop")) == "It fails (OSError): stop."
    assert str(from_os_error(OSError("why"), "It fails", UsageError, "stop")) == "It fails (why): stop."


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("n" * 300, "its name is too long for the file system): give a shorter one"),
        (f"{'n' * 300}/history.db", "its name is too long for the file system): give a shorter one"),
        ("plain/history.db", "a file is in its place"),
        ("plain/below/history.db", "a part of its path is not a folder"),
        ("loop", "its symbolic links go round in circles): mend them"),
        ("folder", "it is a folder"),
    ],
)
def test_a_history_that_sqlite_cannot_open_is_explained_by_the_system(name: str, cause: str, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MmioBisectError, match=r"history .* cannot be") as said:
        open_history_database(f"sqlite:///{tmp_path / name}")
    assert cause in str(said.value)


def test_a_name_as_long_as_the_file_system_takes_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 255)
    write_file(file, "text")
    assert file.read_text() == "text"
    SqlHistory(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")).close()
    with SqlUpkeep(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")) as upkeep:
        upkeep.backup(tmp_path / ("b" * 255))
    assert (tmp_path / ("b" * 255)).stat().st_size > 0
