"""One container: what it may do, who owns it, and that it goes when its owner does.

Three things keep a container from being left behind. Its owner removes it, however the work in it ended. Its first
process ends when the stream to its owner does, as it does when the owner is killed, and the daemon then removes it by
itself. And it carries a label that names its owner, so that the next start finds what even that has missed.
"""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container_wire import Reply, Wire
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.errors import SandboxError
from mmio_bisect.workflow.ports.sandbox import Command

OWNER_LABEL: Final = "org.mmio-bisect.owner"

TOOLCHAIN: Final = Path("/toolchain")
WORK: Final = Path("/sandbox")
CACHE: Final = Path("/cache")
_FIRST_PROCESS: Final = Path(__file__).with_name("container_init.pl")
_VOLUME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# `nobody`: owns nothing on any Debian, and is not a user of the host that files could belong to.
_USER: Final = "65534:65534"
_FILES: Final = 1 << 16
_ONE_PROCESSOR: Final = 1_000_000_000
# An owner that cannot be asked (of another boot, machine or pid namespace) is given this long to start its container.
_STALE_SECONDS: Final = 3600


class Container:
    """A started container whose first process waits for commands."""

    def __init__(self, engine: Engine, name: str, wire: Wire) -> None:
        self._engine = engine
        self._name = name
        self._wire = wire

    @classmethod
    def start(
        cls, engine: Engine, configuration: Mapping[str, object], *, patience: float, cancelled: Callable[[], bool]
    ) -> Self:
        """Raises `DaemonError`, `SandboxError`, `CancelledError`; then nothing is left."""
        name = f"mmio-bisect-{secrets.token_hex(8)}"
        wire = None
        try:
            engine.create(name, configuration)
            wire = Wire(engine.attach(name), patience=patience)
            engine.start(name)
            wire.await_ready(cancelled)
        except BaseException:
            _end(engine, name, wire)
            raise
        return cls(engine, name, wire)

    @classmethod
    @contextlib.contextmanager
    def waiting(cls, engine: Engine, configuration: Mapping[str, object]) -> Iterator[str]:
        """The name of a started container whose first process waits for the end of its input, which is ours."""
        with cls.created(engine, configuration) as name, engine.attach(name):
            engine.start(name)
            yield name

    @staticmethod
    @contextlib.contextmanager
    def created(engine: Engine, configuration: Mapping[str, object]) -> Iterator[str]:
        """The name of a container that is not started; it is removed at the end, whatever became of it."""
        name = f"mmio-bisect-{secrets.token_hex(8)}"
        try:
            engine.create(name, {**configuration, **_labels()})
            yield name
        finally:
            with contextlib.suppress(SandboxError):
                engine.remove(name)

    def ask(self, argv: tuple[str, ...], command: Command, limits: Limits, cancelled: Callable[[], bool]) -> Reply:
        """As `Wire.ask`. After any error there is nothing to do with the container but to end it."""
        return self._wire.ask(argv, command, limits, cancelled)

    def end(self) -> None:
        """Kill and remove it. A daemon that does not answer to this removes it when it can."""
        _end(self._engine, self._name, self._wire)


def _labels() -> dict[str, object]:
    return {"Labels": {OWNER_LABEL: str(Owner.this_process())}}


def _end(engine: Engine, name: str, wire: Wire | None) -> None:
    try:
        with contextlib.suppress(SandboxError):
            engine.remove(name)
    finally:
        if wire is not None:
            wire.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreVolume:
    """The docker volume that toolchains lie in when mmio-bisect itself runs in a container, where it is `folder`.

    A path of ours means nothing to the daemon then. And a volume as a whole cannot be led astray by a link within it,
    as a folder of the host can: whoever may write to the store would have any folder of the host mounted.
    """

    name: str
    folder: Path

    @classmethod
    def from_text(cls, text: str) -> Self:
        """`NAME:FOLDER`, as `docker run --volume` has it. Raises `SandboxError`."""
        name, colon, folder = text.partition(":")
        if not (colon and _VOLUME.fullmatch(name) and folder.startswith("/")):
            raise SandboxError(
                f"“{text}” names no docker volume: write NAME:FOLDER, the volume's name and where it is mounted here, "
                "into MMIO_BISECT_STORE_VOLUME."
            )
        return cls(name=name, folder=Path(folder))

    def inner(self, toolchain_root: Path) -> Path:
        """Where a toolchain is in a sandbox. Raises `SandboxError`."""
        try:
            return TOOLCHAIN / toolchain_root.relative_to(self.folder)
        except ValueError:
            raise SandboxError(
                f"{toolchain_root} lies outside {self.folder}, and of what is here sandboxes see that alone: keep the "
                "store in it (--store), or change MMIO_BISECT_STORE_VOLUME."
            ) from None

    @property
    def mount(self) -> dict[str, object]:
        return {
            "Type": "volume",
            "Source": self.name,
            "Target": str(TOOLCHAIN),
            "ReadOnly": True,
            "VolumeOptions": {"NoCopy": True},
        }


