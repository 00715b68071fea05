"""A value for each of the 2³² words, as a trie of eight levels with sixteen children a node, equal nodes once.

The file is compressed (xz). Inside, levels come deepest first: the number of nodes (16 bits, little-endian), then the
children of each, values (8 bits) on the first level and numbers of nodes of the level before (16 bits) on the others.
"""

import lzma
import sys
from array import array
from dataclasses import dataclass

_LEVELS = 8


@dataclass(frozen=True, slots=True)
class WordTrie:
    """`levels` from the root down; the last holds the values."""

    levels: "tuple[array[int], ...]"

    def __getitem__(self, word: int) -> int:
        place = 0
        for shift, children in zip(range(28, -1, -4), self.levels, strict=True):
            place = children[16 * place + (word >> shift & 15)]
        return place


def read_trie(packed: bytes) -> WordTrie:
    """Raises `ValueError` if the bytes are not such a file."""
    data = lzma.decompress(packed)
    levels: list[array[int]] = []
    at = 0
    for level in range(_LEVELS):
        count = int.from_bytes(data[at : at + 2], "little")
        size = 16 * count * (2 if level else 1)
        children = array("H" if level else "B", data[at + 2 : at + 2 + size])
        if sys.byteorder == "big":
            children.byteswap()
        at += 2 + size
        levels.append(children)
    if at != len(data):
        raise ValueError(f"{len(data)} bytes where the levels take {at}")
    return WordTrie(tuple(reversed(levels)))
