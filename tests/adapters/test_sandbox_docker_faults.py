"""Docker fails under the sandbox: the daemon dies or hangs, a container is taken away, the owner is killed."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from daemon_proxy import DaemonProxy, proxied
from signalling import CancelledWhen, Uncancelled, eventually, processes_with

from mmio_bisect.adapters.sandbox.docker import container, engine
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import OWNER_LABEL, Owner
from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox, DockerSession
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.errors import CancelledError, DaemonError, SandboxError
from mmio_bisect.workflow.ports.sandbox import Command

pytestmark = pytest.mark.docker

QUICK = Limits(wall_seconds=4)
PATIENCE = 2.0
HELLO = Command(argv=("/bin/sh", "-c", "echo hello"))


@pytest.fixture
def toolchain(tmp_path: Path) -> Path:
    root = tmp_path / "toolchain"
    root.mkdir(mode=0o755)
    return root


@pytest.fixture
def daemon(tmp_path: Path, docker_host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaemonProxy]:
    """The real one, behind a socket that can be cut."""
    monkeypatch.setattr(engine, "_BACK_OFF_SECONDS", 0.1)
    with proxied(tmp_path / "docker.sock", docker_host) as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.url)
        yield proxy


@pytest.fixture
def session(toolchain: Path, daemon: DaemonProxy) -> Iterator[DockerSession]:
    assert daemon.asked == 0
    with DockerSandbox(QUICK, daemon_seconds=PATIENCE).session(toolchain) as session:
        yield session


def owned(pid: int) -> list[str]:
    """The containers of that process, by what the real daemon says."""
    with closing(Engine(seconds=30)) as engine:
        found = engine.labelled(OWNER_LABEL)
    return [one["Id"] for one in found if (owner := Owner.from_label(one["Labels"][OWNER_LABEL])) and owner.pid == pid]


def waits(session: DockerSession) -> tuple[str, Command]:
    """A command that stays until it is told to end, and the word that finds its processes."""
    marker = f"waits-{os.getpid()}-{id(session)}"
    return marker, Command(argv=("/bin/sh", "-c", "sleep 1000 & wait; : $0", marker))


def when_running(marker: str, act: object) -> threading.Thread:
    """Do it, elsewhere, as soon as such a process runs."""

    def look() -> None:
        assert eventually(lambda: bool(processes_with(marker)))
        act()  # type: ignore[operator]

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_a_connection_that_breaks_off_is_a_fault_that_a_second_try_mends(
    session: DockerSession, daemon: DaemonProxy
) -> None:
    assert session.run(HELLO, Uncancelled()).output == "hello\n"
    daemon.break_off()
    assert session.run(HELLO, Uncancelled()).output == "hello\n"
    assert eventually(lambda: len(owned(os.getpid())) == 1), "the first container is gone"


def test_a_daemon_that_dies_in_the_middle_is_an_error_and_no_outcome(
    session: DockerSession, daemon: DaemonProxy
) -> None:
    marker, command = waits(session)
    thread = when_running(marker, daemon.die)
    with pytest.raises(DaemonError, match="docker daemon"):
        session.run(command, Uncancelled())
    thread.join()
    # Its first process noticed that nobody listens any more, though nobody could tell docker to remove it.
    assert eventually(lambda: processes_with(marker) == [])
    daemon.revive()
    assert session.run(HELLO, Uncancelled()).output == "hello\n"


def test_a_daemon_that_hangs_is_not_waited_for_for_ever(session: DockerSession, daemon: DaemonProxy) -> None:
    assert session.run(HELLO, Uncancelled()).output == "hello\n"
    daemon.hang()
    with pytest.raises(SandboxError):
        session.run(Command(argv=HELLO.argv), Uncancelled())
    daemon.revive()
    assert session.run(HELLO, Uncancelled()).output == "hello\n"


def test_a_daemon_that_hangs_can_be_given_up(session: DockerSession, daemon: DaemonProxy) -> None:
    assert session.run(HELLO, Uncancelled()).output == "hello\n"
    daemon.hang()
    asked = iter([False, False])
    with pytest.raises(CancelledError):
        session.run(HELLO, CancelledWhen(lambda: next(asked, True)))
    daemon.revive()


def test_a_daemon_that_is_not_there_is_said(toolchain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(SandboxError, match="Cannot reach the docker daemon"):
        DockerSandbox().reach()
    with pytest.raises(SandboxError, match="Cannot reach"), DockerSandbox().session(toolchain):
        pass


def test_a_container_removed_under_a_command_is_replaced(session: DockerSession, tmp_path: Path) -> None:
    """The command runs again in the next one: it could change nothing outside."""
    marker = f"removed-{os.getpid()}"
    tries: list[str] = []

    def take_it_away() -> bool:
        running = owned(os.getpid()) if processes_with(marker) else []
        if running and not tries:
            tries.extend(running)
            subprocess.run(["docker", "rm", "--force", *running], check=True, capture_output=True)
        return False

    command = Command(argv=("/bin/sh", "-c", "sleep 2; echo $0", marker))
    assert session.run(command, CancelledWhen(take_it_away)).output == f"{marker}\n"
    assert owned(os.getpid()) != tries
    assert tmp_path.exists()


def test_what_goes_wrong_twice_is_an_error(session: DockerSession) -> None:
    def take_all_away() -> bool:
        if running := owned(os.getpid()):
            subprocess.run(["docker", "rm", "--force", *running], check=False, capture_output=True)
        return False

    with pytest.raises(SandboxError, match=r"broke off|cannot"):
        session.run(Command(argv=("/bin/sleep", "1000")), CancelledWhen(take_all_away))


KILLED = """
import sys
from pathlib import Path
from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox
from mmio_bisect.workflow.ports.sandbox import Command

