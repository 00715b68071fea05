"""What the docker sandbox keeps of its promises when the program in it is hostile.

Programs are shell or Perl: the base image has no more. The docker daemon is the real one.
"""

import errno
import os
import signal
import socket
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from signalling import CancelledWhen, Uncancelled, eventually, processes_with

from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox, DockerSession
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.errors import CancelledError, SandboxError
from mmio_bisect.workflow.ports.sandbox import Command, Finished, LimitHit

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_host")]

SMALL = Limits(
    memory_bytes=128 << 20, cpu_seconds=2, wall_seconds=20, output_bytes=10_000, file_bytes=1 << 20, processes=32
)


@pytest.fixture
def toolchain(tmp_path: Path) -> Path:
    root = tmp_path / "toolchain"
    root.mkdir(mode=0o755)
    return root


@pytest.fixture
def session(toolchain: Path) -> Iterator[DockerSession]:
    with DockerSandbox(SMALL).session(toolchain) as session:
        yield session


def shell(session: DockerSession, script: str, *, product: str | None = None) -> Finished:
    command = Command(argv=("/bin/sh", "-c", textwrap.dedent(script)), product=product)
    return session.run(command, Uncancelled())


def perl(session: DockerSession, script: str) -> Finished:
    return session.run(Command(argv=("/usr/bin/perl", "-e", script)), Uncancelled())


def alive(session: DockerSession) -> str:
    """It still runs commands: the container's own name for itself, which each has anew."""
    return shell(session, "cat /proc/sys/kernel/random/boot_id /proc/1/stat").output


# --- what a command is given, and what is read of its end


def test_output_of_both_streams_and_the_status_are_reported(session: DockerSession) -> None:
    finished = shell(session, "echo to stdout; echo to stderr >&2; exit 3")
    assert (finished.status, finished.limit) == (3, None)
    assert finished.output == "to stdout\nto stderr\n"


@pytest.mark.parametrize("name", ["SEGV", "ABRT", "TERM", "ILL", "PIPE"])
def test_a_program_that_dies_of_a_signal_has_that_signal_as_negative_status(session: DockerSession, name: str) -> None:
    finished = shell(session, f"kill -{name} $$; echo survived")
    assert (finished.status, finished.limit) == (-signal.Signals[f"SIG{name}"], None)


def test_inputs_lie_in_an_empty_work_folder_and_the_product_comes_back(session: DockerSession) -> None:
    content = bytes(range(256)) * 1000
    command = Command(argv=("/bin/sh", "-c", "ls -A; cat in.c > out.o"), inputs=(("in.c", content),), product="out.o")
    finished = session.run(command, Uncancelled())
    assert (finished.output, finished.product) == ("in.c\n", content)


@pytest.mark.parametrize(
    ("make", "product"),
    [("true", None), (": > out.o", b""), ("ln -s /etc/passwd out.o", None), ("mkdir out.o", None),
     ("mkfifo out.o", None)],
)  # fmt: skip
def test_only_a_regular_file_is_a_product(session: DockerSession, make: str, product: bytes | None) -> None:
    assert shell(session, make, product="out.o").product == product


def test_a_work_folder_swapped_for_a_link_does_not_lead_outside(session: DockerSession) -> None:
    assert shell(session, "mv ../work ../w; ln -s /etc ../work", product="passwd").product is None


def test_the_environment_is_clean_and_home_is_empty(session: DockerSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMIO_TEST_SECRET", "hunter2")
    names = perl(session, 'print join " ", keys %ENV').output.split()
    assert set(names) == {"HOME", "LC_ALL", "PATH", "SOURCE_DATE_EPOCH", "TMPDIR"}
    assert shell(session, "ls -A $HOME; ls -A $TMPDIR").output == ""


def test_the_toolchain_is_mounted_read_only_and_told_by_its_path_on_the_host(
    session: DockerSession, toolchain: Path
) -> None:
    tool = toolchain / "cc"
    tool.write_text('#!/bin/sh\necho "$@"; echo x > "${0%/*}/written" || echo refused\n')
    tool.chmod(0o755)
    finished = session.run(Command(argv=("cc", "-isystem", "{toolchain}/include")), Uncancelled())
    assert finished.argv == (str(tool), "-isystem", f"{toolchain}/include")
    words, why, refused = finished.output.splitlines()
    assert (words, refused) == ("-isystem /toolchain/include", "refused")
    assert "Read-only file system" in why
    assert not (toolchain / "written").exists()


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [(None, 0, errno.ENOENT), (b"\x7fELF", 0o755, errno.ENOEXEC), (b"", 0o700, errno.EACCES)],
)
def test_a_program_that_cannot_be_executed_is_named(
    session: DockerSession, toolchain: Path, content: bytes | None, mode: int, why: int
) -> None:
    if content is not None:
        (toolchain / "cc").write_bytes(content)
        (toolchain / "cc").chmod(mode)
    with pytest.raises(SandboxError, match=f"{toolchain}/cc cannot be executed .*{os.strerror(why)}"):
        session.run(Command(argv=("cc",)), Uncancelled())


