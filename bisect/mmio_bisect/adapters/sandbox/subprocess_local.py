"""The local sandbox: compilers as child processes, with limits, for the recipes that came with the tool.

What it promises everywhere: a clean environment, an empty home, a private work folder that is removed afterwards,
limits on time, memory, output and files, no privileges beyond the caller's, and no process left when a command is
over or mmio-bisect dies. Where the kernel grants namespaces (`abilities` says so): no network, no reaching of other
processes, and nothing writable but the private folder.

What it does not promise: it does not hide the host. A hostile compiler can read what the caller may read, connect to
Unix sockets that lie in the file system, and fill the disk with many files until its time is over; without
namespaces it can also write wherever the caller may, and a process that kills `launcher.py` first outlives its
command. Text and compilers that are not trusted belong in the docker sandbox.
"""

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from mmio_bisect.adapters.held_folder import held_work_folder, sweep, temporary_folder
from mmio_bisect.adapters.sandbox.command_line import check_names, expanded
from mmio_bisect.adapters.sandbox.execution import Execution, Limits
from mmio_bisect.errors import CancelledError, DiskFullError, SandboxError
from mmio_bisect.workflow.ports import Command, Finished, Signals

_FULL = os.strerror(errno.ENOSPC)
_LITTLE_BYTES = 1 << 20

__all__ = ["Isolation", "Limits", "LocalSandbox", "LocalSession"]


class Isolation(StrEnum):
    """What the kernel granted beyond limits: a namespace of this kind, or (files) a read-only view of the host's."""

    USER = "user"
    NETWORK = "network"
    PROCESSES = "processes"
    FILES = "files"


class LocalSandbox:
    """A `Sandbox` of subprocesses. `base` holds the private folders; it is made if need be, and swept of dead ones."""

    name = "local"

    def __init__(self, limits: Limits | None = None, *, base: Path | None = None) -> None:
        self._limits = limits or Limits()
        self._base = (base or temporary_folder("mmio-bisect")).absolute()
        self._lock = threading.Lock()
        self._swept = False
        self._abilities: frozenset[Isolation] | None = None

    @contextlib.contextmanager
    def session(self, toolchain_root: Path) -> Iterator["LocalSession"]:
        self._prepare()
        yield LocalSession(toolchain_root.absolute(), self._base, self._limits)

    def abilities(self) -> frozenset[Isolation]:
        """Which isolation is in effect here, found out by trying. Raises `SandboxError`."""
        self._prepare()
        with self._lock:
            if self._abilities is None:
                with _private_folder(self._base) as private:
                    report = Execution((), private, self._limits).finish(_NeverCancelled()).report
                self._abilities = frozenset(Isolation(word) for word in report.get("isolation", "").split())
            return self._abilities

    def _prepare(self) -> None:
        """The base folder is ours alone: others could otherwise swap what lies in it under our feet."""
        with self._lock:
            if self._swept:
                return
            try:
                self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
                found = self._base.lstat()
            except OSError as error:
                raise SandboxError(
                    f"the local sandbox cannot make its folder {self._base} ({error.strerror}): set TMPDIR to a folder "
                    "that you may write to"
                ) from error
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise SandboxError(
                    f"the local sandbox will not use {self._base}, which others could write to: remove it, or set "
                    "TMPDIR to a folder of your own"
                )
            with contextlib.suppress(OSError):  # another time, then
                sweep(self._base)
            self._swept = True


class LocalSession:
    """Commands around one toolchain, each in a private folder of its own. May be used from several threads."""

    def __init__(self, toolchain_root: Path, base: Path, limits: Limits) -> None:
        self._root = toolchain_root
        self._base = base
        self._limits = limits

    def run(self, command: Command, signals: Signals) -> Finished:
        """`Finished.argv` is what was executed: `{toolchain}` replaced, the program's path absolute.

        A product that is no regular file, or is larger than the limit, counts as missing.
        """
        argv = expanded(command.argv, self._root)
        check_names(command)
        if signals.cancelled():
            raise CancelledError(f"{argv[0]} was not started")
        try:
            with _private_folder(self._base) as private:
                work = os.open(private / "work", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    for name, content in command.inputs:
                        (private / "work" / name).write_bytes(content)
                    ended = Execution(argv, private, self._limits).finish(signals)
                    if ended.status != 0 and _FULL in ended.output and _is_full(private):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(private))
                    product = _read_product(work, command.product, self._limits.file_bytes)
                finally:
                    os.close(work)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFullError(
                    f"no space is left in {self._base}, where compilers work: free some or set TMPDIR to another folder"
                ) from error
            raise SandboxError(
                f"the local sandbox failed at {error.filename or self._base}: {error.strerror}"
            ) from error
        return Finished(
            argv=argv,
            status=ended.status,
            limit=ended.limit,
            output=ended.output,
            product=product,
            seconds=ended.seconds,
        )


class _NeverCancelled:
    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None: ...


@contextlib.contextmanager
def _private_folder(base: Path) -> Iterator[Path]:
    """A folder with `work`, `home` and `tmp` in it."""
    with held_work_folder(base) as private:
        for name in ("work", "home", "tmp"):
            (private / name).mkdir(mode=0o700)
        yield private


def _is_full(folder: Path) -> bool:
    """What a compiler says of a full disk is believed if there is hardly any room: a recipe may print it, too."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < _LITTLE_BYTES


def _read_product(work: int, name: str | None, most: int) -> bytes | None:
    """A regular file of at most `most` bytes, never by way of a link; None if there is no such."""
    if name is None:
        return None
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=work)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    return content if len(content) <= most else None
