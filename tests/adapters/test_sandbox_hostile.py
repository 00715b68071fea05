"""A hostile compiler in the local sandbox: each thing that it tries, and where it looks when it may see nothing.

As far as the kernel grants namespaces; what is left without them is told, see the last tests. SECURITY.md counts these.
"""

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from signalling import Uncancelled

from mmio_bisect.adapters.sandbox import execution
from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox
from mmio_bisect.workflow.ports.sandbox import Command, Finished

pytestmark = pytest.mark.isolation


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with secrets, a store of toolchains, and a compiler in a folder of its own."""
    home = tmp_path / "home" / "user"
    for name in (".ssh/id_ed25519", ".config/gh/hosts.yml", "store/other/root/cc", "llvm/lib/header.h"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("hunter2")
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "base"


def run(base: Path, script: str, *, root: Path = Path("/nowhere"), visible: tuple[Path, ...] = ()) -> Finished:
    """Run a Python script as the compiler of a toolchain in `root`."""
    program = textwrap.dedent(script).encode()
    with LocalSandbox(base=base, visible=visible).session(root) as session:
        # The system's Python: this one's packages lie somewhere in a home.
        command = Command(argv=("/usr/bin/python3", "-I", "-S", "p.py"), inputs=(("p.py", program),))
        return session.run(command, Uncancelled())


HIDDEN = (
    "/etc/shadow",
    "/etc/passwd",
    "/etc/ssh",
    "/etc/ssl/private",
    "/root",
    "/home",
    "/run",
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/var/lib/docker",
    "/var/log",
    "/srv",
    "/boot",
    "/mnt",
    "/opt",
    "/sys/kernel",
    "/dev/shm",  # noqa: S108 - it is looked for, not used
    "/dev/mem",
    "/dev/tty",
    str(Path(__file__)),
)


@pytest.mark.parametrize("path", HIDDEN)
def test_what_a_compile_does_not_need_is_not_there(base: Path, path: str) -> None:
    assert run(base, f"import os; print(os.path.lexists({path!r}))").output == "False\n"


@pytest.mark.parametrize("name", [".ssh/id_ed25519", ".config/gh/hosts.yml", "store/other/root/cc"])
def test_secrets_of_a_home_are_hidden_from_a_compiler_in_it(base: Path, home: Path, name: str) -> None:
    said = run(base, f"print(open({str(home / name)!r}).read())", root=home / "llvm").output
    assert "FileNotFoundError" in said
    assert "hunter2" not in said


def test_the_toolchain_is_seen_by_its_own_path(base: Path, home: Path) -> None:
    said = run(base, f"print(open({str(home / 'llvm/lib/header.h')!r}).read())", root=home / "llvm").output
    assert said == "hunter2\n"


@pytest.mark.parametrize("way", ["/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/proc/self/cwd/../../../.."])
def test_no_way_through_proc_leads_out(base: Path, home: Path, way: str) -> None:
    said = run(base, f"print(open({way!r} + {str(home / '.ssh/id_ed25519')!r}).read())").output
    assert "Error" in said
    assert "hunter2" not in said


def test_other_processes_are_not_seen(base: Path) -> None:
    said = run(base, "import os; print(sorted(n for n in os.listdir('/proc') if n.isdigit()))").output
    assert len(said.split()) == 2  # the namespace's first, and the compiler
    assert str(os.getpid()) not in said


def test_the_first_process_of_the_namespace_cannot_be_read_traced_or_killed(base: Path) -> None:
    said = run(
        base,
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        PTRACE_ATTACH = 16
        print(libc.ptrace(PTRACE_ATTACH, 1, 0, 0), ctypes.get_errno())
        os.kill(1, 9)
        for name in ("mem", "environ"):
            try: print(open(f"/proc/1/{name}", "rb").read(1))
            except OSError as error: print(error.errno)
        """,
    )
    assert said.status == 0
    assert said.output.splitlines() == ["-1 1", "13", "13"]


@pytest.mark.parametrize("number", [0, 9])
def test_we_cannot_be_signalled(base: Path, number: int) -> None:
    assert "ProcessLookupError" in run(base, f"import os; os.kill({os.getpid()}, {number})").output


@pytest.mark.parametrize(
    "target", ["/usr/bin/x", "/etc/x", "/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/dev/x"]
)
def test_nothing_outside_is_written(base: Path, target: str) -> None:
    said = run(base, f"open({target!r}, 'w').write('|/bin/sh')")
    assert said.status != 0
    assert "Error" in said.output
    assert not target.endswith("x") or not Path(target).exists()


def test_a_toolchain_is_not_written(base: Path, home: Path) -> None:
    said = run(base, f"open({str(home / 'llvm/lib/header.h')!r}, 'w')", root=home / "llvm")
    assert "Read-only file system" in said.output


