"""The docker sandbox: one container a session, for source and compilers that nobody vouches for.

What it promises: no network; nothing of the host but the toolchain, and that read-only; no capabilities and no way to
gain privileges; memory, processor, processes, open files, files, output and time limited; every command starts in a
folder of its own with nothing else there, alone in the container; no process and no container left behind, not even by
`kill -9`. A container in which a command left anything that cannot be undone is replaced before the next.

It runs commands, limits them and reads their ends as the local sandbox does: same words, same environment, same kinds
of outcome. It differs where a container does: memory is what all processes of a command use together, files written
included, rather than the address space of each; and programs find the image's libraries, not the host's.

A fault of docker's is not an outcome. It is tried once more in a new container, which is safe, because a command can
change nothing outside; then it is an error. A compiler that breaks its own container (it can starve the first process,
but not speak for it) ends that way too: nothing is claimed about it.

The kernel is shared with the host: against an attacker who holds an exploit for it, use a virtual machine.
"""

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.sandbox.docker import base_image
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import (
    CACHE,
    TOOLCHAIN,
    Container,
    StoreVolume,
    configuration,
    folder_mount,
    sweep,
)
from mmio_bisect.adapters.sandbox.docker.container_wire import Reply
from mmio_bisect.adapters.sandbox.execution import Limits, allowed_by, expanded, limit_behind, prepare
from mmio_bisect.errors import CancelledError, DaemonError, DiskFullError, SandboxError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Finished

__all__ = ["DAEMON_SECONDS", "DEFAULT_SUITE", "DockerSandbox", "DockerSession"]

DEFAULT_SUITE: Final = "trixie"
# How long docker may take for one call. Starting a container takes 0.1 s, and many times that on a busy machine.
DAEMON_SECONDS: Final = 30.0

_BACK_OFF_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.05
_FOR_ALL: Final = stat.S_IROTH | stat.S_IXOTH


class DockerSandbox:
    """A `Sandbox` of containers, from `image`, or else from a base image of the Debian suite that `say` tells of.

    Commands with disk to write to, or a `cache` (as `configuration` has it), need an image that has folders for them.
    `volume` is what holds the toolchains where the daemon does not see our folders.
    """

    name = "docker"

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        image: str | None = None,
        cache: tuple[str, Mapping[str, str]] | None = None,
        volume: StoreVolume | None = None,
        say: Callable[[str], None] = lambda _: None,
        daemon_seconds: float = DAEMON_SECONDS,
    ) -> None:
        self._limits = limits or Limits()
        self._cache = cache
        self._image = image
        self._volume = volume
        self._say = say
        self._daemon_seconds = daemon_seconds
        self._lock = threading.Lock()
        self._swept = False
        self._ready: str | None = None

    def reach(self) -> str:
        """What answers. Raises `SandboxError` where nothing does."""
        with contextlib.closing(Engine(seconds=self._daemon_seconds)) as engine:
            return f"docker {engine.version}"

    def present_image(self) -> str | None:
        """The image, if it need not be pulled or built first. Raises `SandboxError`."""
        with contextlib.closing(Engine(seconds=self._daemon_seconds)) as engine:
            if self._image is not None:
                return self._image if engine.has_image(self._image) else None
            return base_image.present_image(DEFAULT_SUITE, engine)

    def prepare(self) -> str:
        """Sweep, and have an image for what brings none: its name. Raises `SandboxError`."""
        self._sweep()
        with self._lock:
            if self._ready is None:
                with contextlib.closing(Engine(seconds=self._daemon_seconds)) as engine:
                    self._ready = self._image or base_image.base_image(DEFAULT_SUITE, engine, say=self._say)
            return self._ready

    @contextlib.contextmanager
    def session(self, toolchain_root: Path, image: str | None = None) -> Iterator["DockerSession"]:
        root = toolchain_root.absolute()
        _check_readable(root)
        if image is None:
            image = self.prepare()
        else:
            self._sweep()
        mount, inner = folder_mount(root), TOOLCHAIN
        if self._volume is not None:
            mount, inner = self._volume.mount, self._volume.inner(root)
        settings = configuration(image=image, mount=mount, limits=self._limits, cache=self._cache)
        session = DockerSession(root, inner, settings, self._limits, daemon_seconds=self._daemon_seconds)
        try:
            yield session
        finally:
            session.end()

    def _sweep(self) -> None:
        with self._lock:
            if not self._swept:
                with contextlib.closing(Engine(seconds=self._daemon_seconds)) as engine:
                    sweep(engine)
                self._swept = True


