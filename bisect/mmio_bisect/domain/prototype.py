"""What a declaration says of how a function is called: the compiler passes these arguments and no more."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Prototype:
    """`parameters` are the sizes of integers and pointers, in bits; None: that of a pointer.

    Only of functions that take a fixed number of these, and return such a one or nothing: then the calling convention
    tells where each argument is, and that nothing else is handed over.
    """

    symbol: str
    parameters: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ("word" if bits is None else str(bits) for bits in self.parameters)
        return f"{self.symbol}({','.join(sizes)})"


Declared = tuple[str, Prototype | None]
"""A function that is declared, and how; None where that is not certain."""


def without_conflicts(declared: Iterable[Declared]) -> tuple[Prototype, ...]:
    """One of each symbol; of a symbol that is declared in two ways, or not certainly, nothing is known."""
    found: dict[str, set[Prototype | None]] = {}
    for symbol, prototype in declared:
        found.setdefault(symbol, set()).add(prototype)
    return tuple(one for same in found.values() if len(same) == 1 for one in same if one is not None)