def test_sockets_of_all_kinds_are_out_of_reach(base: Path, tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.create_server(("127.0.0.1", 0)) as network,
    ):
        named.bind(str(tmp_path / "docker.sock"))
        abstract.bind(f"\0mmio-bisect-test-{os.getpid()}")
        for listener in (named, abstract):
            listener.listen()
        places = (str(tmp_path / "docker.sock"), f"\0mmio-bisect-test-{os.getpid()}", network.getsockname())
        said = run(
            base,
            f"""
            import socket
            for place in {places!r}:
                try:
                    socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET).connect(place)
                    print("reached", place)
                except OSError as error:
                    print(type(error).__name__)
            """,
        ).output
    assert said.split() == ["FileNotFoundError", "ConnectionRefusedError", "OSError"]


@pytest.mark.parametrize("first", ["unshare -Ur", "unshare -Urm", "unshare -Urmpf"])
def test_a_namespace_within_the_namespace_uncovers_nothing(base: Path, home: Path, first: str) -> None:
    script = f"""
        import subprocess
        steps = "umount -l /proc; umount -l /usr; umount -l /; mount -t tmpfs x /usr; mount -o remount,rw /; "
        steps += "mount -t proc p /proc; ls -A /; cat {home}/.ssh/id_ed25519; echo > /usr/x"
        print(subprocess.run("{first} sh -c '" + steps + "'", shell=True, capture_output=True, text=True))
    """
    said = run(base, script).output
    assert "hunter2" not in said
    assert "home" not in said.replace(str(home), "")
    assert not Path("/usr/x").exists()


def test_keys_and_messages_of_the_user_are_out_of_reach(base: Path) -> None:
    """System V's: in a namespace of its own."""
    made = subprocess.run(["ipcmk", "--queue"], check=True, capture_output=True, text=True).stdout.split()[-1]
    try:
        said = run(base, "print(open('/proc/sysvipc/msg').read())").output
    finally:
        subprocess.run(["ipcrm", "--queue-id", made], check=True)
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("place", "seen", "unseen"),
    [
        ("tools/llvm/bin/cc", "tools/llvm/lib/h", ".ssh/id_ed25519"),
        ("bin/cc", "bin/as", ".ssh/id_ed25519"),
        ("build/cc", "build/cc1", ".ssh/id_ed25519"),
        ("cc", None, ".ssh/id_ed25519"),
    ],
)
def test_of_a_compiler_in_a_home_what_stands_beside_it_is_seen(
    base: Path, home: Path, place: str, seen: str | None, unseen: str
) -> None:
    for name in filter(None, (place, seen)):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"#!/bin/sh\ncat {home / unseen}; cat {home / (seen or place)}\n")
    (home / place).chmod(0o755)
    with LocalSandbox(base=base).session(Path("/nowhere")) as session:
        said = session.run(Command(argv=(str(home / place),)), Uncancelled()).output
    assert "hunter2" not in said
    assert "#!/bin/sh" in said


def test_a_link_to_a_compiler_leads_to_it_and_what_it_is_made_of(base: Path, home: Path) -> None:
    (home / "llvm/bin").mkdir()
    (home / "llvm/bin/cc").write_text(f"#!/bin/sh\ncat {home}/llvm/lib/header.h\n")
    (home / "llvm/bin/cc").chmod(0o755)
    (home / "bin").mkdir()
    (home / "bin/cc").symlink_to("../llvm/bin/cc")
    with LocalSandbox(base=base).session(Path("/nowhere")) as session:
        assert session.run(Command(argv=(str(home / "bin/cc"),)), Uncancelled()).output == "hunter2"


def test_what_is_named_as_visible_is(base: Path, home: Path) -> None:
    script = f"print(open({str(home / 'store/other/root/cc')!r}).read())"
    assert run(base, script, visible=(home / "store",)).output == "hunter2\n"


def test_what_is_left_open_is_said_once(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = tmp_path / "launcher.py"
    refused = "granted = _isolate(folders[:end], folders[end + 1 :])"
    refusing.write_text(execution._LAUNCHER.read_text().replace(refused, "granted: list[str] = []"))
    monkeypatch.setattr(execution, "_LAUNCHER", refusing)
    said: list[str] = []
    sandbox = LocalSandbox(base=base, say=said.append)
    for _ in range(2):
        with sandbox.session(Path("/nowhere")) as session:
            session.run(Command(argv=("/bin/true",)), Uncancelled())
    (sentence,) = said
    assert "read and write what you may, docker's socket included, reach the network, signal" in sentence


def test_nothing_is_said_where_nothing_is_left_open(base: Path) -> None:
    said: list[str] = []
    with LocalSandbox(base=base, say=said.append).session(Path("/nowhere")) as session:
        session.run(Command(argv=("/bin/true",)), Uncancelled())
    assert said == []


@pytest.fixture(autouse=True)
def nothing_left(base: Path) -> Iterator[None]:
    yield
    assert not base.exists() or not list(base.iterdir())
    assert sys.executable
