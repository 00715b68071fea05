"""The tests on a machine that lacks something: they are collected, skipped with a reason, counted, and failed in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTHING = {"PATH": "", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
TESTS = """
import pytest

@pytest.mark.ccache
def test_compiles(): ...

@pytest.mark.docker
@pytest.mark.ccache
def test_compiles_in_docker(): ...

def test_needs_the_fixture(docker_host): ...

def test_needs_nothing(): ...

@pytest.fixture
def docker_host(): ...
"""
TABLE = """\
     2  docker         a docker daemon
     2  ccache         ccache
To run them, as root on Debian: make test-all
"""


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=NOTHING | environment,
    )


@pytest.fixture
def few(tmp_path: Path) -> Path:
    (tmp_path / "test_few.py").write_text(TESTS)
    return tmp_path


def plugin() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "fakes"), str(ROOT / "bisect")])}


def test_the_suite_is_collected_where_there_is_nothing() -> None:
    collected = run(ROOT, "--collect-only", "--quiet")
    assert (collected.returncode, collected.stderr) == (0, "")
    assert collected.stdout.splitlines()[-1].partition(" ")[2].startswith("tests collected in")


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_what_is_missing_is_skipped_and_counted_before_the_last_line(few: Path, workers: tuple[str, ...]) -> None:
    ended = run(few, "-p", "requirements", "-rs", *workers, **plugin())
    assert ended.returncode == 0, ended.stdout
    assert TABLE in ended.stdout
    assert "missing: a docker daemon, ccache" in ended.stdout
    assert "1 passed, 3 skipped" in ended.stdout.splitlines()[-1]


def test_what_is_missing_is_an_error_in_ci(few: Path) -> None:
    ended = run(few, "-p", "requirements", **plugin(), CI="true")
    assert ended.returncode == 1
    assert "missing: ccache. CI is set" in ended.stdout
    assert "1 passed, 3 errors" in ended.stdout.splitlines()[-1]


def test_what_is_there_is_no_reason_to_skip(few: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ccache").write_text("")
    (programs / "ccache").chmod(0o755)
    ended = run(few, "-p", "requirements", **plugin(), PATH=str(programs))
    assert "2 passed, 2 skipped" in ended.stdout.splitlines()[-1]
    assert "ccache         ccache" not in ended.stdout
