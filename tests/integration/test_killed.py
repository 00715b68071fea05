"""Killed or interrupted at any moment, then run again: the same answer, nothing finished done twice, nothing left.

SIGKILL goes to mmio-bisect's own process alone, as an out-of-memory killer sends it: its children are the ones who have
to notice. The compilers are the real ones, passed on by small wheels from an index on the loopback device, or, where
only the bookkeeping is looked at, a script that hands out objects which those made.
"""

import os
import random
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback_index import Index, answer
from real_zigs import RealZigs, forwarding_wheel, scripted_wheel
from tool_process import Said, Tool

pytestmark = [pytest.mark.network, pytest.mark.compiler]

RUN = ("run", "store_then_step", "zig:..", "--opt", "2", "--jobs", "1")
RUN_ALL_LEVELS = ("run", "store_then_step", "zig:..", "--jobs", "1")
VERSIONS = ("0.9.1", "0.12.1", "0.13.0")
SOON = 30  # seconds after which an interrupted command that is still there counts as hanging
KILLS = 10

SANDBOXES = f"tmp/mmio-bisect-{os.getuid()}"
# All that may be there after a run that ended.
CLEAN = {
    "here",
    "home/.cache/mmio-bisect/listings/work",
    "home/.cache/mmio-bisect/listings/zig.json",
    "results/history.db",
    "store/entries",
    "store/work",
    SANDBOXES,
}


def eventually(holds: Callable[[], bool], what: str, within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.005)


def all_gone(tool: Tool) -> None:
    eventually(lambda: not tool.processes(), "the end of every process that was started", within=SOON)


def kill(process: subprocess.Popen[str], tool: Tool) -> None:
    """Kill that one process; all that it started must be gone soon after."""
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    all_gone(tool)


def recorded(tool: Tool) -> int:
    """How many outcomes history holds."""
    if not tool.database.exists():
        return 0
    said = tool("history", "list", "--outcomes", "--limit", "1000", "--json")
    assert said.status == 0, said.err
    return len(said.document["outcomes"])


def stored(tool: Tool) -> set[str]:
    """The versions in the store."""
    listed = tool("toolchains", "list", "--json").document["toolchains"]
    return {point.removeprefix("zig@") for member in listed for point in member["points"]}


def assert_resumed(tool: Tool, index: Index, words: Sequence[str] = RUN) -> Said:
    """Run to the end: it must do what was missing, no more, and leave nothing but its results."""
    outcomes, there = recorded(tool), stored(tool)
    index.served.clear()
    said = tool(*words, "--json")
    assert said.status == 0, said.err
    for found in said.document["answers"]:
        assert (found["kind"], found["change"]) == ("culprit", "introduced")
        assert (found["last"], found["first"]) == ("zig@0.12.1", "zig@0.13.0")
    cost = said.document["cost"]
    assert cost["cells_compiled"] + outcomes == recorded(tool) == len(said.document["probes"])
    assert cost["toolchains_fetched"] == len(stored(tool) - there)
    assert index.served == dict.fromkeys(stored(tool) - there, 1)
    assert tool.files() == CLEAN
    assert tool.processes() == []
    return said


def assert_told_how_to_resume(err: str, *, kept: int) -> None:
    """In the last line, whose end can be pasted into a shell as it is."""
    said, _, command = err.splitlines()[-1].partition("; resume with: ")
    assert said == f"Interrupted: {kept} probes are kept"
    assert shlex.split(command) == ["mmio-bisect", *RUN]
    assert "Traceback" not in err


# --- in the middle of a download


@pytest.fixture
def real(index: Index, zigs: RealZigs) -> Index:
    """Two versions before the change and one after."""
    for version in VERSIONS:
        index.add(version, forwarding_wheel(version, zigs.programs[version]))
    return index


@pytest.mark.parametrize("downloads", [0, 2])
def test_killed_while_it_downloads(served: Tool, real: Index, downloads: int) -> None:
    left = [downloads]

    def stall_later(request: object, content: bytes) -> None:
        serve = answer if left[0] else real.stall
        left[0] -= 1
        serve(request, content)  # type: ignore[arg-type]

    real.serve_wheel = stall_later
    process = served.start(*RUN)
    assert real.stalled.wait(60)
    kill(process, served)
    assert len(stored(served)) == downloads
    real.let_go.set()
    real.serve_wheel = answer
    assert_resumed(served, real)


def test_another_run_takes_over_the_download_of_one_that_was_killed(served: Tool, real: Index) -> None:
    real.serve_wheel = real.stall
    first = served.start(*RUN, "--json")
    assert real.stalled.wait(60)
    second = served.start(*RUN, "--json")  # waits for the first one's download
    eventually(lambda: len(served.processes()) >= 3, "both runs and pip")
    real.serve_wheel = answer
    first.kill()
    first.communicate()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert '"first": "zig@0.13.0"' in out
    all_gone(served)
    assert served.files() == CLEAN


# --- in the middle of a compile


