"""What cannot be done is one sentence on standard error with its own exit code, never a traceback, never a verdict."""

import os
import random
import sqlite3
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from loopback_index import FILES, Index, wheel
from mounted import read_only, small_disk
from real_zigs import PUBLISHED, RealZigs, forwarding_wheel
from tool_process import Said, Tool

from mmio_bisect.cli.app import main
from mmio_bisect.errors import (
    CorruptArtefactError,
    CorruptDatabaseError,
    DaemonError,
    DatabaseError,
    DiskFullError,
    DownloadError,
    InvalidRangeError,
    InvalidRecipeError,
    InvalidSeriesFileError,
    MalformedObjectError,
    MmioBisectError,
    NewerDatabaseError,
    NothingTestableError,
    SandboxError,
    StoreError,
    UnknownRecipeError,
    UnknownSeriesError,
    UnknownVersionError,
    UsageError,
)

RUN = ("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--quiet")
UNTESTABLE = 125
RECIPES = Path(__file__).parents[2] / "recipes"


def assert_refused(said: Said, kind: type[MmioBisectError], *words: str, check: bool = False) -> None:
    """One sentence with those words in it, nothing else, and the code of that class of errors."""
    assert said.status == kind.exit_code + (200 if check else 0), said.err
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.endswith((".\n", "?\n"))
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


@pytest.fixture
def alone(tmp_path: Path) -> Tool:
    """The tool with a listing, and neither toolchains nor a network."""
    tool = Tool(root=tmp_path)
    tool.lists("zig", PUBLISHED)
    return tool


# --- words

WORDS: list[tuple[Sequence[str], type[MmioBisectError], Sequence[str]]] = [
    (("store_then_stop", "zig:.."), UnknownRecipeError, ["'store_then_stop'", "store_then_step"]),
    (("store_then_step.rs", "zig:.."), UnknownRecipeError, [".c and .ll", ".rs"]),
    (("nowhere/mine.c", "zig:.."), UnknownRecipeError, ["nowhere/mine.c"]),
    (("store_then_step", "zag:.."), UnknownSeriesError, ["“zag”", "did you mean zig"]),
    (("store_then_step", "zig:0.12.2..0.13.0"), UnknownVersionError, ["“0.12.2”", "0.12.1", "0.12.0"]),
    (("store_then_step", "zig:0.12.1..1.0"), UnknownVersionError, ["“1.0”", "0.17.1"]),
    (("store_then_step", "zig:0.13.0..0.13.0"), InvalidRangeError, ["zig@0.13.0", "two different ends"]),
    (("store_then_step", "zig"), InvalidRangeError, []),
    (("store_then_step", "0.12.1..0.13.0"), UnknownSeriesError, ["“0.12.1..0.13.0”", "zig"]),
    (("store_then_step", "zig:0.12.1"), UsageError, ["SERIES:FROM..TO"]),
    (("store_then_step", "zig:..", "--opt", "9"), UsageError, ["“9”", "0, 1, 2, 3, s, z"]),
    (("store_then_step", "zig:..", "--defect", "ugly"), UsageError, ["“ugly”", "writeback-post"]),
    (("store_then_step", "zig:..", "--jobs", "none"), UsageError, ["--jobs"]),
    (("store_then_step", "zig:..", "--nonsense"), UsageError, ["--nonsense"]),
    (("store_then_step", "zig:..", "--sandbox", "docker"), SandboxError, ["--sandbox local"]),
    (("store_then_step", "zig:..", "--recipes", "/nowhere"), UnknownRecipeError, ["/nowhere"]),
    (("store_then_step", "clang:11..19"), DaemonError, ["docker daemon", "need docker, so start it", "zig"]),
    (("store_then_step", "clang:11..19", "--sandbox", "local"), SandboxError, ["has no images", "need docker"]),
    (("store_then_step", "installed-clang:..", "--sandbox", "docker"), UsageError, ["this machine's", "local"]),
    (("fill_loop", "llc:15..18"), UnknownRecipeError, ["llc compiles .ll", ".c and .rs"]),
    (("store_then_step", "zig:..", "--series-file", "/nowhere.toml"), InvalidSeriesFileError, ["/nowhere.toml"]),
]


@pytest.mark.parametrize(("words", "kind", "sentence"), WORDS, ids=[" ".join(words) for words, _, _ in WORDS])
def test_words_that_mean_nothing_are_refused_with_the_nearest_that_do(
    alone: Tool, words: Sequence[str], kind: type[MmioBisectError], sentence: Sequence[str]
) -> None:
    if words == ("store_then_step", "zig"):
        alone.lists("zig", ["0.13.0"])
    assert_refused(alone("run", *words), kind, *sentence)


