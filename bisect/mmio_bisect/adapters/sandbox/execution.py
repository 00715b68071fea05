"""The launcher, seen from outside: what commands print, when a limit ends them, and how they ended.

What commands' words become, their limits, and what a limit looks like from outside are the same in both sandboxes.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from mmio_bisect.adapters.sandbox.disk_usage import Meter
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.errors import CancelledError, SandboxError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Finished, LimitHit

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 0.3
# The launcher answers at once, but for a machine that is busy with other things.
_ANSWER_SECONDS: Final = 10.0
_MEMORY_WORDS: Final = ("out of memory", "bad_alloc", "cannot allocate memory", "memory allocation of")
# What drivers say of a signal that ended their compiler, and what a program says that ignores SIGXFSZ.
_FILE_WORDS: Final = ("file size limit exceeded", "file too large")
_TIME_WORDS: Final = ("cpu time limit exceeded",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may use: bytes and seconds.

    `processes` holds for normal users in a namespace of their own, `processors` for containers. Memory, processor time,
    files and their size are counted by process, wall time and output for all together. `disk_bytes` is for commands
    that write much: they are given disk, and ended when all that they wrote is more. `cache_bytes` is what is to stay
    in a cache that is theirs beyond the command: one that has grown to twice that ends them, and is emptied.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 120
    output_bytes: int = 1 << 20
    file_bytes: int = 256 << 20
    processes: int = 256
    open_files: int = 256
    processors: int = 1
    disk_bytes: int | None = None
    cache_bytes: int | None = None


def expanded(argv: tuple[str, ...], root: Path, cache: Path | None = None) -> tuple[str, ...]:
    """The words with the toolchain's root and the cache put in, the program's path absolute."""
    first, *others = (word.replace("{toolchain}", str(root)).replace("{cache}", str(cache or "")) for word in argv)
    return (str(root / first), *others)


def prepare(command: Command, root: Path, cache: Path | None, signals: Signals) -> tuple[str, ...]:
    """The words to execute. Raises `CancelledError`; `SandboxError` for a name that leads out of the work folder."""
    for name in [name for name, _ in command.inputs] + ([command.product] if command.product else []):
        if "/" in name or name in {"", ".", ".."}:
            raise SandboxError(f"not a plain file name for the work folder: {name!r}")
    argv = expanded(command.argv, root, cache)
    if signals.cancelled():
        raise CancelledError(f"{argv[0]} was not started")
    return argv


class Launcher:
    """A running `launcher.py` around one private folder. Raises `SandboxError` where it does not do its work.

    `cache` is another folder that commands may write to, `shown` are those of the host that they see. After a limit was
    hit, or an error, it has ended and all that it ran with it: `ended` says so.
    """

    def __init__(self, private: Path, limits: Limits, cache: Path | None = None, shown: Iterable[Path] = ()) -> None:
        self._limits = limits
        self._cache = cache
        self._meters: list[Meter] = []
        self._output = bytearray()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reading, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._channel, selectors.EVENT_READ)
        self._selector.register(self._reading, selectors.EVENT_READ)
        numbers = (limits.memory_bytes, limits.cpu_seconds, limits.file_bytes, limits.open_files, limits.processes)
        writable = (private,) if cache is None else (private, cache)
        words = (os.getpid(), theirs.fileno(), writing, ",".join(map(str, numbers)), *writable)
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, words), "--", *sorted(map(str, shown))),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno(), writing],
            start_new_session=True,
            umask=0o077,
            cwd=private,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )
        theirs.close()
        os.close(writing)
        self._isolation: frozenset[str] | None = None
        self.ended = False

    def isolation(self) -> frozenset[str]:
        """What the kernel granted; it is the launcher's first word. Raises `SandboxError`."""
        if self._isolation is None:
            try:
                _, *words = self._answer(time.monotonic() + _ANSWER_SECONDS, None).split()
            except _LimitError as error:
                raise SandboxError(
                    f"the local sandbox's launcher was not ready after {_ANSWER_SECONDS:g} s: this machine is too "
                    "busy, so try again, with fewer --jobs"
                ) from error
            self._isolation = frozenset(words)
        return self._isolation

    def run(self, argv: tuple[str, ...], folder: Path, signals: Signals) -> Finished:
        """One command, from its start until its last process is dead; its product is for others to read.

        Raises `CancelledError`, `SandboxError`.
        """
        try:
            self.isolation()
            self._output.clear()
            self._meters = _meters(folder, self._cache, self._limits)
            started = time.monotonic()
            status, processor, limit = self._execute(argv, folder, signals, started + self._limits.wall_seconds)
        except BaseException:
            self.end()
            raise
        seconds = time.monotonic() - started
        output = self._output[: self._limits.output_bytes].decode(errors="replace")
        # Nobody here sends SIGKILL before it has ended: it was the kernel, out of memory.
        killed = limit is None and status == -signal.SIGKILL
        behind = limit_behind(status, processor=processor, output=output, limits=self._limits, killed_for_memory=killed)
        return Finished(
            argv=argv,
            status=status,
            limit=limit or behind,
            output=output,
            product=None,
            seconds=seconds,
            allowed=allowed_by(self._limits, limit or behind, by_clock=limit is not None),
        )

    def end(self) -> None:
        """What it still runs ends with it."""
        if self.ended:
            return
        self.ended = True
        self._selector.close()
        self._channel.close()
        os.close(self._reading)
        self._process.terminate()  # nothing happens if it has ended
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _execute(
        self, argv: tuple[str, ...], folder: Path, signals: Signals, deadline: float
    ) -> tuple[int, float, LimitHit | None]:
        """Status, processor time in seconds, and which of our own limits was hit."""
        try:
            self._ask(b"\0".join(map(os.fsencode, (str(folder), argv[0], *argv))))
            word, *numbers = self._answer(deadline, signals).split()
        except _LimitError as hit:
            self.end()
            return -signal.SIGKILL, 0.0, hit.limit
        if word == "failed":
            why = os.strerror(int(numbers[0]))
            raise SandboxError(
                f"{argv[0]} cannot be executed ({why}): the toolchain is incomplete or not for this machine"
            )
        return int(numbers[0]), float(numbers[1]), None

    def _ask(self, request: bytes) -> None:
        try:
            self._channel.send(request)
        except OSError as error:
            raise SandboxError(f"the local sandbox's launcher does not answer: {self._last_words(error)}") from error

    def _answer(self, deadline: float, signals: Signals | None) -> str:
        """Read what commands print until the launcher has its say. Raises `_LimitError` besides."""
        while True:
            for key, _ in self._selector.select(_POLL_SECONDS):
                if key.fd == self._reading:
                    self._read_output()
                else:
                    answer = self._received()
                    if not answer:
                        raise SandboxError(f"the local sandbox's launcher ended too early: {self._last_words()}")
                    self._read_output()  # what was written last
                    return answer.decode()
            if signals is not None and signals.cancelled():
                raise CancelledError("the compiler was stopped")
            if time.monotonic() >= deadline:
                raise _LimitError(LimitHit.TIME)
            if any(meter.exceeded() for meter in self._meters):
                raise _LimitError(LimitHit.DISK)

    def _received(self) -> bytes:
        try:
            return self._channel.recv(1 << 12)
        except ConnectionError:
            return b""

    def _read_output(self) -> None:
        """What is there at the moment."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._reading, 1 << 16):
                self._output += data
                if len(self._output) > self._limits.output_bytes:
                    raise _LimitError(LimitHit.OUTPUT)

    def _last_words(self, error: OSError | None = None) -> str:
        self._process.kill()
        said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
        return (said.strip().splitlines() or [str(error or "it was killed")])[-1]


def allowed_by(limits: Limits, hit: LimitHit | None, *, by_clock: bool) -> str:
    """How much that is, for people; `by_clock`: we ended the command, before it met its limit of processor time."""
    match hit:
        case None:
            return ""
        case LimitHit.TIME:
            return (
                f"{limits.wall_seconds:g} s by the clock" if by_clock else f"{limits.cpu_seconds} s of processor time"
            )
        case LimitHit.MEMORY:
            return f"{size_text(limits.memory_bytes)} of memory"
        case LimitHit.OUTPUT:
            return f"{size_text(limits.output_bytes)} of output"
        case LimitHit.FILE:
            return f"{size_text(limits.file_bytes)} in one file"
        case LimitHit.DISK:
            most = [count for count in (limits.disk_bytes, limits.cache_bytes) if count is not None]
            return f"{' or '.join(map(size_text, most))} on disk"
        case _:
            assert_never(hit)


class _LimitError(Exception):
    def __init__(self, limit: LimitHit) -> None:
        super().__init__(limit.value)
        self.limit = limit


def _meters(folder: Path, cache: Path | None, limits: Limits) -> list[Meter]:
    found = []
    if limits.disk_bytes is not None:
        found.append(Meter(folder, limits.disk_bytes))
    if limits.cache_bytes is not None and cache is not None:
        found.append(Meter(cache, 2 * limits.cache_bytes))
    return found


def limit_behind(
    status: int, *, processor: float, output: str, limits: Limits, killed_for_memory: bool
) -> LimitHit | None:
    """A program that meets a limit of the kernel's ends by itself; this tells it from one that is merely broken."""
    if status == 0:
        return None
    said = output.lower()
    if status == -signal.SIGXCPU or processor >= limits.cpu_seconds or any(words in said for words in _TIME_WORDS):
        return LimitHit.TIME
    if status == -signal.SIGXFSZ or any(words in said for words in _FILE_WORDS):
        return LimitHit.FILE
    if killed_for_memory or any(words in said for words in _MEMORY_WORDS):
        return LimitHit.MEMORY
    return None
