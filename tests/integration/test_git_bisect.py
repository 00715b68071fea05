"""`git bisect run mmio-bisect check …` in a real repository, whose compiler is a script between two real clangs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import git
import pytest
from real_zigs import RealZigs
from tool_process import Tool

pytestmark = [pytest.mark.network, pytest.mark.compiler]

CHECK = (
    *(sys.executable, "-m", "mmio_bisect", "check", "store_then_step"),
    *("--opt", "2", "--compiler", "./cc.sh", "--sandbox", "local"),
)


class History:
    """A repository with one commit for each text of `cc.sh`."""

    def __init__(self, tool: Tool, scripts: Sequence[tuple[str, str]]) -> None:
        self.tool = tool
        self.folder = tool.folder
        self.commits: dict[str, git.Commit] = {}
        with git.Repo.init(self.folder) as repository:
            with repository.config_writer() as config:
                config.set_value("user", "name", "A Developer")
                config.set_value("user", "email", "developer@example.org")
            for subject, script in scripts:
                (self.folder / "cc.sh").write_text(f"#!/bin/sh\n# {subject}\n{script}\n")
                (self.folder / "cc.sh").chmod(0o755)
                repository.index.add(["cc.sh"])
                self.commits[subject] = repository.index.commit(subject)

    def bisect(self, good: str, bad: str) -> subprocess.CompletedProcess[str]:
        self._git("bisect", "start", str(self.commits[bad]), str(self.commits[good])).check_returncode()
        return self._git("bisect", "run", *CHECK)

    def check(self, commit: str) -> subprocess.CompletedProcess[str]:
        self._git("checkout", "--quiet", str(self.commits[commit])).check_returncode()
        return subprocess.run(
            CHECK, cwd=self.folder, env=self.tool.environment, capture_output=True, text=True, check=False
        )

    def _git(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = self.tool.environment | {"LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", *words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


def compiler(zigs: RealZigs, version: str) -> str:
    return f'exec {zigs.programs[version]} clang "$@"'


def rejecting(zigs: RealZigs) -> str:
    """It says who it is, but compiles nothing."""
    told = compiler(zigs, "0.13.0")
    return f'case "$*" in *--version*) {told};; esac\necho "case.c:1:1: error: not today" >&2; exit 1'


def test_the_commit_that_changed_the_compiler_is_found(tool: Tool, zigs: RealZigs) -> None:
    old, new = compiler(zigs, "0.12.1"), compiler(zigs, "0.13.0")
    history = History(
        tool,
        [("begin", old), ("words", old), ("more words", old), ("upgrade", new), ("after", new), ("end", new)],
    )
    ended = history.bisect("begin", "end")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{history.commits['upgrade']} is the first bad commit" in ended.stdout


def test_a_commit_whose_compiler_rejects_the_source_is_skipped(tool: Tool, zigs: RealZigs) -> None:
    old, new, broken = compiler(zigs, "0.12.1"), compiler(zigs, "0.13.0"), rejecting(zigs)
    history = History(tool, [("begin", old), ("old", old), ("rejects", broken), ("upgrade", new), ("end", new)])
    checked = history.check("rejects")
    assert checked.returncode == 125
    assert "not today" in checked.stdout
    ended = history.bisect("begin", "end")
    assert "bisect skip" in ended.stdout or "There are only 'skip'ped commits left" in ended.stdout
    # What was skipped lies beside the boundary: git names it among those that it could be.
    for subject in ("rejects", "upgrade"):
        assert str(history.commits[subject]) in ended.stdout
    assert str(history.commits["old"]) not in ended.stdout.partition("could be any of")[2]


BROKEN = {
    "no compiler": 'echo "I am a teapot"',
    "one that fails": "echo no >&2; exit 3",
    "one that cannot run": "exec /nowhere/clang",
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN.keys())
def test_a_commit_whose_script_is_no_compiler_stops_the_bisection(tool: Tool, zigs: RealZigs, script: str) -> None:
    old, new = compiler(zigs, "0.12.1"), compiler(zigs, "0.13.0")
    history = History(tool, [("begin", old), ("broken", script), ("upgrade", new)])
    checked = history.check("broken")
    assert checked.returncode == 200 + 19
    # Where the kernel does not let the sandbox hide all, that is said once before.
    (said,) = (line for line in checked.stderr.splitlines() if not line.startswith("warning: the kernel "))
    assert said.startswith("error: ")
    ended = history.bisect("begin", "upgrade")
    assert ended.returncode != 0
    assert "is the first bad commit" not in ended.stdout


def test_verdicts_of_good_and_bad_commits_are_0_and_1(tool: Tool, zigs: RealZigs) -> None:
    history = History(tool, [("good", compiler(zigs, "0.12.1")), ("bad", compiler(zigs, "0.13.0"))])
    assert history.check("good").returncode == 0
    assert history.check("bad").returncode == 1


def test_the_same_path_is_compiled_with_anew_each_time(tool: Tool, zigs: RealZigs, tmp_path: Path) -> None:
    script = tmp_path / "cc.sh"
    for version, expected in (("0.12.1", 0), ("0.13.0", 1), ("0.12.1", 0)):
        script.write_text(f"#!/bin/sh\n{compiler(zigs, version)}\n")
        os.utime(script, (0, 0))  # nothing about the file tells that it changed
        script.chmod(0o755)
        assert tool("check", "store_then_step", "--opt", "2", "--compiler", str(script)).status == expected