@pytest.mark.parametrize("name", ["../x", "/etc/x", "..", ""])
def test_names_that_lead_out_of_the_work_folder_are_refused(session: DockerSession, name: str) -> None:
    with pytest.raises(SandboxError, match="plain"):
        session.run(Command(argv=("/bin/true",), inputs=((name, b""),)), Uncancelled())


# --- limits


def test_endless_output_is_ended_and_its_first_part_kept(session: DockerSession) -> None:
    finished = shell(session, "while :; do echo 0123456789; done")
    assert (finished.status, finished.limit) == (-signal.SIGKILL, LimitHit.OUTPUT)
    assert finished.output == ("0123456789\n" * 1000)[:10_000]


def test_a_program_that_sleeps_is_ended_at_the_wall_clock_limit(toolchain: Path) -> None:
    with DockerSandbox(Limits(wall_seconds=0.5)).session(toolchain) as session:
        finished = shell(session, "sleep 1000")
    assert (finished.status, finished.limit) == (-signal.SIGKILL, LimitHit.TIME)


def test_a_program_that_spins_is_ended_at_the_processor_limit(toolchain: Path) -> None:
    with DockerSandbox(Limits(cpu_seconds=1)).session(toolchain) as session:
        finished = perl(session, "1 while 1")
    assert (finished.status, finished.limit) == (-signal.SIGXCPU, LimitHit.TIME)


def test_a_compiler_killed_for_want_of_memory_is_told_from_one_that_crashed(session: DockerSession) -> None:
    finished = perl(session, 'my @hoard; push @hoard, "x" x (16 << 20) while 1')
    assert (finished.status, finished.limit) == (-signal.SIGKILL, LimitHit.MEMORY)
    assert shell(session, "echo still here").output == "still here\n"


def test_memory_is_what_all_processes_use_together(session: DockerSession) -> None:
    hoarding = 'my $h = "x" x (40 << 20); sleep 5'
    finished = perl(session, f"for (1 .. 8) {{ fork or do {{ {hoarding}; exit }} }} 1 while wait > 0; kill 9, $$")
    assert finished.limit is LimitHit.MEMORY


def test_the_disk_is_a_small_one(session: DockerSession) -> None:
    finished = shell(session, "i=0; while cat /proc/self/exe > f$i; do i=$((i + 1)); done; df -k . | tail -n 1")
    assert finished.limit is None
    assert "No space left on device" in finished.output
    assert shell(session, "ls -A; : > out.o", product="out.o").product == b"", "the next command has all of it again"


def test_there_are_only_so_many_files(session: DockerSession) -> None:
    finished = perl(session, "for (1 .. 70_000) { open my $f, '>', $_ or die \"$_ $!\\n\" }")
    assert "No space left on device" in finished.output
    assert shell(session, "ls -A").output == ""


def test_a_file_cannot_grow_beyond_its_limit(session: DockerSession) -> None:
    assert shell(session, "head -c 4M /dev/zero > big").status != 0


def test_a_fork_bomb_is_ended(toolchain: Path) -> None:
    limits = Limits(wall_seconds=1, processes=32)
    with DockerSandbox(limits).session(toolchain) as session:
        finished = perl(session, "fork while 1")
        assert finished.limit is LimitHit.TIME
        assert shell(session, "echo /proc/[0-9]*").output.count("/proc/") == 2, "the first process, and the shell"


# --- walls


def test_nobody_is_root_and_nothing_can_be_gained(session: DockerSession) -> None:
    status = dict(
        line.split(":\t")
        for line in shell(session, "grep -E '^(Uid|Gid|Cap|NoNew)' /proc/self/status").output.splitlines()
    )
    assert status.pop("NoNewPrivs") == "1"
    assert set(status.pop("Uid").split() + status.pop("Gid").split()) == {"65534"}
    assert set(status.values()) == {"0" * 16}, "capabilities"