@dataclass(frozen=True, slots=True)
class Brake:
    """Two named pipes between a compiler and the test: it says that it has begun, and waits to be let go."""

    begun: Path
    go: Path

    @property
    def script(self) -> str:
        return f'case "$*" in *--version*) ;; *) echo begun > {self.begun}; read word < {self.go};; esac'

    def wait(self) -> None:
        """Until a compiler stands still."""
        descriptor = os.open(self.begun, os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert select.select([descriptor], [], [], 60)[0], "no compiler began"
        finally:
            os.close(descriptor)


@pytest.fixture
def brake(tmp_path: Path) -> Brake:
    pipes = Brake(begun=tmp_path / "pipe-begun", go=tmp_path / "pipe-go")
    os.mkfifo(pipes.begun)
    os.mkfifo(pipes.go)
    return pipes


@pytest.fixture
def braked(index: Index, zigs: RealZigs, brake: Brake) -> Index:
    """As `real`, but the compiler of 0.12.1, which is probed third, stops before it compiles."""
    for version in VERSIONS:
        forward = f'exec {zigs.programs[version]} "$@"'
        index.add(version, scripted_wheel(version, f"{brake.script}\n{forward}" if version == "0.12.1" else forward))
    return index


@pytest.fixture
def stopped(served: Tool, braked: Index, brake: Brake) -> Iterator[subprocess.Popen[str]]:
    """A run in the middle of its third compile."""
    assert braked.wheels
    process = served.start(*RUN)
    brake.wait()
    yield process
    process.kill()
    process.wait()


def release(brake: Brake) -> int:
    """From now on compilers pass; the pipes must be open somewhere for that. Gives what to close."""
    descriptor = os.open(brake.begun, os.O_RDWR)
    brake.go.unlink()
    brake.go.write_text("go\n")
    return descriptor


def test_killed_while_it_compiles(served: Tool, braked: Index, brake: Brake, stopped: subprocess.Popen[str]) -> None:
    kill(stopped, served)
    assert recorded(served) == 2
    descriptor = release(brake)
    try:
        said = served(*RUN, "--json")
    finally:
        os.close(descriptor)
    brake.go.unlink()
    brake.begun.unlink()
    (found,) = said.document["answers"]
    assert (found["last"], found["first"]) == ("zig@0.12.1", "zig@0.13.0")
    assert said.document["cost"]["cells_compiled"] + 2 == len(said.document["probes"]) == recorded(served)
    assert set(braked.served.values()) == {1}, "no wheel was fetched twice"
    assert served.files() == CLEAN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_compiles(
    served: Tool, brake: Brake, stopped: subprocess.Popen[str], number: signal.Signals
) -> None:
    stopped.send_signal(number)
    out, err = stopped.communicate(timeout=SOON)
    assert (stopped.returncode, out) == (130, "")
    assert_told_how_to_resume(err, kept=2)
    all_gone(served)
    brake.go.unlink()
    brake.begun.unlink()
    assert served.files() == CLEAN
    assert recorded(served) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_downloads(served: Tool, real: Index, number: signal.Signals) -> None:
    real.serve_wheel = real.stall
    process = served.start(*RUN)
    assert real.stalled.wait(60)
    process.send_signal(number)
    _, err = process.communicate(timeout=SOON)
    assert process.returncode == 130
    assert_told_how_to_resume(err, kept=0)
    all_gone(served)
    assert served.files() == CLEAN - {"store/entries", SANDBOXES} | {"tmp"}
    real.let_go.set()
    real.serve_wheel = answer
    assert_resumed(served, real)


# --- in the middle of a database commit


@pytest.fixture
def quick(index: Index, zigs: RealZigs, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Compilers that take no time: each hands out the object that a real one made."""
    folder = tmp_path_factory.mktemp("objects")
    case = Path(__file__).parents[2] / "recipes" / "store_then_step.c"
    for version in VERSIONS:
        made = folder / f"{version}.o"
        source = "0.12.1" if version in {"0.9.1", "0.12.1"} else "0.13.0"
        words = ("clang", "--target=aarch64-unknown-linux-gnu", "-O2", "-fno-ident", "-nostdlibinc", "-c")
        subprocess.run([zigs.programs[source], *words, case, "-o", made], check=True)
        says = 'case "$*" in *--version*) echo "clang version 1.2.3"; exit 0;; esac'
        index.add(version, scripted_wheel(version, f"{says}\ncat {made} > case.o"))
    return index


@pytest.fixture
def ready(served: Tool, quick: Index) -> Tool:
    """All toolchains are there, and nothing was compiled."""
    assert served("toolchains", "fetch", *(f"zig@{version}" for version in VERSIONS)).status == 0
    assert len(stored(served)) == len(quick.wheels)
    return served


# mmio-bisect that kills itself when its transaction number argv[1] is complete and only to be committed yet.
SUICIDAL = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine

left = [int(sys.argv.pop(1))]

@event.listens_for(Engine, "commit")
def die(connection):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

from mmio_bisect.cli.app import main
raise SystemExit(main())
"""


def test_killed_just_before_each_single_commit(ready: Tool, quick: Index) -> None:
    """One run after the other on the same database, each one killed a commit later than the one before."""
    deaths = 0
    while True:
        process = ready.start(*RUN, program=(sys.executable, "-c", SUICIDAL, str(deaths + 1)))
        _, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        deaths += 1
        all_gone(ready)
    assert deaths > 10, "there are that many commits, or this test kills nothing"
    assert ready.database.with_name("history.db-wal").exists() is False
    said = assert_resumed(ready, quick)
    assert said.document["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}


def changed(file: Path) -> int | None:
    """When it was; None if it is not there."""
    return file.stat().st_mtime_ns if file.exists() else None


def test_killed_at_random_while_it_writes(ready: Tool, quick: Index) -> None:
    """From its first write on: compilers that take no time leave it little to do but to commit."""
    log = ready.database.with_name("history.db-wal")
    chance = random.Random(131894)  # noqa: S311 - the same moments each time
    alive = []
    for _ in range(KILLS):
        before = changed(log)
        process = ready.start(*RUN_ALL_LEVELS)
        eventually(lambda before=before: changed(log) != before, "the first write")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.2))
        alive.append(process.poll() is None)
        process.kill()
        process.communicate()
        all_gone(ready)
    assert sum(alive) > KILLS // 2, "most were killed in the middle"
    assert_resumed(ready, quick, RUN_ALL_LEVELS)