class Uncancelled:
    def cancelled(self): return False
    def progress(self, done, total): pass

with DockerSandbox().session(Path(sys.argv[1])) as session:
    script = "setsid sh -c 'sleep 1000; : $0' $0 & sleep 1000"
    session.run(Command(argv=("/bin/sh", "-c", script, sys.argv[2])), Uncancelled())
"""


def test_after_kill_9_container_and_compiler_are_gone(toolchain: Path, docker_host: str) -> None:
    marker = f"orphan-{os.getpid()}"
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(toolchain), marker],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "DOCKER_HOST": docker_host},
    )
    try:
        assert eventually(lambda: len(processes_with(marker)) >= 3, seconds=30)
        assert len(owned(parent.pid)) == 1
    finally:
        parent.kill()
        parent.wait()
    assert eventually(lambda: processes_with(marker) == [])
    assert eventually(lambda: owned(parent.pid) == [])


def label_of(owner: Owner) -> dict[str, str]:
    return {OWNER_LABEL: str(owner)}


@pytest.fixture
def dead() -> Owner:
    """A process that was."""
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    alive = Owner.this_process()
    return Owner(boot=alive.boot, namespace=alive.namespace, pid=process.pid, started=1)


def test_the_next_start_sweeps_up_what_is_its_own_and_dead(
    toolchain: Path, docker_host: str, dead: Owner, tmp_path: Path
) -> None:
    """A process that is killed between create and start leaves a container that nothing ends."""
    assert docker_host
    sandbox = DockerSandbox()
    settings = container.configuration(
        image=sandbox.prepare(), mount=container.folder_mount(toolchain), limits=Limits()
    )
    names = {
        "dead": dead,
        "living": Owner.this_process(),
        "elsewhere": Owner(boot="x", namespace="y", pid=1, started=1),
    }
    created = {word: f"mmio-bisect-test-{word}-{os.getpid()}" for word in names}
    with closing(Engine(seconds=30)) as engine:
        try:
            for word, owner in names.items():
                engine.create(created[word], {**settings, "Labels": label_of(owner)})
            with DockerSandbox().session(toolchain) as session:
                session.run(HELLO, Uncancelled())
            left = {found["Names"][0].lstrip("/") for found in engine.labelled(OWNER_LABEL)}
            assert created["dead"] not in left
            assert {created["living"], created["elsewhere"]} <= left
        finally:
            for name in created.values():
                engine.remove(name)
    assert tmp_path.exists()


def test_an_image_that_is_not_there_is_said(toolchain: Path, docker_host: str) -> None:
    assert docker_host
    with (
        pytest.raises(SandboxError, match="no-such-image"),
        DockerSandbox(image="mmio-bisect-no-such-image:1").session(toolchain) as session,
    ):
        session.run(HELLO, Uncancelled())