def test_a_series_file_with_an_unknown_key_is_refused_with_file_and_key(alone: Tool) -> None:
    (alone.folder / "mine.toml").write_text('[series.clang]\nsuits = ["trixie"]\n')
    said = alone("run", "store_then_step", "zig:..", "--series-file", "mine.toml")
    assert_refused(said, InvalidSeriesFileError, "mine.toml: series.clang.suits is not a key", "did you mean suites?")
    said = replace(alone, extra={"MMIO_BISECT_SERIES_FILE": "mine.toml"})("series", "list")
    assert_refused(said, InvalidSeriesFileError, "series.clang.suits")


# --- recipes

WRONG_LINES: list[tuple[str, str]] = [
    ("fn=mine(mmio) accesses=store33+0", "mine.c:2: "),
    ("fn=mine(mmio)", "mine.c:2: "),
    ("fnn=mine(mmio) accesses=store32+0", "mine.c:2: "),
    ("fn=mine(mmio) accesses=store32+0\n//mmio: fn=mine(mmio) accesses=store32+0", "mine.c:3: "),
    ("opt=7\n//mmio: fn=mine(mmio) accesses=store32+0", "mine.c:2: "),
]


@pytest.mark.parametrize(("line", "place"), WRONG_LINES)
def test_a_directive_that_cannot_be_read_is_told_by_file_and_line(alone: Tool, line: str, place: str) -> None:
    (alone.folder / "mine.c").write_text(f"// Mine.\n//mmio: {line}\n")
    words = ("mine.c", "--sandbox", "local")
    assert_refused(alone("run", *words, "zig:0.12.1..0.13.0"), InvalidRecipeError, place)
    assert_refused(alone("check", *words, "--compiler", "cc"), InvalidRecipeError, place, check=True)


def test_a_foreign_recipe_is_not_run_unasked(alone: Tool) -> None:
    (alone.folder / "mine.c").write_text("//mmio: fn=mine(mmio) accesses=store32+0\n")
    assert_refused(alone("run", "mine.c", "zig:0.12.1..0.13.0"), SandboxError, "mine.c", "--sandbox local")
    said = alone("check", "mine.c", "--compiler", "/bin/true")
    assert_refused(said, SandboxError, "mine.c", "--sandbox local", check=True)


@pytest.mark.network
@pytest.mark.compiler
def test_a_recipe_that_compiles_nowhere_gets_no_answer(tool: Tool) -> None:
    (tool.folder / "mine.c").write_text("//mmio: fn=mine(mmio) accesses=store32+0\n#error nowhere at all\n")
    said = tool("run", "mine.c", "zig:0.12.1..0.13.0", "--opt", "2", "--sandbox", "local", "--quiet")
    assert_refused(said, NothingTestableError, "mine.c", "nowhere at all")


# --- the network


