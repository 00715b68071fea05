"""Whether code that was seen to do nothing to the window may reach it by a pointer of which nothing is known.

`holds(8)` is the second word on a 64-bit target and the third on a 32-bit one; and a variable that is set at run time
may hold the window's address: where the recipe names another word, or none, such an access is to an unknown address.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mmio_bisect.classify.dataflow.findings import Escape
from mmio_bisect.classify.dataflow.memory import place_of
from mmio_bisect.classify.dataflow.numbers import Place
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.values import ANYTHING, Linear, Value

_NOTHING_THERE = 4096
"""The lowest addresses are nobody's: a variable that is zero in the object holds something else when it is used."""


def is_unknown(address: Value) -> bool:
    """Of an address outside the window: whether it may be any."""
    if not isinstance(address, Linear) or address.terms:
        return False
    return address == ANYTHING or (address.constant is not None and 0 <= address.constant < _NOTHING_THERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """What leads to the window when a function is entered: arguments, and words of memory."""

    direct: bool
    words: frozenset[Place]

    @classmethod
    def of(cls, entry: State) -> "Leads":
        stack = place_of(entry.get(entry.stack_pointer), 0)
        places = [place for place, held in entry.memory if entry.algebra.derived(held)]
        words = frozenset(place for place in places if stack is None or place[0] != stack[0])
        passed = len(words) < len(places) or any(map(entry.algebra.derived, entry.registers.values()))
        return cls(direct=passed, words=words)

    def unread(self, read: Collection[Place], blind: Sequence[Escape]) -> list[Escape]:
        """Why a function without an access may have one all the same; `blind` are accesses to unknown addresses."""
        if self.direct or not blind or not self.words.isdisjoint(read):
            return []
        why = "an access to an address of which nothing is known, and nothing else leads to the window"
        hint = "a variable may hold it, which `static=` names"
        if self.words:
            ((origin, _), *_), offset = min(self.words, key=str)
            why = f"an access to an address of which nothing is known, where the word at {offset:+} of {origin.name}"
            hint = "is not read: `holds` or `static` may mean another one"
            return [Escape(code=blind[0].code, instruction=blind[0].instruction, why=f"{why} {hint}")]
        return [Escape(code=blind[0].code, instruction=blind[0].instruction, why=f"{why}: {hint}")]
