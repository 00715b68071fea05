"""Pointer-sized words of memory that the data flow keeps track of, found by the address that they lie at.

An address is known up to the origins that it is relative to; the words of one set of origins are kept together, so
that a function with thousands of spills costs no more an access than one with three.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.values import ANYTHING, Algebra, Linear, Origin, Tainted, Value

Base = frozenset[tuple[Origin, int]]
Place = tuple[Base, int]
"""A memory address that is known up to the origins it is relative to: terms and constant."""


@dataclass(slots=True)
class Memory:
    """What is not listed holds what the object put there (`statics`), or `ANYTHING`. `word` is in bytes.

    What the object put into memory that can be written is taken to be there until this code writes it, as the recipe's
    `holds` is.
    """

    word: int
    statics: ImageData
    _words: dict[Base, dict[int, Value]] = field(default_factory=dict)
    _shared: set[Base] = field(default_factory=set)

    def copy(self) -> "Memory":
        """The words are shared until either writes."""
        self._shared.update(self._words)
        return Memory(self.word, self.statics, dict(self._words), set(self._words))

    def get(self, place: Place) -> Value:
        held = self._words.get(place[0], {}).get(place[1])
        return self._initial(place) if held is None else held

    def set(self, place: Place, value: Value) -> None:
        if value == self._initial(place):
            if place[1] in self._words.get(place[0], {}):
                del self._own(place[0])[place[1]]
        else:
            self._own(place[0])[place[1]] = value

    def near(self, place: Place, width: int) -> dict[int, Value]:
        """The tracked words that `width` bytes at `place` touch, by their offset."""
        words = self._words.get(place[0])
        low, high = place[1] - self.word + 1, place[1] + width
        initial = self._initially_near(place, width)
        if not words:
            return initial
        if high - low < len(words):
            found = {offset: words[offset] for offset in range(low, high) if offset in words}
        else:
            found = {offset: held for offset, held in words.items() if low <= offset < high}
        return initial | found

    def overwrite(self, place: Place, width: int) -> None:
        """Nothing is known any more of the words that these bytes touch."""
        for offset in self.near(place, width):
            self.set((place[0], offset), ANYTHING)

    def reached(self, pointer: Linear) -> list[tuple[Place, Value]]:
        """The tracked words that whoever has the pointer may reach; a scaled index leads to no origin's memory."""
        origins = {_region(origin) for origin, factor in pointer.terms if factor == 1}
        return [
            ((base, offset), held)
            for base, words in self._words.items()
            if any(_region(origin) in origins for origin, _ in base)
            for offset, held in words.items()
        ]

    def drop_below(self, place: Place) -> None:
        words = self._words.get(place[0], {})
        dead = [offset for offset in words if offset < place[1]]
        if dead:
            own = self._own(place[0])
            for offset in dead:
                del own[offset]

    def absorb(self, other: "Memory", algebra: Algebra) -> bool:
        """Join; whether anything changed."""
        changed = False
        others = other._words  # noqa: SLF001  of the same class
        for base in {*self._words, *others}:
            mine, theirs = self._words.get(base, {}), others.get(base, {})
            if mine is theirs:
                continue
            for offset in {*mine, *theirs}:
                place = (base, offset)
                before = self.get(place)
                after = algebra.join(before, other.get(place))
                if after != before:
                    changed = True
                    self.set(place, after)
        return changed

    def __iter__(self) -> Iterator[tuple[Place, Value]]:
        return (((base, offset), held) for base, words in self._words.items() for offset, held in words.items())

    def _own(self, base: Base) -> dict[int, Value]:
        if base in self._shared or base not in self._words:
            self._words[base] = dict(self._words.get(base, {}))
            self._shared.discard(base)
        return self._words[base]

    def _initial(self, place: Place) -> Value:
        if len(place[0]) != 1:
            return ANYTHING
        ((origin, factor),) = place[0]
        if factor != 1:
            return ANYTHING
        if origin.slot is not None and place[1] == 0:
            return origin.slot
        known = None if origin.section is None else self.statics.word(origin.section, place[1])
        return ANYTHING if known is None else known

    def _initially_near(self, place: Place, width: int) -> dict[int, Value]:
        if len(place[0]) != 1 or next(iter(place[0]))[0].section is None:
            return {}
        offsets: Iterable[int] = range(place[1] - self.word + 1, place[1] + min(width, 4096))
        found = {offset: self._initial((place[0], offset)) for offset in offsets if offset % self.word == 0}
        return {offset: held for offset, held in found.items() if held != ANYTHING}


def _region(origin: Origin) -> Origin | int:
    """What two origins have in common that may lead to the same memory."""
    return origin if origin.section is None else origin.section


def place_of(address: Value, offset: int) -> Place | None:
    """Where in memory an address is; None if that is not known, or in the window."""
    if isinstance(address, Tainted) or address.constant is None or len(address.terms) != 1:
        return None
    ((origin, factor),) = address.terms
    if origin.window or factor != 1:
        return None
    return address.terms, address.constant + offset
