"""The launcher, and one command of it: read what comes, end it when a limit is hit, and say how it ended."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from mmio_bisect.errors import CancelledError, SandboxError
from mmio_bisect.workflow.ports import LimitHit, Signals

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 0.3
# The launcher answers at once, but for a machine that is busy with other things.
_ANSWER_SECONDS: Final = 10.0
_MEMORY_WORDS: Final = ("out of memory", "bad_alloc", "cannot allocate memory", "memory allocation of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may use: bytes and seconds.

    `processes` holds for normal users in a namespace of their own, `processors` for containers. Memory, processor time,
    files and their size are counted by process, wall time and output for all together.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 120
    output_bytes: int = 1 << 20
    file_bytes: int = 256 << 20
    processes: int = 256
    open_files: int = 256
    processors: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an execution ended; `report` is what the launcher wrote, by its lines' first words."""

    status: int
    limit: LimitHit | None
    output: str
    seconds: float
    report: dict[str, str]


class Launcher:
    """A running `launcher.py` around one private folder. Raises `SandboxError` where it does not do its work."""

    def __init__(self, private: Path) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(_ANSWER_SECONDS)
        words = (sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(theirs.fileno()), str(private))
        with theirs:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                umask=0o077,
                cwd=private,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            )

    def begin(self, words: tuple[str, ...], *, report: int, output: int) -> int:
        """Have a command run; the number of the process that takes care of it."""
        try:
            socket.send_fds(self._channel, [b"\0".join(map(os.fsencode, words))], [report, output])
            answer = self._channel.recv(64)
        except OSError as error:
            raise SandboxError(f"the local sandbox's launcher does not answer: {self._last_words(error)}") from error
        if not answer:
            raise SandboxError(f"the local sandbox's launcher ended too early: {self._last_words()}")
        return int(answer)

    def end(self) -> None:
        """What it still takes care of ends with it."""
        self._channel.close()
        self._process.terminate()  # nothing happens if it has ended
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _last_words(self, error: OSError | None = None) -> str:
        self._process.kill()
        said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
        return (said.strip().splitlines() or [str(error or "it was killed")])[-1]


class Execution:
    """One command, from its start until its last process is dead. Without `argv` it only isolates."""

    def __init__(self, argv: tuple[str, ...], folder: Path, limits: Limits) -> None:
        self._argv = argv
        self._folder = folder
        self._limits = limits
        self._output = bytearray()
        self._report = bytearray()

    def finish(self, launcher: Launcher, signals: Signals) -> Ended:
        """Raises `CancelledError`, `SandboxError`."""
        started = time.monotonic()
        report, reported = _pipe()
        output, written = _pipe()
        with report, reported, output, written:
            carer = launcher.begin(self._words(), report=reported.fileno(), output=written.fileno())
            reported.close()
            written.close()
            try:
                limit = self._watch(output.fileno(), report.fileno(), signals, started + self._limits.wall_seconds)
            finally:
                _end(carer, report.fileno())
        return self._judge(limit, time.monotonic() - started)

    def _words(self) -> tuple[str, ...]:
        limits = self._limits
        numbers = (limits.memory_bytes, limits.cpu_seconds, limits.file_bytes, limits.open_files, limits.processes)
        return (str(self._folder), ",".join(map(str, numbers)), *self._argv[:1], *self._argv)

    def _watch(self, output: int, report: int, signals: Signals, deadline: float) -> LimitHit | None:
        """Read until the report is closed, or a limit is hit."""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ, self._output)
            selector.register(report, selectors.EVENT_READ, self._report)
            while report in selector.get_map():
                for key, _ in selector.select(_POLL_SECONDS):
                    if not _read_into(key.data, key.fd):
                        selector.unregister(key.fd)
                if len(self._output) > self._limits.output_bytes:
                    return LimitHit.OUTPUT
                if signals.cancelled():
                    raise CancelledError(f"{self._argv[0]} was stopped")
                if time.monotonic() >= deadline:
                    return LimitHit.TIME
        while len(self._output) <= self._limits.output_bytes:  # what was written last
            if not _read_into(self._output, output):
                return None
        return LimitHit.OUTPUT

    def _judge(self, limit: LimitHit | None, seconds: float) -> Ended:
        output = self._output[: self._limits.output_bytes].decode(errors="replace")
        lines = (line.split(" ", 1) for line in self._report.decode().splitlines())
        report = {line[0]: line[-1] for line in lines}
        if "failed" in report:
            raise SandboxError(
                f"{self._argv[0]} cannot be executed ({os.strerror(int(report['failed']))}): the toolchain is "
                "incomplete or not for this machine"
            )
        status = -signal.SIGKILL
        if "ended" in report:
            word, processor = report["ended"].split()
            status = int(word)
            # Nobody here sends SIGKILL before `ended` is reported: it was the kernel, out of memory.
            killed = status == -signal.SIGKILL
            limit = limit or limit_behind(
                status, processor=float(processor), output=output, limits=self._limits, killed_for_memory=killed
            )
        elif limit is None and (self._argv or "isolation" not in report):
            why = output.strip().splitlines()[-1:] or ["it was killed"]
            raise SandboxError(f"the local sandbox's launcher ended too early: {why[0]}")
        return Ended(status=status, limit=limit, output=output, seconds=seconds, report=report)


def limit_behind(
    status: int, *, processor: float, output: str, limits: Limits, killed_for_memory: bool
) -> LimitHit | None:
    """A program that meets a limit of the kernel's ends by itself; this tells it from one that is merely broken."""
    if status == 0:
        return None
    if status == -signal.SIGXCPU or processor >= limits.cpu_seconds:
        return LimitHit.TIME
    said = output.lower()
    if killed_for_memory or any(words in said for words in _MEMORY_WORDS):
        return LimitHit.MEMORY
    return None


def _read_into(buffer: bytearray, descriptor: int) -> bool:
    """False at the end, or when nothing more is there at the moment."""
    try:
        data = os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return False
    buffer += data
    return bool(data)


def _pipe() -> tuple[FileIO, FileIO]:
    """To read from without waiting, and to write to."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reading, False)
    return FileIO(reading, "r"), FileIO(writing, "w")


def _end(carer: int, report: int) -> None:
    """Return when all processes of a command are dead, which is when nobody holds its report any more."""
    if _is_closed(report, within=0):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(carer, signal.SIGTERM)  # it ends all else first
    if _is_closed(report, within=_GRACE_SECONDS):
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(carer, signal.SIGKILL)
    _is_closed(report, within=_ANSWER_SECONDS)


def _is_closed(report: int, *, within: float) -> bool:
    """Whether its end is reached within so many seconds; what is read is of no more use."""
    deadline = time.monotonic() + within
    with selectors.DefaultSelector() as selector:
        selector.register(report, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if selector.select(max(left, 0)) and not os.read(report, 1 << 16):
                return True
            if left <= 0:
                return False
