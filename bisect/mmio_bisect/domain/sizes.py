"""Numbers of bytes as people write and read them, in binary units."""

import re
from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_MOST: Final = 1 << 63
_SIZE: Final = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """`2GiB`, `2 G`, `1.5m`, `512`: bytes. Raises ValueError with a sentence without its full stop."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"“{text}” is not a size: write a number of bytes, or one with K, M, G or T, as in 2GiB")
    count = float(found["count"]) * 1024 ** " KMGT".index(found["unit"].upper() or " ")
    if count > _MOST:
        raise ValueError(f"“{text}” is more than any disk holds: write a smaller size")
    return int(count)


def size_text(count: float) -> str:
    """`81.2 MiB`."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable: the last unit takes every size")