def test_the_network_is_out_of_reach(session: DockerSession) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - any way in would do
        port = listener.getsockname()[1]
        connect = (
            "use Socket; for my $to ('127.0.0.1', '172.17.0.1', '10.0.0.1') { socket my $s, PF_INET, SOCK_STREAM, 0;"
            f" print connect($s, sockaddr_in({port}, inet_aton($to))) ? 'reached ' : \"$! \" }}"
        )
        assert "reached" not in perl(session, connect).output
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert shell(session, "ls /sys/class/net").output in {"lo\n", ""}


def test_nothing_of_the_host_is_there(session: DockerSession, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    seen = shell(session, f"cat {tmp_path}/secret; ls /root /home; cat /etc/hostname; ls /var/run/docker.sock").output
    assert "hunter2" not in seen
    assert "sandbox" in seen
    assert seen.count("No such file") == 2


@pytest.mark.parametrize("place", ["", "/etc", "/usr/lib", "/tmp", "/dev", "/var/tmp", "/toolchain"])  # noqa: S108
def test_nothing_but_the_work_folder_is_writable(session: DockerSession, place: str) -> None:
    assert shell(session, f"echo x > {place}/outside").status != 0


def test_the_containers_first_process_is_out_of_reach(session: DockerSession) -> None:
    before = alive(session)
    reach = "kill -9 1; kill -STOP 1; cat /proc/1/environ; ls /proc/1/fd; echo nonsense > /proc/1/fd/1; exit 0"
    assert shell(session, reach).status == 0
    assert alive(session).split()[0] == before.split()[0]


def test_a_command_does_not_outlive_its_turn(session: DockerSession) -> None:
    marker = f"lingerer-{os.getpid()}"
    finished = shell(session, f"for i in 1 2 3; do setsid sh -c 'sleep 1000; : {marker}' & done")
    assert (finished.status, finished.limit) == (0, None)
    assert processes_with(marker) == []


def test_what_one_command_leaves_the_next_does_not_find(session: DockerSession) -> None:
    shell(
        session, "echo x > left; echo x > ../tmp/left; echo x > ../home/left; echo x > ../left; mkdir -p a/b; chmod 0 a"
    )
    assert shell(session, "ls -A . ../tmp ../home; ls -A ..").output.split() == [
        ".:", "../home:", "../tmp:", "home", "tmp", "work",
    ]  # fmt: skip


def test_a_container_whose_first_process_was_hampered_is_not_used_again(
    session: DockerSession, toolchain: Path
) -> None:
    """A process of the same user may lower another's limits, which nobody can raise again."""
    first = shell(session, "cat /proc/1/stat").output
    shell(session, "command -v prlimit && prlimit --pid 1 --nofile=4:4")
    again = shell(session, "cat /proc/1/stat; cat /proc/1/limits | grep 'open files'").output
    assert " 4 " not in again.splitlines()[-1]
    assert first.split()[21] != again.split()[21], "another first process, begun at another time"
    assert toolchain.exists()


# --- cancelling, and nothing left behind


def ours() -> set[str]:
    """The containers of this process that are there."""
    with closing(Engine(seconds=30)) as engine:
        return {
            found["Id"]
            for found in engine.labelled("org.mmio-bisect.owner")
            if f"/{os.getpid()}/" in found["Labels"]["org.mmio-bisect.owner"]
        }


def test_cancelling_ends_everything(session: DockerSession) -> None:
    marker = f"cancelled-{os.getpid()}"
    command = Command(argv=("/bin/sh", "-c", "setsid sh -c 'sleep 1000; : $0' $0 & sleep 1000", marker))
    with pytest.raises(CancelledError):
        session.run(command, CancelledWhen(lambda: bool(processes_with(marker))))
    assert eventually(lambda: processes_with(marker) == [])
    assert eventually(lambda: ours() == set())


def test_a_cancelled_command_is_not_even_started(session: DockerSession) -> None:
    with pytest.raises(CancelledError):
        session.run(Command(argv=("/bin/true",)), CancelledWhen(lambda: True))
    assert ours() == set()


def test_one_container_serves_a_whole_session_and_goes_with_it(toolchain: Path) -> None:
    with DockerSandbox(SMALL).session(toolchain) as session:
        shell(session, "true")
        first = ours()
        shell(session, "exit 1")
        assert ours() == first
        assert len(first) == 1
    assert eventually(lambda: ours() == set())


def test_a_toolchain_that_the_containers_user_may_not_read_is_told(toolchain: Path) -> None:
    toolchain.chmod(0o700)
    with pytest.raises(SandboxError, match=r"chmod -R a\+rX"), DockerSandbox(SMALL).session(toolchain):
        pass
