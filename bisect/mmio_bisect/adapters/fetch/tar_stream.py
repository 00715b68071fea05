"""Unpacks the wanted files of a compressed tar archive while it still arrives, trusting nothing in it.

Memory stays small however much a byte unpacks to, what is written has a limit, and no name or link leads out of the
folder (Python's own `data` filter, PEP 706). The whole archive is read, to its last byte, even where nothing more is
wanted: so the caller's hash is of all of it, and the compressed stream's own checks have been made.

tarfile reads as a stream here (`r|`), so unpacking overlaps with the download; decompressing is not left to it. Its
`r|xz` and `r|gz` expand whatever one block holds into memory at once, give lzma no limit of memory, take the first of
several compressed streams for the whole, and do not compare a gzip file's checksum.
"""

import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from mmio_bisect.adapters.fetch.tar_files import tarfile
from mmio_bisect.adapters.foreign_input import refusing
from mmio_bisect.errors import CorruptArtefactError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_STEP: Final = 1 << 18
_BLOCK: Final = 1 << 18
_LZMA_MEMORY: Final = 512 << 20  # xz -9 asks for 64 MiB; a header may ask for 4 GiB
MOST_MEMBERS: Final = 100_000
_MOST_STREAMS: Final = 10_000  # pxz and pigz make one of each block
_LONGEST_HEADER: Final = 1 << 20
_SLACK: Final = 1 << 20
_LONG_HEADERS: Final = frozenset({
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
})  # fmt: skip
MOST_BYTES: Final = 8 << 30
"""More than this no archive of one compiler unpacks to: the largest, with debug information, has under 2 GiB."""

Wanted = Callable[[PurePosixPath], PurePosixPath | None]
"""From a member's name to the name it shall have below the folder; None if it is not wanted."""


class _Inflating(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def feed(self, data: bytes) -> bytes:
        """At most `_STEP` bytes of what there is."""

    @property
    def hungry(self) -> bool:
        """It can give nothing more without being fed."""


class _Xz:
    def __init__(self) -> None:
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    @property
    def hungry(self) -> bool:
        return self._stream.needs_input

    def feed(self, data: bytes) -> bytes:
        return self._stream.decompress(data, _STEP)


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    @property
    def hungry(self) -> bool:
        return not self._full

    def feed(self, data: bytes) -> bytes:
        out = self._stream.decompress(self._stream.unconsumed_tail + data, _STEP)
        self._full = len(out) == _STEP
        return out


class _TooMuchError(Exception):
    """It unpacks to more than it may."""


class _Unpacked(io.RawIOBase):
    """The tar file inside, for reading forwards. A compressed file may be several streams, one after another.

    Streams of nothing, zeroes between them and blocks that give nothing are bounded too.
    """

    def __init__(self, chunks: Iterator[bytes], kind: Callable[[], _Inflating], most: int) -> None:
        super().__init__()
        self._chunks = _bounded(chunks, most + _SLACK)
        self._kind = kind
        self._inflating: _Inflating | None = None
        self._left, self._streams = most, 0
        self._ready = b""
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        while self._given == len(self._ready):
            step = self._step()
            if step is None:
                return 0
            self._ready, self._given = step, 0
        room = memoryview(buffer).cast("B")
        found = self._ready[self._given : self._given + len(room)]
        room[: len(found)] = found
        self._given += len(found)
        return len(found)

    def _step(self) -> bytes | None:
        """Some more, perhaps none; None at the end. Raises `EOFError` where the file breaks off."""
        data = b""
        if self._inflating is None or self._inflating.eof:
            following = self._following()
            if following is None:
                return None
            self._streams += 1
            if self._streams > _MOST_STREAMS:
                raise tarfile.ReadError(f"it is more than {_MOST_STREAMS} compressed streams")
            self._inflating, data = self._kind(), following
        elif self._inflating.hungry:
            data = next(self._chunks, b"")
            if not data:
                raise EOFError("it breaks off")
        out = self._inflating.feed(data)
        self._left -= len(out)
        if self._left < 0:
            raise _TooMuchError
        return out

    def _following(self) -> bytes | None:
        """Where the next stream begins; None behind the last. Between them may be zeroes (xz's file format, 2.2)."""
        rest = b"" if self._inflating is None else self._inflating.unused_data
        while not (rest := rest.lstrip(b"\0")):
            found = next(self._chunks, None)
            if found is None:
                if self._inflating is None:
                    raise EOFError("it is empty")
                return None
            rest = found
        return rest


def _bounded(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Pass on what is packed, which is at most as long as what it unpacks to, and a little."""
    for chunk in chunks:
        most -= len(chunk)
        if most < 0:
            raise _TooMuchError
        yield chunk


class _Member(tarfile.TarInfo):
    """A member whose headers are not larger than names are: tarfile reads as many bytes as `size` says into memory.

    Whoever asks for the size is refused, since which method tarfile parses a header with differs between its versions
    (Debian's Python 3.13.5 does not call `frombuf`).
    """

    _size = 0

    @property
    def size(self) -> int:
        if self._size > _LONGEST_HEADER and self.type in _LONG_HEADERS:
            raise tarfile.ReadError(f"it has a header of {self._size} bytes")
        return self._size

    @size.setter
    def size(self, count: int) -> None:
        self._size = count


def unpack_tar(
    chunks: Iterator[bytes],
    folder: Path,
    wanted: Wanted,
    *,
    name: str,
    gzip: bool = False,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Write the wanted members below `folder`; `name` is the archive's, for messages.

    Raises `CorruptArtefactError` whatever is wrong with the archive, and what `chunks` raises.
    """

    def refusal(why: str) -> CorruptArtefactError:
        return CorruptArtefactError(f"{name} is damaged ({why}): fetch it again")

    tar = _Unpacked(chunks, _Gzip if gzip else _Xz, most_bytes)
    try:
        with (
            refusing(refusal, tarfile.TarError, lzma.LZMAError, zlib.error),
            tarfile.open(fileobj=tar, mode="r|", bufsize=_BLOCK, errorlevel=1, tarinfo=_Member) as archive,
        ):
            for count, member in enumerate(archive):
                if count >= MOST_MEMBERS:
                    raise tarfile.ReadError(f"it has more than {MOST_MEMBERS} members")
                _unpack(archive, member, folder, wanted, name)
            while tar.read(_BLOCK):  # to the last byte
                pass
    except _TooMuchError as error:
        raise CorruptArtefactError(
            f"{name} unpacks to more than {most_bytes >> 20} MiB, which no compiler does: it is not unpacked"
        ) from error


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, wanted: Wanted, name: str) -> None:
    target = wanted(PurePosixPath(member.name))
    if target is None or member.isdir():
        return
    mode = 0o755 if member.mode & 0o100 else 0o644
    try:
        if member.issym() and "/" in member.linkname:  # libraries link to their neighbours; anything else could lead on
            raise tarfile.LinkOutsideDestinationError(member, member.linkname)
        if not (member.isreg() or member.issym()):
            raise tarfile.SpecialFileError(member)
        archive.extract(member.replace(name=str(target), mode=mode), folder, set_attrs=True, filter="data")
    except tarfile.FilterError as error:
        raise CorruptArtefactError(f"{name} would write outside its folder ({error}): it is not unpacked") from error
