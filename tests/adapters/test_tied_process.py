"""Programs that we start, when we are killed, when they are, and when nothing goes wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from signalling import eventually, processes_with

from mmio_bisect.adapters.tied_process import tied

SOON = 1.0  # seconds
STARTS = """
import subprocess, sys, threading
from mmio_bisect.adapters.tied_process import tied
subprocess.run(tied(sys.argv[1:]))
"""
# A program, its child, and a grandchild in a session of its own whose parent is dead; none listens to SIGTERM.
FAMILY = """
trap '' TERM
(setsid sh -c "trap '' TERM; sleep 1000; : $0" $0 &)
sh -c "sleep 1000; : $0" $0 &
sleep 1000
"""


CLONES = """
import sys
from pathlib import Path
from mmio_bisect.adapters.git.repository import Repository
Repository(own=Path(sys.argv[1]) / "clone", url=sys.argv[2], trees=Path(sys.argv[1])).asked_at
"""


def start(marker: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTS, *words, marker], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )


def supervisor_of(parent: int) -> int:
    return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])


@pytest.mark.parametrize(
    ("victim", "number"),
    [("us", signal.SIGKILL), ("us", signal.SIGTERM), ("us", signal.SIGSEGV), ("supervisor", signal.SIGTERM)],
)
def test_no_descendant_is_left_after_a_second(victim: str, number: signal.Signals) -> None:
    marker = f"family-{os.getpid()}-{number}-{victim}"
    process = start(marker, "sh", "-c", FAMILY)
    try:
        # We, the supervisor, and three shells
        assert eventually(lambda: len(processes_with(marker)) >= 5)
        os.kill(process.pid if victim == "us" else supervisor_of(process.pid), number)
        process.wait(SOON)
        assert eventually(lambda: processes_with(marker) == [], SOON)
    finally:
        process.kill()
        process.wait()


def test_a_program_whose_supervisor_is_killed_ends_as_well() -> None:
    marker = f"alone-{os.getpid()}"
    process = start(marker, "sh", "-c", "sleep 1000; : $0")
    try:
        assert eventually(lambda: len(processes_with(marker)) >= 3)
        os.kill(supervisor_of(process.pid), signal.SIGKILL)
        assert eventually(lambda: processes_with(marker) == [], SOON)
    finally:
        process.kill()
        process.wait()


def test_a_program_is_not_started_for_a_parent_that_is_dead(tmp_path: Path) -> None:
    _, _, _, file, _, *words = tied(["touch", str(tmp_path / "made")])
    gone = subprocess.Popen(["true"])
    gone.wait()
    ended = subprocess.run([sys.executable, "-I", "-S", file, str(gone.pid), *words], check=False)
    assert ended.returncode == 1
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -PIPE $$", 141)]
)
def test_it_exits_as_the_program_does(script: str, status: int) -> None:
    assert subprocess.run(tied(["sh", "-c", script]), check=False).returncode == status


def test_a_program_that_is_not_there_is_named() -> None:
    ended = subprocess.run(tied(["/nowhere/git"]), check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (127, "/nowhere/git: No such file or directory\n")


def test_streams_folder_and_environment_are_the_programs_own(tmp_path: Path) -> None:
    ended = subprocess.run(
        tied(["sh", "-c", "pwd; echo $WORD; cat; echo wrong >&2"]),
        input="given\n",
        cwd=tmp_path,
        env={"WORD": "told", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == (f"{tmp_path}\ntold\ngiven\n", "wrong\n")


def test_what_the_program_leaves_behind_ends_with_it() -> None:
    marker = f"left-{os.getpid()}"
    begun = time.monotonic()
    subprocess.run(tied(["sh", "-c", f"(setsid sh -c 'sleep 1000; : {marker}' &) ; exit 0"]), check=True)
    assert time.monotonic() - begun < 10
    assert processes_with(marker) == []


def test_git_and_its_helpers_end_though_the_server_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/compiler.git"
        process = subprocess.Popen(
            [sys.executable, "-c", CLONES, str(tmp_path), url],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            # We, the supervisor, git, git-remote-http twice: as what git calls, and itself
            assert eventually(lambda: len(processes_with(url)) >= 4)
        finally:
            process.kill()
            process.wait()
        assert eventually(lambda: processes_with(url) == [], SOON)
