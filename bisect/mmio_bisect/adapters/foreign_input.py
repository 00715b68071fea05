"""What parsers of foreign input raise becomes one error that says what to do; and bounds that parsers lack.

Parsers are many, and each has its own ways to fail on what nobody meant to be read: `json` and `tomllib` recurse,
`int` refuses 4,301 digits with a ValueError, `zipfile` has a RuntimeError for what is encrypted, paths are too long for
`os`. Around each parser stands one `refusing`, and `tests/adapters/test_foreign_input.py` drives all of them through
the same ladder of malformed inputs.
"""

import errno
import os
import re
import stat
import tomllib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mmio_bisect.errors import MmioBisectError

MALFORMED: Final = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""RecursionError is a RuntimeError; UnicodeError and what JSON and TOML raise are ValueErrors."""

_OF_NAMES: Final = frozenset({
    errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.EINVAL, errno.EILSEQ,
})  # fmt: skip
"""What a file system says of a file's name rather than of its disk."""

_MOST_PARTS: Final = 64
_STRING: Final = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_STEP: Final = 1 << 20
_LONGEST_WORDS: Final = 200


@contextmanager
def refusing(refusal: Callable[[str], MmioBisectError], *also: type[Exception]) -> Iterator[None]:
    """Raise `refusal(why)` for what a parser raises of `MALFORMED`, of `also`, or of a file system about a name."""
    refused: tuple[type[Exception], ...] = (*MALFORMED, *also)
    try:
        yield
    except refused as error:
        raise refusal(why(error)) from error
    except OSError as error:
        if error.errno not in _OF_NAMES:
            raise
        raise refusal(f"a name in it is not one that can be written: {error.strerror}") from error


def why(error: Exception) -> str:
    """One line."""
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case MemoryError():
            return "it takes more memory than there is"
        case KeyError(args=(key,)):
            return f"it has no {str(key)[:_LONGEST_WORDS]}"
        case _:
            return (str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST_WORDS]


def read_toml(text: str) -> dict[str, Any]:
    """As `tomllib.loads`, whose time grows with the square of a dotted key's parts.

    Raises `ValueError`, and `RecursionError`.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MOST_PARTS and _STRING.sub("", line).count(".") > _MOST_PARTS:
            raise ValueError(f"a key of more than {_MOST_PARTS} parts (at line {number})")
    return tomllib.loads(text)


def inflated(data: bytes, most: int) -> Iterator[bytes]:
    """A zlib stream's content in pieces. Raises `ValueError` beyond `most` bytes, and `zlib.error`."""
    stream, left = zlib.decompressobj(), most
    while not stream.eof:
        piece = stream.decompress(data, _STEP)
        data = stream.unconsumed_tail
        left -= len(piece)
        if left < 0:
            raise ValueError(f"it unpacks to more than {most >> 20} MiB")
        if not piece and not data and not stream.eof:
            raise ValueError("it breaks off")
        yield piece
    if stream.unused_data:
        raise ValueError("something follows its end")


def read_regular(path: Path | str, most: int, folder: int | None = None) -> bytes | None:
    """What a file holds, below an open folder; None for a link, a folder or a pipe, or nothing.

    Of more than `most` bytes one more than these.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1)
    finally:
        os.close(descriptor)
