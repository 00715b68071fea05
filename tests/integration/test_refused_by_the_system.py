"""Full disks, files that may not grow, too few descriptors, a store that cannot be written: one sentence each."""

import json
from pathlib import Path

import pytest
from filled_history import fill
from loopback_index import FILES, Index, wheel
from mounted import read_only, small_disk
from tool_process import Said, Tool

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.errors import DatabaseError, DiskFullError, MmioBisectError, StoreError, UsageError

WRITING = [
    ("history", "backup", "FILE"),
    ("history", "export", "-o", "FILE"),
    ("history", "report", "--html", "FILE"),
]
RUN = ("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--quiet")


def assert_told(said: Said, kind: type[MmioBisectError], *words: str) -> None:
    assert said.status == kind.exit_code, said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


@pytest.fixture
def filled(tmp_path: Path) -> Tool:
    """The tool with a history of some size."""
    tool = Tool(root=tmp_path)
    with SqlHistory(open_history_database(f"sqlite:///{tool.database}")) as history:
        fill(history)
    return tool


@pytest.mark.isolation
@pytest.mark.parametrize("words", WRITING)
def test_a_full_disk_is_that_of_what_is_written_and_not_the_historys(filled: Tool, words: tuple[str, ...]) -> None:
    place = filled.folder / "place"
    file = place / "made"
    said = filled(*(word.replace("FILE", str(file)) for word in words), before=small_disk(place, "8k"))
    assert_told(said, DiskFullError, str(file), "no space is left on its disk")
    assert str(filled.database) not in said.err
    assert filled("history", "check").status == 0


@pytest.mark.parametrize("words", WRITING[:2])
def test_a_file_that_may_not_grow_is_told(filled: Tool, words: tuple[str, ...]) -> None:
    file = filled.folder / "made"
    # As much as SQLite's shared memory takes beside the history, 32 KiB, and no more.
    before = ("sh", "-c", 'ulimit -f 68; exec "$0" "$@"')
    said = filled(*(word.replace("FILE", str(file)) for word in words), before=before)
    assert_told(said, UsageError, str(file))
    assert "ulimit -f" in said.err or "its disk reports an error" in said.err
    assert not list(filled.folder.iterdir())


def test_standard_output_on_a_full_disk_is_told(filled: Tool) -> None:
    said = filled("history", "export", before=("sh", "-c", 'exec "$0" "$@" >/dev/full'))
    assert_told(said, DiskFullError, "Standard output", "no space is left on its disk")


@pytest.mark.parametrize("most", [4, 5, 6, 7, 8, 10, 12])
def test_too_few_files_are_told_and_not_blamed_on_the_folder(filled: Tool, most: int) -> None:
    """Of some limit on Python cannot start; between, whoever meets it says what it is."""
    said = filled("history", "list", before=("sh", "-c", f'ulimit -n {most}; exec "$0" "$@"'))
    if said.status == 0 or "mmio_bisect" not in said.err + said.out:
        return
    assert "too many files open" in said.err or "Too many open files" in said.err, said.err
    assert "that you may write to" not in said.err


@pytest.mark.network
@pytest.mark.compiler
@pytest.mark.isolation
def test_a_store_that_cannot_be_written_gives_what_is_in_it_and_refuses_the_rest_in_a_sentence(
    tool: Tool,
) -> None:
    before = read_only(tool.store)
    assert tool("toolchains", "list", before=before).status == 0
    assert "was there" in tool("toolchains", "fetch", "zig@0.12.1", before=before).out
    found = tool(*RUN, "--json", before=before)
    assert found.status == 0, found.err
    assert json.loads(found.out)["cost"]["cells_compiled"] == 2
    assert tool("sweep", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "1", before=before).status == 0
    assert tool("doctor", before=before).status in {0, 10}
    said = tool("toolchains", "prune", "--keep", "1KiB", before=before)
    assert_told(said, StoreError, str(tool.store), "its file system is read-only", "--store")


@pytest.mark.isolation
def test_nothing_is_fetched_into_a_store_that_cannot_be_written(served: Tool, index: Index) -> None:
    index.add("0.13.0", wheel("0.13.0", FILES))
    served.store.mkdir()
    said = served("toolchains", "fetch", "zig@0.13.0", before=read_only(served.store))
    assert_told(said, StoreError, str(served.store), "its file system is read-only", "--store")


@pytest.mark.isolation
def test_nothing_that_can_be_written_is_a_sentence_each(filled: Tool) -> None:
    before = read_only(filled.root)
    for words in (
        ("history", "list"),
        ("history", "stats"),
        ("history", "export"),
        ("toolchains", "list"),
        ("config", "show"),
    ):
        assert filled(*words, before=before).status == 0, words
    file = str(filled.folder / "made")
    assert_told(filled("history", "backup", file, before=before), UsageError, file, "its file system is read-only")
    assert_told(filled("history", "report", "--html", file, before=before), UsageError, file, "read-only")
    assert_told(filled("config", "init", file, before=before), UsageError, file, "its file system is read-only")
    assert_told(filled("history", "note", "--recipe", "store", "x", before=before), DatabaseError, "read-only")