def folder_mount(toolchain_root: Path) -> dict[str, object]:
    """The toolchain has one path in every container: its path here may lead through folders that are closed there."""
    return {"Type": "bind", "Source": str(toolchain_root), "Target": str(TOOLCHAIN), "ReadOnly": True}


_CONFINED: Final[Mapping[str, object]] = {
    "AutoRemove": True,
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "IpcMode": "none",
    # What IPC would leave from one command to the next.
    "Sysctls": {"kernel.shmall": "0", "kernel.msgmni": "0"},
    # What a compiler prints must not fill the host's disk.
    "LogConfig": {"Type": "none", "Config": {}},
}


def configuration(
    *, image: str, mount: dict[str, object], limits: Limits, cache: tuple[str, Mapping[str, str]] | None = None
) -> dict[str, object]:
    """The body of the Engine API's ContainerCreate (API 1.41).

    Docker's own seccomp profile stays in force; it is what is left out here. `mount` is the toolchain's. `cache` is the
    name of a volume that outlasts the container, and its labels if it is to be made.
    """
    space, volumes = _space(limits)
    mounts = [mount, *volumes]
    if cache is not None:
        name, labels = cache
        mounts += [{"Type": "volume", "Source": name, "Target": str(CACHE), "VolumeOptions": {"Labels": dict(labels)}}]
    return {
        "Image": image,
        "Entrypoint": ["/usr/bin/perl", "-e", _FIRST_PROCESS.read_text()],
        "Cmd": [],
        "User": _USER,
        "Hostname": "sandbox",
        "NetworkDisabled": True,
        **_labels(),
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            **_CONFINED,
            "Memory": limits.memory_bytes,
            "MemorySwap": limits.memory_bytes,
            "NanoCpus": limits.processors * _ONE_PROCESSOR,
            "PidsLimit": limits.processes + 1,
            "Tmpfs": space,
            "Mounts": mounts,
        },
    }


def _space(limits: Limits) -> tuple[dict[str, str], list[dict[str, object]]]:
    """Where commands write: a file system in memory, which limits itself, or a volume on docker's disk.

    Files in the first count as memory, and are limited to half of it; it is quick, and right for a compile. The volume
    has no name, so that docker removes it with the container, however that ends. Volumes have no quota that holds
    everywhere: the container's first process watches it. It takes the mode of the image's own folder of that path.
    """
    if limits.disk_bytes is not None:
        return {}, [{"Type": "volume", "Target": str(WORK)}]
    size = min(2 * limits.file_bytes, limits.memory_bytes // 2)
    return {str(WORK): f"rw,exec,nosuid,nodev,mode=1777,nr_inodes={_FILES},size={size}"}, []


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, told apart from any other that has or had its number."""

    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def this_process(cls) -> Self:
        pid = os.getpid()
        return cls(boot=_boot(), namespace=_namespace(), pid=pid, started=_start_time(pid) or 0)

    @classmethod
    def from_label(cls, text: str) -> Self | None:
        """None for what no version of ours has written."""
        try:
            boot, namespace, pid, started = text.split("/")
            return cls(boot=boot, namespace=namespace, pid=int(pid), started=int(started))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.boot}/{self.namespace}/{self.pid}/{self.started}"

    def alive(self) -> bool | None:
        """None where its processes cannot be seen from here."""
        if (self.boot, self.namespace) != (_boot(), _namespace()):
            return None
        return _start_time(self.pid) == self.started


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _start_time(pid: int) -> int | None:
    """In clock ticks since the boot (proc(5), field 22 of stat); None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def sweep(engine: Engine) -> None:
    """Remove containers of ours whose owner is dead. Raises `SandboxError`."""
    for found in engine.labelled(OWNER_LABEL):
        if _is_left_over(found):
            engine.remove(found["Id"])


def _is_left_over(found: Mapping[str, Any]) -> bool:
    label = found["Labels"][OWNER_LABEL]
    if not label:  # a user's own container of an image of ours
        return False
    owner = Owner.from_label(label)
    alive = owner.alive() if owner else None
    if alive is None:
        return bool(found["State"] != "running" and found["Created"] < time.time() - _STALE_SECONDS)
    return not alive
