"""Bit patterns written as the architecture manuals draw them, and matched fast.

A pattern is the encoding from the most significant bit down: `0` and `1` are fixed, `.` is any bit, a letter names a
field (all bits of one letter, which must be adjacent). Spaces are for the eye.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """A word matches if `word & mask == value`."""

    mask: int
    value: int
    fields: Mapping[str, tuple[int, int]]

    def matches(self, word: int) -> bool:
        return word & self.mask == self.value

    def read(self, word: int) -> dict[str, int]:
        """Every field's value, by its letter."""
        return {name: (word >> shift) & ((1 << width) - 1) for name, (shift, width) in self.fields.items()}


def pattern(text: str, width: int = 32) -> Pattern:
    """Raises `ValueError` if the text is not `width` bits or a field is torn."""
    bits = text.replace(" ", "")
    if len(bits) != width:
        raise ValueError(f"{text!r} has {len(bits)} bits, not {width}")
    mask = value = 0
    fields: dict[str, tuple[int, int]] = {}
    for index, bit in enumerate(bits):
        shift = width - 1 - index
        if bit in "01":
            mask |= 1 << shift
            value |= int(bit) << shift
        elif bit != ".":
            low, size = fields.get(bit, (shift + 1, 0))
            if low != shift + 1:
                raise ValueError(f"field {bit!r} of {text!r} is torn")
            fields[bit] = (shift, size + 1)
    return Pattern(mask, value, fields)


def signed(value: int, width: int) -> int:
    """The two's complement reading of the lowest `width` bits."""
    half = 1 << (width - 1)
    return ((value + half) & (2 * half - 1)) - half
