"""Messages between mmio-bisect and a container's first process, `container_init.pl`.

A message is its length and a list of strings, each with its length before it; lengths are 32-bit, big-endian. The
process says `ready` once. Then, by turns:

    request   product, seconds of wall-clock time, seconds of processor time, bytes of output, bytes of a file, open
              files, bytes of all files, bytes of the cache (0: neither is watched), number of inputs, (name, content)
              of each, words of the command
    reply     `ended`, errno if the program could not be executed or 0, status (negative: the signal), `time`, `output`
              or `disk` if that limit was met, `full` if the disk itself is, processor seconds, processes that the
              kernel killed for memory, 1 if the container may be used again, size of the product or -1, output; then
              the product's bytes

Both come over the stream that docker attaches, which puts eight bytes before each piece: which stream, and how long.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.errors import CancelledError, DaemonError
from mmio_bisect.workflow.ports.sandbox import Command, LimitHit

_POLL_SECONDS: Final = 0.05
_PIECE: Final = 1 << 16
_STDERR: Final = 2
_HEADER: Final = struct.Struct(">BxxxI")
_LENGTH: Final = struct.Struct(">I")
_MOST_COMPLAINTS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How a command ended in the container. `failure` is the errno of a program that could not be executed."""

    failure: int
    status: int
    limit: LimitHit | None
    disk_full: bool
    processor: float
    memory_kills: int
    clean: bool
    output: bytes
    product: bytes | None

    @classmethod
    def from_words(cls, words: list[bytes], product: bytes | None) -> Self:
        _, failure, status, limit, processor, kills, clean, _, output = words
        return cls(
            failure=int(failure),
            status=int(status),
            limit=LimitHit(limit.decode()) if limit not in {b"", b"full"} else None,
            disk_full=limit == b"full",
            processor=float(processor),
            memory_kills=int(kills),
            clean=clean == b"1",
            output=output,
            product=product,
        )


class Wire:
    """One end of the conversation. `patience` is how many seconds beyond the limits the other may take.

    Raises `DaemonError` when the other end is gone or silent, `CancelledError` when `cancelled` says so.
    """

    def __init__(self, stream: socket.socket, *, patience: float) -> None:
        self._stream = stream
        self._patience = patience
        self._raw = bytearray()
        self._said = bytearray()
        self._complaints = bytearray()

    def close(self) -> None:
        # To close is not enough while a copy is open anywhere, and the other end is to notice at once.
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def await_ready(self, cancelled: Callable[[], bool]) -> None:
        self._receive_words(time.monotonic() + self._patience, cancelled)

    def ask(self, argv: tuple[str, ...], command: Command, limits: Limits, cancelled: Callable[[], bool]) -> Reply:
        """Have the command run, and wait for its end."""
        message = _packed(_request(argv, command, limits))
        self._stream.settimeout(self._patience)
        try:
            self._stream.sendall(_LENGTH.pack(len(message)) + message)
        except OSError as error:
            raise self._broken(str(error)) from error
        deadline = time.monotonic() + limits.wall_seconds + self._patience
        words = self._receive_words(deadline, cancelled)
        size = int(words[7])
        product = None if size < 0 else self._receive(size, deadline, cancelled)
        return Reply.from_words(words, product)

    def _receive_words(self, deadline: float, cancelled: Callable[[], bool]) -> list[bytes]:
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size, deadline, cancelled))
        return _unpacked(self._receive(length, deadline, cancelled))

    def _receive(self, count: int, deadline: float, cancelled: Callable[[], bool]) -> bytes:
        while len(self._said) < count:
            if cancelled():
                raise CancelledError("the command was stopped")
            if time.monotonic() >= deadline:
                raise self._broken("it does not answer")
            self._stream.settimeout(_POLL_SECONDS)
            try:
                piece = self._stream.recv(_PIECE)
            except TimeoutError:
                continue
            except OSError as error:
                raise self._broken(str(error)) from error
            if not piece:
                raise self._broken("the container has ended, or the docker daemon has")
            self._raw += piece
            self._sort()
        taken = bytes(self._said[:count])
        del self._said[:count]
        return taken

    def _sort(self) -> None:
        """Move whole pieces from the raw stream to where they belong."""
        at = 0
        while len(self._raw) >= at + _HEADER.size:
            kind, length = _HEADER.unpack_from(self._raw, at)
            end = at + _HEADER.size + length
            if len(self._raw) < end:
                break
            target = self._complaints if kind == _STDERR else self._said
            target += self._raw[at + _HEADER.size : end]
            at = end
        del self._raw[:at]
        del self._complaints[:-_MOST_COMPLAINTS]

    def _broken(self, why: str) -> DaemonError:
        said = self._complaints.decode(errors="replace").strip()
        return DaemonError(f"The docker sandbox broke off: {said.splitlines()[-1] if said else why}")


def _request(argv: tuple[str, ...], command: Command, limits: Limits) -> list[bytes]:
    numbers = (
        *(limits.wall_seconds, limits.cpu_seconds, limits.output_bytes, limits.file_bytes, limits.open_files),
        *(limits.disk_bytes or 0, limits.cache_bytes or 0),
    )
    inputs = [part for name, content in command.inputs for part in (name.encode(), content)]
    return [
        (command.product or "").encode(),
        *(str(number).encode() for number in numbers),
        str(len(command.inputs)).encode(),
        *inputs,
        *(word.encode(errors="surrogateescape") for word in argv),
    ]


def _packed(words: list[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(word)) + word for word in words)


def _unpacked(message: bytes) -> list[bytes]:
    words, at = [], 0
    while at < len(message):
        (length,) = _LENGTH.unpack_from(message, at)
        words.append(message[at + _LENGTH.size : at + _LENGTH.size + length])
        at += _LENGTH.size + length
    return words
