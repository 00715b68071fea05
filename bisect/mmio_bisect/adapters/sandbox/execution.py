"""One run of the launcher: start it, read what comes, end it when a limit is hit, and say how it ended."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmio_bisect.errors import CancelledError, SandboxError
from mmio_bisect.workflow.ports import LimitHit, Signals

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 0.3
_MEMORY_WORDS: Final = ("out of memory", "bad_alloc", "cannot allocate memory", "memory allocation of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may use: bytes and seconds. `processes` holds for normal users in a namespace of their own.

    Memory, processor time, files and their size are counted by process, wall time and output for all together.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 120
    output_bytes: int = 1 << 20
    file_bytes: int = 256 << 20
    processes: int = 256
    open_files: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an execution ended; `report` is what the launcher wrote, by its lines' first words."""

    status: int
    limit: LimitHit | None
    output: str
    seconds: float
    report: dict[str, str]


class Execution:
    """One run of the launcher, from its start until the last process is dead. Without `argv` it only isolates."""

    def __init__(self, argv: tuple[str, ...], private: Path, limits: Limits) -> None:
        self._argv = argv
        self._private = private
        self._limits = limits
        self._output = bytearray()
        self._report = bytearray()

    def finish(self, signals: Signals) -> Ended:
        """Raises `CancelledError`, `SandboxError`."""
        started = time.monotonic()
        report, reported = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            try:
                os.set_blocking(reported, True)
                process = self._start(reported)
            finally:
                os.close(reported)
            try:
                limit = self._watch(process, report, signals, deadline=started + self._limits.wall_seconds)
                if limit is None:
                    process.wait(_GRACE_SECONDS)  # all that is left for it to do is to end
            except subprocess.TimeoutExpired:
                limit = None
            finally:
                _kill(process)
        finally:
            os.close(report)
        return self._judge(limit, time.monotonic() - started)

    def _start(self, report: int) -> subprocess.Popen[bytes]:
        limits = self._limits
        numbers = (limits.memory_bytes, limits.cpu_seconds, limits.file_bytes, limits.open_files, limits.processes)
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(report), str(self._private)]
        return subprocess.Popen(
            [*launcher, ",".join(map(str, numbers)), *self._argv[:1], *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            pass_fds=[report],
            start_new_session=True,
            umask=0o077,
            cwd=self._private,
            env={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C",
                "HOME": str(self._private / "home"),
                "TMPDIR": str(self._private / "tmp"),
                "SOURCE_DATE_EPOCH": "0",
            },
        )

    def _watch(
        self, process: subprocess.Popen[bytes], report: int, signals: Signals, deadline: float
    ) -> LimitHit | None:
        """Read until the launcher closes its report, or a limit is hit."""
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        os.set_blocking(process.stdout.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout.fileno(), selectors.EVENT_READ, self._output)
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
            if not _read_into(self._output, process.stdout.fileno()):
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


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the launcher, which ends all else first; if it does not, its whole session."""
    if process.stdout is not None:
        process.stdout.close()
    process.terminate()  # nothing happens if it has ended
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