class DockerSession:
    """Commands around one toolchain, one after another, in one container, which the first of them starts."""

    def __init__(
        self, toolchain_root: Path, inner: Path, settings: dict[str, object], limits: Limits, *, daemon_seconds: float
    ) -> None:
        self._root = toolchain_root
        self._inner = inner
        self._settings = settings
        self._limits = limits
        self._daemon_seconds = daemon_seconds
        self._engine: Engine | None = None
        self._container: Container | None = None

    def run(self, command: Command, signals: Signals) -> Finished:
        """`Finished.argv` is what was executed, with the toolchain's path on the host: so it can be typed there.

        A product that is not a regular file, or is larger than the limit, counts as missing.
        """
        argv = prepare(command, self._root, CACHE, signals)
        try:
            return self._attempt(argv, command, signals)
        except DaemonError:
            _wait(_BACK_OFF_SECONDS, signals)
            return self._attempt(argv, command, signals)

    def end(self) -> None:
        self._discard()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _attempt(self, argv: tuple[str, ...], command: Command, signals: Signals) -> Finished:
        try:
            container = self._started(signals)
            begun = time.monotonic()
            reply = container.ask(expanded(command.argv, self._inner, CACHE), command, self._limits, signals.cancelled)
            seconds = time.monotonic() - begun
        except BaseException:
            self._discard()
            raise
        if not reply.clean:
            self._discard()
        return self._finished(argv, reply, seconds)

    def _started(self, signals: Signals) -> Container:
        if self._engine is None:
            self._engine = Engine(seconds=self._daemon_seconds)
        if self._container is None:
            self._container = Container.start(
                self._engine, self._settings, patience=self._daemon_seconds, cancelled=signals.cancelled
            )
        return self._container

    def _discard(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.end()

    def _finished(self, argv: tuple[str, ...], reply: Reply, seconds: float) -> Finished:
        if reply.failure:
            why = os.strerror(reply.failure)
            raise SandboxError(f"{argv[0]} cannot be executed in the container ({why}): {_advice(reply.failure)}.")
        if reply.disk_full:
            raise DiskFullError("Docker's disk is full: free some (`docker system df` tells what it has), then go on.")
        output = reply.output.decode(errors="replace")
        behind = limit_behind(
            reply.status,
            processor=reply.processor,
            output=output,
            limits=self._limits,
            killed_for_memory=reply.memory_kills > 0,
        )
        return Finished(
            argv=argv,
            status=reply.status,
            limit=reply.limit or behind,
            output=output,
            product=reply.product,
            seconds=seconds,
            allowed=allowed_by(self._limits, reply.limit or behind, by_clock=reply.limit is not None),
        )


def _advice(code: int) -> str:
    if code == errno.EACCES:
        return "its files must be readable by everybody, as `chmod -R a+rX` on the toolchain's folder makes them"
    return "the toolchain is incomplete, not for this machine, or needs libraries that the image does not have"


def _check_readable(root: Path) -> None:
    """The container's user is neither the owner of the toolchain nor of its group."""
    try:
        mode = root.stat().st_mode
    except OSError as error:
        raise SandboxError(f"The toolchain at {root} cannot be read ({error.strerror}): fetch it again.") from error
    if mode & _FOR_ALL != _FOR_ALL:
        raise SandboxError(
            f"The docker sandbox runs compilers as a user of its own, who may not read {root}: make it readable with "
            f"`chmod -R a+rX {root}`, or pass --sandbox local."
        )


def _wait(seconds: float, signals: Signals) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if signals.cancelled():
            raise CancelledError("the command was not tried again")
        time.sleep(_POLL_SECONDS)
