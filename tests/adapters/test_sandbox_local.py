"""What the local sandbox keeps of its promises when the program in it is hostile."""

import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from signalling import CancelledWhen, Uncancelled, eventually, processes_with

from mmio_bisect.adapters.sandbox import execution
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox
from mmio_bisect.errors import CancelledError, SandboxError
from mmio_bisect.workflow.ports.sandbox import Command, Finished, LimitHit

SMALL = Limits(
    memory_bytes=512 << 20, cpu_seconds=2, wall_seconds=10, output_bytes=10_000, file_bytes=1 << 20, processes=64
)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    base = tmp_path / "base"
    yield base
    assert not base.exists() or not list(base.iterdir()), "a private folder was left behind"


def run(base: Path, script: str, *, limits: Limits = SMALL, product: str | None = None) -> Finished:
    """Run a Python script in the sandbox."""
    program = textwrap.dedent(script).encode()
    with LocalSandbox(limits, base=base).session(Path("/nowhere")) as session:
        return session.run(
            Command(argv=(sys.executable, "-S", "program.py"), inputs=(("program.py", program),), product=product),
            Uncancelled(),
        )


def test_a_launcher_that_is_not_ready_in_time_is_an_error(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "launcher.py"
    slow.write_text("import time\ntime.sleep(1000)\n")
    monkeypatch.setattr(execution, "_LAUNCHER", slow)
    monkeypatch.setattr(execution, "_ANSWER_SECONDS", 0.1)
    with pytest.raises(SandboxError, match="not ready after"):
        run(base, "")
    with pytest.raises(SandboxError, match="not ready after"):
        LocalSandbox(SMALL, base=base).abilities()


def test_output_of_both_streams_and_the_status_are_reported(base: Path) -> None:
    finished = run(
        base,
        """
        import sys
        print("to stdout", flush=True)
        print("to stderr", file=sys.stderr)
        sys.exit(3)
        """,
    )
    assert (finished.status, finished.limit) == (3, None)
    assert finished.output == "to stdout\nto stderr\n"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGILL, signal.SIGPIPE])
def test_a_program_that_dies_of_a_signal_has_that_signal_as_negative_status(base: Path, number: int) -> None:
    finished = run(base, f"import os, signal; signal.signal({number}, signal.SIG_DFL); os.kill(os.getpid(), {number})")
    assert (finished.status, finished.limit) == (-number, None)


def test_signals_that_python_ignores_have_their_default_action_in_the_program(base: Path) -> None:
    with LocalSandbox(SMALL, base=base).session(Path("/nowhere")) as session:
        finished = session.run(Command(argv=("/bin/sh", "-c", "kill -PIPE $$; echo survived")), Uncancelled())
    assert finished.status == -signal.SIGPIPE


def test_inputs_lie_in_an_empty_work_folder_and_the_product_comes_back(base: Path) -> None:
    finished = run(
        base,
        """
        import os
        print(sorted(os.listdir(".")))
        open("out.o", "wb").write(b"\\x00\\x01")
        """,
        product="out.o",
    )
    assert finished.output == "['program.py']\n"
    assert finished.product == b"\x00\x01"


def test_a_missing_product_is_none(base: Path) -> None:
    assert run(base, "", product="out.o").product is None


def test_an_empty_product_is_no_missing_one(base: Path) -> None:
    assert run(base, "open('out.o', 'wb')", product="out.o").product == b""