def test_without_network_and_listing_the_source_is_named(tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    assert_refused(tool(*RUN), DownloadError, "the list of ziglang versions", "check the network")
    assert tool.files() == {"here", "home/.cache/mmio-bisect/listings/work", "tmp"}


def test_without_network_a_toolchain_cannot_be_had(alone: Tool) -> None:
    assert_refused(alone(*RUN), DownloadError, "ziglang 0.1", "check the network")


def test_a_wheel_that_is_not_what_was_promised_is_not_unpacked(served: Tool, index: Index) -> None:
    for version in ("0.12.1", "0.13.0"):
        index.add(version, promised=b"another")
    assert_refused(served(*RUN), CorruptArtefactError, "0.1", "hash")
    assert not list((served.store / "work").iterdir())


def test_a_wheel_that_contradicts_its_own_record_is_corrupt(served: Tool, index: Index) -> None:
    for version in ("0.12.1", "0.13.0"):
        index.add(version, wheel(version, record={"ziglang/zig": b"another"}))
    assert_refused(served(*RUN), CorruptArtefactError, "ziglang-0.1", "RECORD")


def test_a_download_that_breaks_off_is_no_verdict(served: Tool, index: Index) -> None:
    for version in ("0.12.1", "0.13.0"):
        index.add(version)
    index.serve_wheel = index.truncate
    assert_refused(served(*RUN), DownloadError, "ziglang 0.1", "run the same command again")
    assert not list((served.store / "work").iterdir())
    assert served("history", "list", "--outcomes").out == "No outcomes yet.\n"


def test_a_compiler_that_does_not_start_is_untestable_and_gets_no_answer(served: Tool, index: Index) -> None:
    for version in ("0.12.1", "0.13.0"):
        index.add(version, forwarding_wheel(version, Path("/nowhere/zig")))
    said = served(*RUN)
    assert said.status == NothingTestableError.exit_code
    assert said.err.count("\n") == 1
    assert "says: no toolchain: The compiler " in said.err
    assert "does not start" in said.err
    assert not list((served.store / "work").iterdir())
    again = served(*RUN, "--json")
    (answer,) = again.document["answers"]
    assert (again.status, again.err.count("\n")) == (said.status, 1)
    assert (answer["kind"], answer["probed"]) == ("nothing-testable", 2)
    assert all("does not start" in one["reason"] for one in answer["untestable"])


# --- the database


def test_a_database_that_is_none_is_left_as_it_is(alone: Tool) -> None:
    alone.database.parent.mkdir()
    alone.database.write_bytes(b"Dear diary,\n" * 1000)
    assert_refused(alone(*RUN), CorruptDatabaseError, str(alone.database))
    assert alone.database.read_bytes() == b"Dear diary,\n" * 1000


def test_a_damaged_database_is_told(alone: Tool) -> None:
    alone("history", "list")
    content = bytearray(alone.database.read_bytes())
    content[4096:] = random.Random(7).randbytes(len(content) - 4096)  # noqa: S311 - damage, not a secret
    alone.database.write_bytes(content)
    assert_refused(alone(*RUN), CorruptDatabaseError, str(alone.database))


def test_a_newer_database_is_left_to_the_newer_version(alone: Tool) -> None:
    alone("history", "list")
    connection = sqlite3.connect(alone.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert_refused(alone(*RUN), NewerDatabaseError, "9999", "upgrade mmio-bisect")


def test_another_programs_database_is_not_touched(alone: Tool) -> None:
    alone.database.parent.mkdir()
    connection = sqlite3.connect(alone.database)
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.commit()
    connection.close()
    before = alone.database.read_bytes()
    assert_refused(alone(*RUN), DatabaseError, "bookmarks")
    assert alone.database.read_bytes() == before


@pytest.mark.isolation
def test_a_read_only_database_can_be_read_and_not_written(alone: Tool) -> None:
    alone("history", "list")
    before = read_only(alone.database.parent)
    assert alone("history", "list", before=before).out == "No runs yet.\n"
    assert_refused(alone(*RUN, before=before), DatabaseError, "read-only")


def test_a_database_that_cannot_be_made_is_told(alone: Tool) -> None:
    assert_refused(alone(*RUN, "--database", "sqlite:////proc/nowhere/history.db"), DatabaseError, "/proc/nowhere")
    assert_refused(alone(*RUN, "--database", "nonsense"), DatabaseError, "'nonsense'")


# --- a full disk


@pytest.mark.isolation
def test_a_download_that_does_not_fit_is_a_full_disk(served: Tool, index: Index) -> None:
    for version in ("0.12.1", "0.13.0"):
        index.add(version, wheel(version, {**FILES, "ziglang/zig": os.urandom(600_000)}))
    assert_refused(served(*RUN, before=small_disk(served.store, "64k")), DiskFullError, "prune")


@pytest.mark.isolation
def test_a_toolchain_that_does_not_fit_is_a_full_disk(served: Tool, index: Index) -> None:
    for version in ("0.12.1", "0.13.0"):
        index.add(version, wheel(version, {**FILES, "ziglang/zig": bytes(6_000_000)}))
    assert_refused(served(*RUN, before=small_disk(served.store, "1m")), DiskFullError, str(served.store), "prune")


def test_a_store_that_is_a_file_is_told(alone: Tool) -> None:
    alone.store.write_text("")
    assert_refused(alone(*RUN), StoreError, str(alone.store))


@pytest.mark.network
@pytest.mark.compiler
@pytest.mark.isolation
@pytest.mark.parametrize("size", ["4k", "64k", "160k", "240k"])
def test_a_database_that_does_not_fit_is_a_full_disk(tool: Tool, size: str) -> None:
    said = tool(*RUN, before=small_disk(tool.database.parent, size))
    assert_refused(said, DiskFullError, str(tool.database), "free some space")


@pytest.mark.network
@pytest.mark.compiler
@pytest.mark.isolation
def test_an_object_that_does_not_fit_is_a_full_disk_and_no_verdict(tool: Tool) -> None:
    """The source fits; what the compiler then says of its output must not become history."""
    said = tool(*RUN, "--jobs", "1", before=small_disk(tool.temporary, "4k"))
    assert_refused(said, DiskFullError, "TMPDIR")
    assert tool("history", "list", "--outcomes").out == "No outcomes yet.\n"


# --- check


@pytest.fixture(scope="module")
def real_object(zigs: RealZigs, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    made = tmp_path_factory.mktemp("object") / "case.o"
    words = ("clang", "--target=aarch64-unknown-linux-gnu", "-O2", "-c", RECIPES / "store_then_step.c", "-o", made)
    subprocess.run([zigs.programs["0.13.0"], *words], check=True)
    return made.read_bytes()


def judge(tool: Tool, content: bytes) -> Said:
    (tool.folder / "case.o").write_bytes(content)
    return tool("check", "store_then_step", "--object", "case.o")


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"int main() { return 0; }\n", b"\x7fELF", b"\x7fELF" + bytes(60), b"!<arch>\n", bytes(5000)],
)
def test_what_is_no_object_is_refused(alone: Tool, content: bytes) -> None:
    assert_refused(judge(alone, content), MalformedObjectError, "case.o", check=True)


@pytest.mark.network
@pytest.mark.compiler
def test_an_object_for_another_machine_is_refused(tool: Tool, zigs: RealZigs) -> None:
    made = tool.folder / "case.o"
    words = ("clang", "--target=powerpc64le-unknown-linux-gnu", "-O2", "-c", RECIPES / "store_then_step.c", "-o", made)
    subprocess.run([zigs.programs["0.13.0"], *words], check=True)
    said = judge(tool, made.read_bytes())
    assert_refused(said, MalformedObjectError, "case.o", check=True)
    assert "powerpc" in said.err.lower() or "ppc" in said.err.lower()


@pytest.mark.network
@pytest.mark.compiler
def test_a_program_is_no_relocatable_object(tool: Tool, zigs: RealZigs) -> None:
    assert_refused(judge(tool, zigs.programs["0.8.0"].read_bytes()[:1_000_000]), MalformedObjectError, check=True)


@pytest.mark.network
@pytest.mark.compiler
def test_no_truncated_or_damaged_object_is_more_than_a_sentence(
    real_object: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, because there are many: each is judged, or refused as malformed; none is a crash."""
    chance = random.Random(131894)  # noqa: S311 - the same damage each time
    damaged = [real_object[:length] for length in range(0, len(real_object), 17)]
    for _ in range(120):
        flawed = bytearray(real_object)
        for _ in range(chance.choice([1, 1, 2, 8])):
            flawed[chance.randrange(len(flawed))] = chance.randrange(256)
        damaged.append(bytes(flawed))
    file = tmp_path / "case.o"
    codes = set()
    for content in damaged:
        file.write_bytes(content)
        codes.add(main(["check", "store_then_step", "--object", str(file)]))
        assert "Traceback" not in capsys.readouterr().err
    assert codes <= {0, 1, UNTESTABLE, 200 + MalformedObjectError.exit_code}
    assert 200 + MalformedObjectError.exit_code in codes


@pytest.mark.network
@pytest.mark.compiler
def test_a_function_that_is_not_there_is_untestable_and_said(real_object: bytes, alone: Tool) -> None:
    (alone.folder / "case.o").write_bytes(real_object)
    said = alone("check", "--object", "case.o", "--fn", "elsewhere(mmio) accesses=store32+0")
    assert said.status == 125
    assert "the object defines no function elsewhere" in said.out


CHECKS: list[tuple[Sequence[str], type[MmioBisectError], str]] = [
    ((), UsageError, "--compiler PATH"),
    (("store_then_step", "--nonsense"), UsageError, "--nonsense"),
    (("store_then_stop", "--compiler", "cc"), UnknownRecipeError, "store_then_step"),
    (("--object", "nowhere.o", "--fn", "f(mmio)"), MalformedObjectError, "nowhere.o"),
    (("--object", "..", "--fn", "f(mmio)"), MalformedObjectError, ".."),
    (("--object", "nowhere.o", "--fn", "f(mmio"), UsageError, "f(mmio"),
    (("store_then_step", "--compiler", "cc", "--opt", "9"), UsageError, "“9”"),
]


@pytest.mark.parametrize(("words", "kind", "word"), CHECKS, ids=[" ".join(words) for words, _, _ in CHECKS])
def test_every_error_of_check_stops_git_bisect(
    alone: Tool, words: Sequence[str], kind: type[MmioBisectError], word: str
) -> None:
    assert_refused(alone("check", *words), kind, word, check=True)
