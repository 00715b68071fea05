"""Pointer-sized words of memory that the data flow keeps track of, found by the address that they lie at.

An address is known up to the origins that it is relative to; the words of one set of origins are kept together, so
that a function with thousands of spills costs no more an access than one with three.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mmio_bisect.classify.dataflow.numbers import Base, Numbers, Place
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.algebra import Algebra, is_memory
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    Linear,
    Origin,
    Value,
    is_address,
)

Region = Origin | int
"""What two origins have in common that may lead to the same memory: a section of the object, or the origin itself."""


_FOLDED = 64
"""So many bytes before an array's begin code may count from, with the rest added to the index."""


@dataclass(slots=True)
class Memory:
    """What is not listed holds what the object put there (`statics`), or `ANYTHING`. `word` is in bytes.

    What the object put into memory that can be written is taken to be there until this code writes it, as the recipe's
    `holds` is. `numbers` are there beside the words. `_anywhere` is what stores at unknown offsets may have put into
    any word of a region that is not listed; in `_disturbed` ones they may have changed numbers.
    """

    algebra: Algebra
    word: int
    statics: ImageData
    numbers: Numbers = field(default_factory=Numbers)
    _words: dict[Base, dict[int, Value]] = field(default_factory=dict)
    _shared: set[Base] = field(default_factory=set)
    _anywhere: dict[Region, Value] = field(default_factory=dict)
    _disturbed: set[Region] = field(default_factory=set)

    def copy(self) -> "Memory":
        """The words are shared until either writes."""
        self._shared.update(self._words)
        return Memory(
            self.algebra,
            self.word,
            self.statics,
            self.numbers.copy(),
            dict(self._words),
            set(self._words),
            dict(self._anywhere),
            set(self._disturbed),
        )

    def get(self, place: Place) -> Value:
        held = self._words.get(place[0], {}).get(place[1])
        if held is not None:
            return held
        initial, region = self._initial(place), _region_of(place)
        if region in self._disturbed and isinstance(initial, Linear) and not self._is_pointer(initial):
            initial = ANYTHING
        anywhere = None if region is None else self._anywhere.get(region)
        return initial if anywhere is None else self.algebra.join(initial, anywhere)

    def set(self, place: Place, value: Value) -> None:
        self.numbers.forget(place, self.word)
        region = _region_of(place)
        if value == self._initial(place) and region not in self._anywhere and region not in self._disturbed:
            if place[1] in self._words.get(place[0], {}):
                del self._own(place[0])[place[1]]
        else:
            self._own(place[0])[place[1]] = value

    def near(self, place: Place, width: int) -> dict[int, Value]:
        """The tracked words that `width` bytes at `place` touch, by their offset."""
        if not width:
            return {}
        words = self._words.get(place[0], {})
        low, high = place[1] - self.word + 1, place[1] + width
        if high - low < len(words):
            listed = {offset: words[offset] for offset in range(low, high) if offset in words}
        else:
            listed = {offset: held for offset, held in words.items() if low <= offset < high}
        return self._unlisted_near(place, width) | listed

    def overwrite(self, place: Place, width: int) -> None:
        """Nothing is known any more of the words that these bytes touch."""
        self.numbers.forget(place, width)
        for offset in self.near(place, width):
            self.set((place[0], offset), ANYTHING)

    def smear(self, pointer: Linear, value: Value) -> None:
        """Store the value into some word of the memory that the pointer leads to."""
        for place, held in self.reached(pointer, stores=True):
            self.set(place, self.algebra.join(held, value))
        self.forget_numbers(pointer)
        for origin, factor in pointer.terms:
            if factor == 1 and not origin.window:
                known = self._anywhere.get(_region(origin))
                self._anywhere[_region(origin)] = value if known is None else self.algebra.join(known, value)

    def disturb(self, pointer: Linear) -> None:
        """Numbers that are not listed may have been changed."""
        self.forget_numbers(pointer)
        self._disturbed.update(_region(origin) for origin, factor in pointer.terms if factor == 1 and not origin.window)

    def forget_numbers(self, pointer: Linear) -> None:
        """Those of less than a word that whoever has the pointer may change."""
        regions = {_region(origin) for origin, factor in pointer.terms if factor == 1}
        self.numbers.forget_where(lambda origin: _region(origin) in regions)

    def somewhere(self, pointer: Linear) -> list[Value]:
        """What may be loaded from the memory that the pointer leads to, as far as that is known."""
        words = [word for origin, factor in pointer.terms if factor == 1 for word in self.statics.words(origin)]
        initial = [word for word in words if self._is_pointer(word)]
        return [*(held for _, held in self.reached(pointer)), *self.smeared(pointer), *initial]

    def holds_pointers_alone(self, pointer: Linear) -> bool:
        """Whether each word that may be loaded from there points into the window."""
        places = [origin for origin, factor in pointer.terms if factor == 1 and is_memory(origin)]
        if len(places) != 1 or self.reached(pointer) or self.smeared(pointer):
            return False
        words = self.statics.words(places[0])
        return bool(words) and all(map(self.algebra.derived, words))

    def _is_pointer(self, value: Linear) -> bool:
        """Into the window or the object's data."""
        return self.algebra.derived(value) or (is_address(value) and not self.statics.is_code(value))

    def smeared(self, pointer: Linear) -> list[Value]:
        """What stores at unknown offsets may have put where the pointer leads."""
        regions = [_region(origin) for origin, factor in pointer.terms if factor == 1]
        return [self._anywhere[region] for region in regions if region in self._anywhere]

    def reached(self, pointer: Linear, *, stores: bool = False) -> list[tuple[Place, Value]]:
        """The tracked words that whoever has the pointer may reach; a scaled index leads to no origin's memory.

        What `stores` at an index changes lies about where the array begins, or beyond.
        """
        found = []
        for origin, factor in pointer.terms:
            if factor != 1:
                continue
            region = _region(origin)
            first = origin.start + origin.moved - _FOLDED if stores and origin.start is not None else None
            found += [
                ((base, offset), held)
                for base, words in self._words.items()
                if any(_region(other) == region for other, _ in base)
                for offset, held in words.items()
                if first is None or offset > first - self.word
            ]
        return found

    def drop_below(self, place: Place) -> None:
        self.numbers.forget_below(place)
        words = self._words.get(place[0], {})
        dead = [offset for offset in words if offset < place[1]]
        if dead:
            own = self._own(place[0])
            for offset in dead:
                del own[offset]

    def absorb(self, other: "Memory") -> bool:
        """Join; whether anything changed."""
        changed = self.numbers.absorb(other.numbers)
        others = other._words  # noqa: SLF001  of the same class
        for base in {*self._words, *others}:
            mine, theirs = self._words.get(base, {}), others.get(base, {})
            if mine is theirs:
                continue
            for offset in {*mine, *theirs}:
                place = (base, offset)
                before = self.get(place)
                after = self.algebra.join(before, other.get(place))
                if after != before:
                    changed = True
                    self.set(place, after)
        for region, value in other._anywhere.items():  # noqa: SLF001  of the same class
            known = self._anywhere.get(region)
            joined = value if known is None else self.algebra.join(known, value)
            if joined != known:
                changed = True
                self._anywhere[region] = joined
        if not other._disturbed <= self._disturbed:  # noqa: SLF001  of the same class
            changed = True
            self._disturbed |= other._disturbed  # noqa: SLF001  of the same class
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

    def _unlisted_near(self, place: Place, width: int) -> dict[int, Value]:
        """What the object or a store at an unknown offset put there."""
        section = len(place[0]) == 1 and next(iter(place[0]))[0].section is not None
        if not section and _region_of(place) not in self._anywhere:
            return {}
        offsets: Iterable[int] = range(place[1] - self.word + 1, place[1] + min(width, 4096))
        words = self._words.get(place[0], {})
        unlisted = [offset for offset in offsets if offset % self.word == 0 and offset not in words]
        found = {offset: self.get((place[0], offset)) for offset in unlisted}
        return {offset: held for offset, held in found.items() if held != ANYTHING}


def _region(origin: Origin) -> Region:
    if origin.section is not None:
        return origin.section
    return origin.whole or origin


def _region_of(place: Place) -> Region | None:
    return _region(next(iter(place[0]))[0]) if len(place[0]) == 1 else None


def place_of(address: Value, offset: int) -> Place | None:
    """Where in memory an address is; None if that is not known, or in the window."""
    if not isinstance(address, Linear) or address.constant is None or len(address.terms) != 1:
        return None
    ((origin, factor),) = address.terms
    if origin.window or factor != 1:
        return None
    return address.terms, address.constant + offset
