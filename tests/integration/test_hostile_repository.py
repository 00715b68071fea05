"""A repository whose every key, hook and attribute names a program: no command of ours over it runs one."""

import subprocess
from pathlib import Path

import pytest
from hostile_repository import arm, commit_tree, marking_program
from tool_process import Tool

from mmio_bisect.report.foreign_text import for_terminal

OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"
COMPILER = b"""#!/bin/sh
# Makes the same object of anything; the last word is its file.
if [ "$1" = -v ]; then echo "tcc version 0.9.27 (AArch64 Linux)"; exit; fi
while [ "$1" != -o ]; do shift; done
cp "$(dirname "$0")/made.o" "$2"
"""
MODULES = """[submodule "evil"]
    path = sub
    url = "ext::{program}"
    update = "!{program}"
"""
SERIES = """[series.own]
kind = "git"
family = "tcc"
summary = "its compilers are in the repository"
url = "{url}"
build = ["cp $SOURCE/tcc $SOURCE/made.o ."]
products = ["tcc", "made.o"]
tool = "tcc"
seconds = 1
memory = "1GiB"
minutes = 1
disk = "10MiB"

[series.own-merges]
kind = "rust-ci"
family = "rustc"
summary = "its merges"
server = "http://127.0.0.1:9"
target = "aarch64-unknown-none"
repository = "{url}"
"""


@pytest.fixture
def armed(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The repository, the program that leaves a mark, and the mark."""
    repository = tmp_path / "stranger"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repository)], check=True)
    program, mark = marking_program(tmp_path)
    for name in ("plain", "plain", "post_indexed", "post_indexed"):
        files = {
            "tcc": COMPILER,
            "made.o": (OBJECTS / f"{name}.o").read_bytes(),
            ".gitattributes": b"* filter=evil diff=evil merge=evil\n",
            ".gitmodules": MODULES.format(program=program).encode(),
        }
        commit_tree(repository, files, message=f"Use {name}", executable=["tcc"])
    return repository, program, mark


@pytest.mark.parametrize("every_key", [False, True], ids=["executable keys", "every key of git"])
def test_no_command_runs_what_the_repository_names(
    armed: tuple[Path, Path, Path], tmp_path: Path, *, every_key: bool
) -> None:
    repository, program, mark = armed
    arm(repository, program, every_key=every_key)
    tool = Tool(root=tmp_path / "tool")
    series = tool.folder / "own.toml"
    series.write_text(SERIES.format(url=repository))
    read = ("--series-file", str(series))
    for own in ((*read, "--repository", str(repository)), read):  # a clone of theirs, and one of our own
        listed = tool("series", "show", "own", "--json", "--refresh", *own)
        assert listed.status == 0, listed.err
        assert len(listed.document["points"]) == 4
        said = tool("run", "store_then_step", "own:..", "--opt", "2", "--sandbox", "local", "--json", *own)
        assert said.status == 0, said.err
        assert said.document["answers"][0]["kind"] == "culprit"
        assert said.document["commits"][0]["title"] == "Use post_indexed"
    for given in (("--rust-repo", str(repository)), ()):
        merges = tool("series", "show", "own-merges", "--json", "--series-file", str(series), *given)
        assert merges.status == 0, merges.err
        assert merges.document["points"] == []
    assert tool("report", "1").status == 0
    assert tool("sweep", "store_then_step", "own:..", "--opt", "2", "--sandbox", "local", *read).status == 0
    assert not mark.exists(), mark.read_text()


EVIL = "\x1b[2Jevil\x1b]8;;https://evil.example/\x07\u202e\u200b\r<script>alert(1)</script> @everyone"


def test_what_commits_and_compilers_say_is_neutral(tmp_path: Path) -> None:
    """Titles, authors, names of files and tags, versions and diagnostics, in the answer and on the way to it."""
    repository = tmp_path / "stranger"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repository)], check=True)
    evil = EVIL.replace("\r", "")  # a shell's echo and a file's name have none
    for number, name in enumerate(("plain", "", "plain", "post_indexed")):
        says = f"echo '{evil}'; exit 1" if not name else 'cp "$(dirname "$0")/made.o" "$2"'
        tcc = f"""#!/bin/sh
if [ "$1" = -v ]; then echo "tcc version 0.9.2{number} {evil}"; exit; fi
while [ "$1" != -o ]; do shift; done
{says}
"""
        made = (OBJECTS / f"{name or 'plain'}.o").read_bytes()
        files = {"tcc": tcc.encode(), "made.o": made, evil.replace("/", "."): b"%d" % number}
        commit_tree(repository, files, message=EVIL, executable=["tcc"], person=f"{evil.replace('<', '')} <a@b>")
    tool = Tool(root=tmp_path / "tool")
    series = tool.folder / "own.toml"
    series.write_text(SERIES.format(url=repository))
    own = ("own:..", "--opt", "2", "--sandbox", "local", "--series-file", str(series))
    told = 0
    for words in (
        ("run", "store_then_step", *own),
        ("run", "store_then_step", *own, "--json"),
        ("sweep", "store_then_step", *own),
        ("history", "show", "--verdict", "untestable"),
        ("history", "show", "1"),
        ("toolchains", "list"),
        ("report", "1"),
    ):
        said = tool(*words)
        assert said.status == 0, said.err
        assert for_terminal(said.out) == said.out
        assert for_terminal(said.err) == said.err
        told += "evil" in said.out
    assert told >= 5


@pytest.mark.parametrize(
    "words", [("status",), ("log", "-1"), ("evil",), ("fetch",), ("checkout", "--force", "main", "--", ".")]
)
def test_git_itself_runs_it(armed: tuple[Path, Path, Path], words: tuple[str, ...]) -> None:
    """So the test above could fail."""
    repository, program, mark = armed
    arm(repository, program)
    subprocess.run(["git", "-C", repository, *words], check=False, capture_output=True, timeout=60)
    assert mark.exists()