def test_a_product_that_is_a_link_counts_as_missing(base: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    finished = run(base, f"import os; os.symlink({str(tmp_path / 'secret')!r}, 'out.o')", product="out.o")
    assert finished.status == 0
    assert finished.product is None


def test_a_work_folder_swapped_for_a_link_does_not_lead_outside(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out.o").write_text("secret")
    finished = run(
        base, f"import os; os.rename('../work', '../w'); os.symlink({str(tmp_path)!r}, '../work')", product="out.o"
    )
    assert finished.status == 0
    assert finished.product is None


@pytest.mark.parametrize("make", ["os.mkfifo('out.o')", "os.mkdir('out.o')"])
def test_a_product_that_is_no_regular_file_counts_as_missing(base: Path, make: str) -> None:
    assert run(base, f"import os; {make}", product="out.o").product is None


def test_the_environment_is_clean_and_home_is_empty(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMIO_TEST_SECRET", "hunter2")
    finished = run(
        base,
        """
        import os
        print(sorted(os.environ))
        print(os.listdir(os.environ["HOME"]), os.listdir(os.environ["TMPDIR"]))
        """,
    )
    names, folders = finished.output.splitlines()
    allowed = {"HOME", "LC_ALL", "LC_CTYPE", "PATH", "SOURCE_DATE_EPOCH", "TMPDIR"}
    assert set(names.strip("[]").replace("'", "").split(", ")) <= allowed
    assert folders == "[] []"


def test_the_toolchain_root_is_put_into_every_word(base: Path, tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "cc"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "$0" "$@"\n')
    tool.chmod(0o755)
    with LocalSandbox(SMALL, base=base).session(tmp_path) as session:
        finished = session.run(Command(argv=("bin/cc", "-isystem", "{toolchain}/include")), Uncancelled())
    assert finished.argv == (str(tool), "-isystem", f"{tmp_path}/include")
    assert finished.output == f"{tool} -isystem {tmp_path}/include\n"


@pytest.mark.parametrize(("content", "why"), [(None, errno.ENOENT), (b"\x7fELF", errno.ENOEXEC)])
def test_a_program_that_cannot_be_executed_is_named(
    base: Path, tmp_path: Path, content: bytes | None, why: int
) -> None:
    if content is not None:
        (tmp_path / "cc").write_bytes(content)
        (tmp_path / "cc").chmod(0o755)
    with (
        LocalSandbox(SMALL, base=base).session(tmp_path) as session,
        pytest.raises(SandboxError, match=f"{tmp_path}/cc cannot be executed .{os.strerror(why)}"),
    ):
        session.run(Command(argv=("cc",)), Uncancelled())


@pytest.mark.parametrize("name", ["../x", "/etc/x", "..", ""])
def test_names_that_lead_out_of_the_work_folder_are_refused(base: Path, name: str) -> None:
    with (
        LocalSandbox(SMALL, base=base).session(Path("/nowhere")) as session,
        pytest.raises(SandboxError, match="plain"),
    ):
        session.run(Command(argv=("/bin/true",), inputs=((name, b""),)), Uncancelled())


def test_endless_output_is_ended_and_its_first_part_kept(base: Path) -> None:
    finished = run(base, "while True: print('x' * 79)")
    assert (finished.status, finished.limit) == (-signal.SIGKILL, LimitHit.OUTPUT)
    assert finished.output == ("x" * 79 + "\n") * 125


def test_too_much_output_of_a_program_that_ends_by_itself_is_too_much_too(base: Path) -> None:
    finished = run(base, "print('x' * 20_000)")
    assert finished.limit is LimitHit.OUTPUT


def test_output_that_is_no_text_is_kept_readable(base: Path) -> None:
    assert run(base, "import os; os.write(1, b'a\\xffb')").output == "a\ufffdb"


def test_a_program_that_sleeps_is_ended_at_the_wall_clock_limit(base: Path) -> None:
    finished = run(base, "import time; time.sleep(1000)", limits=Limits(wall_seconds=0.5))
    assert (finished.status, finished.limit) == (-signal.SIGKILL, LimitHit.TIME)
    assert 0.5 <= finished.seconds < 2


def test_a_program_that_spins_is_ended_at_the_processor_limit(base: Path) -> None:
    finished = run(base, "while True: pass", limits=Limits(cpu_seconds=1, wall_seconds=30))
    assert (finished.status, finished.limit) == (-signal.SIGXCPU, LimitHit.TIME)


@pytest.mark.parametrize(
    ("script", "hit", "allowed"),
    [
        ("open('big', 'wb').write(bytes(2 << 20))", LimitHit.FILE, "1.0 MiB in one file"),
        ("signal.signal(signal.SIGXFSZ, signal.SIG_DFL); open('big', 'wb').write(bytes(2 << 20))", LimitHit.FILE, ""),
        ("signal.signal(signal.SIGXFSZ, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGXFSZ)", LimitHit.FILE, ""),
        ("sys.exit('cc: fatal error: File size limit exceeded signal terminated program cc1')", LimitHit.FILE, ""),
        ("while True: pass", LimitHit.TIME, "1 s of processor time"),
        ("signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", LimitHit.TIME, "1 s of processor time"),
        ("sys.exit('clang: error: unable to execute command: CPU time limit exceeded')", LimitHit.TIME, ""),
        ("import time; time.sleep(1000)", LimitHit.TIME, "3 s by the clock"),
        ("while True: print('x' * 79)", LimitHit.OUTPUT, "9.8 KiB of output"),
        ("bytearray(800 << 20); sys.exit('out of memory')", LimitHit.MEMORY, "MiB of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", None, ""),
        ("os.abort()", None, ""),
    ],
)
def test_a_limit_that_was_hit_is_named_with_what_it_allows(
    base: Path, script: str, hit: LimitHit | None, allowed: str
) -> None:
    """Whoever ended the program: we, the kernel, or it itself when it could not write on; other signals are not."""
    patience = 3 if "by the clock" in allowed else 60  # on a busy machine a second of the processor takes several
    limits = replace(SMALL, cpu_seconds=1, wall_seconds=patience, file_bytes=1 << 20, output_bytes=10_000)
    finished = run(base, f"import os, signal, sys\n{script}", limits=limits)
    assert finished.limit is hit, finished
    assert allowed in finished.allowed
    assert (finished.allowed == "") == (hit is None)


def test_a_program_that_eats_memory_meets_the_memory_limit(base: Path) -> None:
    finished = run(
        base,
        """
        import sys
        try:
            hoard = [bytearray(100 << 20) for _ in range(20)]
        except MemoryError:
            sys.exit("LLVM ERROR: out of memory")
        """,
    )
    assert (finished.status, finished.limit) == (1, LimitHit.MEMORY)


def test_an_ordinary_failure_is_no_limit(base: Path) -> None:
    assert run(base, "raise SystemExit('error: expected expression')").limit is None


def test_a_file_cannot_grow_beyond_its_limit(base: Path) -> None:
    finished = run(
        base,
        """
        with open("big", "wb") as file:
            while True:
                file.write(bytes(1 << 16))
        """,
        product="big",
    )
    assert finished.status != 0
    assert len(finished.product or b"") <= SMALL.file_bytes


def test_children_that_linger_in_sessions_of_their_own_do_not_survive_the_command(base: Path) -> None:
    marker = f"lingerer-{os.getpid()}"
    finished = run(
        base,
        f"""
        import subprocess, sys
        for _ in range(3):
            subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(1000)", {marker!r}],
                             start_new_session=True)
        """,
    )
    assert (finished.status, finished.limit) == (0, None)
    assert finished.seconds < 5
    assert processes_with(marker) == []


def test_a_fork_bomb_is_ended(base: Path) -> None:
    marker = f"bomb-{os.getpid()}"
    script = f"import os, time; marker = {marker!r}\nfor _ in range(6): os.fork()\ntime.sleep(1000)"
    with LocalSandbox(Limits(wall_seconds=1), base=base).session(Path("/nowhere")) as session:
        finished = session.run(Command(argv=(sys.executable, "-S", "-c", script)), Uncancelled())
    assert finished.limit is LimitHit.TIME
    assert processes_with(marker) == []


def test_folders_without_permissions_and_very_deep_ones_are_removed_all_the_same(base: Path) -> None:
    finished = run(
        base,
        """
        import os
        os.makedirs("locked/inside"); os.chmod("locked", 0)
        for _ in range(3000):
            os.mkdir("d"); os.chdir("d")
        """,
    )
    assert finished.status == 0


def test_cancelling_ends_everything(base: Path) -> None:
    marker = f"cancelled-{os.getpid()}"
    command = Command(argv=("/bin/sh", "-c", "setsid sh -c 'sleep 1000; : $0' $0 & sleep 1000", marker))
    with LocalSandbox(base=base).session(Path("/nowhere")) as session, pytest.raises(CancelledError):
        session.run(command, CancelledWhen(lambda: bool(processes_with(marker))))
    assert processes_with(marker) == []


def test_a_cancelled_command_is_not_even_started(base: Path) -> None:
    with LocalSandbox(base=base).session(Path("/nowhere")) as session, pytest.raises(CancelledError):
        session.run(Command(argv=("/bin/true",)), CancelledWhen(lambda: True))


@pytest.mark.isolation
def test_the_network_is_out_of_reach_where_the_sandbox_says_so(base: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"
        assert "unreachable" in run(base, script).output
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.isolation
def test_nothing_but_the_private_folder_is_writable_where_the_sandbox_says_so(base: Path, tmp_path: Path) -> None:
    finished = run(base, f"open({str(tmp_path / 'outside')!r}, 'w')")
    assert "Read-only file system" in finished.output
    assert not (tmp_path / "outside").exists()


@pytest.mark.isolation
def test_other_processes_cannot_be_signalled_where_the_sandbox_says_so(base: Path) -> None:
    assert "ProcessLookupError" in run(base, f"import os; os.kill({os.getpid()}, 0)").output


def test_no_privilege_can_be_had_back(base: Path) -> None:
    finished = run(base, "print([line for line in open('/proc/self/status') if line.startswith(('NoNewPrivs'))])")
    assert finished.output == "['NoNewPrivs:\\t1\\n']\n"


KILLED = """
import sys
from pathlib import Path
from mmio_bisect.adapters.sandbox import execution
from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox
from mmio_bisect.workflow.ports.sandbox import Command

execution._LAUNCHER = Path(sys.argv[3])

class Uncancelled:
    def cancelled(self): return False
    def progress(self, done, total): pass

with LocalSandbox(base=Path(sys.argv[1])).session(Path("/nowhere")) as session:
    script = "setsid sh -c 'sleep 1000; : $0' $0 & sleep 1000"
    session.run(Command(argv=("/bin/sh", "-c", script, sys.argv[2])), Uncancelled())
"""


def test_after_kill_9_the_compiler_dies_and_the_next_start_sweeps_the_folder(base: Path) -> None:
    marker = f"orphan-{os.getpid()}"
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(base), marker, str(execution._LAUNCHER)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        # parent, launcher, namespace's first and the shell itself
        assert eventually(lambda: len(processes_with(marker)) >= 3)
    finally:
        parent.kill()
        parent.wait()
    assert eventually(lambda: processes_with(marker) == [])
    assert len(list(base.iterdir())) == 1
    with LocalSandbox(base=base).session(Path("/nowhere")):
        assert list(base.iterdir()) == []


def test_the_sweep_leaves_folders_alone_that_are_in_use(base: Path) -> None:
    listing = threading.Event()

    def sweep_once() -> bool:
        if not listing.is_set() and (work := list(base.rglob("started"))):
            with LocalSandbox(base=base).session(Path("/nowhere")):
                assert work[0].exists()
            listing.set()
        return listing.is_set()

    command = Command(argv=("/bin/sh", "-c", "touch started; sleep 1000"))
    with LocalSandbox(base=base).session(Path("/nowhere")) as session, pytest.raises(CancelledError):
        session.run(command, CancelledWhen(sweep_once))


def test_a_base_folder_that_others_may_write_to_is_refused(base: Path) -> None:
    base.mkdir()
    base.chmod(0o777)
    with pytest.raises(SandboxError, match="others could write"), LocalSandbox(base=base).session(Path("/nowhere")):
        pass


def test_a_base_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "base").symlink_to("elsewhere")
    with (
        pytest.raises(SandboxError, match="others could write"),
        LocalSandbox(base=tmp_path / "base").session(Path("/nowhere")),
    ):
        pass


def test_without_namespaces_lingering_children_die_too(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "launcher.py"
    refused = "granted = _isolate(folders[:end], folders[end + 1 :])"
    refusing.write_text(execution._LAUNCHER.read_text().replace(refused, "granted: list[str] = []"))
    monkeypatch.setattr(execution, "_LAUNCHER", refusing)
    assert LocalSandbox(base=base).abilities() == frozenset()
    test_children_that_linger_in_sessions_of_their_own_do_not_survive_the_command(base)
    test_cancelling_ends_everything(base)
    test_a_fork_bomb_is_ended(base)
    test_after_kill_9_the_compiler_dies_and_the_next_start_sweeps_the_folder(base)
