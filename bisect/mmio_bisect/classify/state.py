"""The data flow's memory of one moment: what registers and tracked memory hold, and what each operation makes of it."""

from dataclasses import dataclass, field
from functools import reduce
from typing import TypeVar

from mmio_bisect.classify.operations import Choose, Compute, InsertBits, Opaque, Sum, Term, Touch
from mmio_bisect.classify.values import (
    ANYTHING,
    Algebra,
    Linear,
    Origin,
    Tainted,
    Value,
    from_origins,
    number,
    pointer_to,
)
from mmio_bisect.domain.recipe import Direction

Place = tuple[frozenset[tuple[Origin, int]], int]
"""A memory address that is known up to the origins it is relative to: terms and constant."""

POINTER_BYTES = 8

_SMALL = 127
"""The largest number that is the same however few of its bits are taken, signed or not."""

Key = TypeVar("Key")


@dataclass(slots=True)
class State:
    """Registers and pointer-sized words of memory; what is not listed holds `ANYTHING`.

    Stores through one origin are taken not to change words reached through another: the device's base in `dev->base`
    stays what it is, as the recipe's `holds` says.
    """

    algebra: Algebra
    registers: dict[str, Value] = field(default_factory=dict)
    memory: dict[Place, Value] = field(default_factory=dict)

    def copy(self) -> "State":
        return State(self.algebra, dict(self.registers), dict(self.memory))

    def get(self, register: str) -> Value:
        if register == "xzr":
            return number(0)
        return self.registers.get(register, ANYTHING)

    def set(self, register: str, value: Value) -> None:
        if value == ANYTHING:
            self.registers.pop(register, None)
        else:
            self.registers[register] = value

    def drop_dead_stack(self) -> None:
        """What lies below the stack pointer is gone: AAPCS64 has no red zone."""
        place = _place(self.get("sp"), 0)
        if place is not None:
            for known in [known for known in self.memory if known[0] == place[0] and known[1] < place[1]]:
                del self.memory[known]

    def hand_over(self, pointer: Linear) -> list[Value]:
        """The tracked words that whoever gets the pointer can reach.

        What they hold may be a different number afterwards.
        """
        reached = [known for known in self.memory if _may_reach(pointer, known)]
        held = [self.memory[known] for known in reached]
        for known, value in zip(reached, held, strict=True):
            if isinstance(value, Linear) and not value.terms and not self.algebra.derived(value):
                del self.memory[known]
        return held

    def evaluate(self, total: Sum) -> Value:
        parts = [self._part(term) for term in total.terms]
        if total.symbol is not None:
            parts.append(pointer_to(Origin(f"&{total.symbol}")))
        if not parts:
            return number(total.constant)
        return self.algebra.shift(reduce(self.algebra.add, parts), total.constant)

    def _part(self, term: Term) -> Value:
        held = self.get(term.register)
        if not term.narrow:
            return self.algebra.scale(held, term.factor)
        narrowed = self.algebra.narrow(held)
        if isinstance(narrowed, Linear) and narrowed.constant is not None and narrowed.constant > _SMALL:
            return ANYTHING  # which of its bits take part, and whether as a signed number, is not told
        return self.algebra.scale(narrowed, term.factor)

    def absorb(self, other: "State") -> bool:
        """Join `other` into this state; whether anything changed."""
        changed = _absorb(self.registers, other.registers, self.algebra)
        return _absorb(self.memory, other.memory, self.algebra) or changed

    def apply(self, operation: Compute | InsertBits | Choose | Opaque) -> None:
        match operation:
            case Compute(target=target, value=total, narrow=narrow):
                value = self.evaluate(total)
                self.set(target, self.algebra.narrow(value) if narrow else value)
            case InsertBits(target=target):
                self.set(target, self._insert(operation))
            case Choose(target=target, sources=sources):
                value = self.get(sources[0])
                for source in sources[1:]:
                    value = self.algebra.join(value, self.get(source))
                self.set(target, value)
            case Opaque(reads=reads, writes=writes):
                tainted = any(self.algebra.derived(self.get(register)) for register in reads)
                made: Value = Tainted("computed from a pointer into the window")
                if not tainted:
                    made = from_origins(*(held for held in map(self.get, reads) if isinstance(held, Linear)))
                for register in writes - {"nzcv"}:
                    self.set(register, made)

    def _insert(self, operation: InsertBits) -> Value:
        held = self.get(operation.target)
        if isinstance(held, Linear) and not held.terms and held.constant is not None:
            mask = ((1 << operation.width) - 1) << operation.shift
            return number((held.constant & ~mask) | operation.bits << operation.shift)
        return Tainted("parts of a pointer into the window") if self.algebra.derived(held) else ANYTHING

    def touch(self, operation: Touch, address: Value) -> str | None:
        """The effects of a memory access on registers and tracked memory.

        Returns why a pointer into the window was lost from sight, None if none was.
        """
        width = (operation.transfer.element_width or 0) // 8
        lost, fetched = None, self._fetched_aside(operation, address)
        if self.algebra.derived(fetched):
            lost = "a pointer into the window is loaded in a way that is not followed"
        for index, register in enumerate(operation.stores):
            lost = self._store(address, index * width, width, self.get(register), operation) or lost
        loaded = [self._load(address, index * width, width, operation) for index in range(len(operation.loads))]
        if operation.writeback is not None:
            register, total = operation.writeback
            self.set(register, self.evaluate(total))
        for register in operation.clobbers:
            self.set(register, fetched)
        for register, value in zip(operation.loads, loaded, strict=True):
            self.set(register, value)
        return lost

    def _fetched_aside(self, operation: Touch, address: Value) -> Value:
        """What an access loads into registers that it does not list: atomic, exclusive and structure loads."""
        if operation.loads or Direction.LOAD not in operation.transfer.directions:
            return ANYTHING
        return self._load_from_somewhere(address)

    def _store(self, address: Value, offset: int, width: int, value: Value, operation: Touch) -> str | None:
        place = _place(address, offset)
        self._forget(address, place, width, value if operation.whole else ANYTHING)
        if place is not None and operation.whole:
            if value != ANYTHING:
                self.memory[place] = value
        elif self.algebra.derived(value):
            return "a pointer into the window, or something computed from one, is stored where it is not followed"
        return None

    def forget(self, address: Value, width: int | None) -> None:
        """`width` bytes (None: not known how many) are overwritten with what is not followed."""
        self._forget(address, None if width is None else _place(address, 0), width or 0, ANYTHING)

    def copy_words(self, target: Value, source: Value, width: int | None) -> str | None:
        """What a copy of `width` bytes (None: not known) does to tracked memory; the result is as that of `touch`."""
        start, to = _place(source, 0), _place(target, 0)
        if start is None or width is None:
            near = {}
            lost = self.algebra.derived(self._load_from_somewhere(source))
        else:
            near = {known[1] - start[1]: held for known, held in self.memory.items() if _overlap(known, start, width)}
            lost = to is None and any(map(self.algebra.derived, near.values()))
        self.forget(target, width)
        for offset, held in near.items():
            if to is not None and 0 <= offset <= (width or 0) - POINTER_BYTES:
                self.memory[to[0], to[1] + offset] = held
            elif self.algebra.derived(held):
                lost = True
        return "a pointer into the window is copied to where it is not followed" if lost else None

    def _forget(self, address: Value, place: Place | None, width: int, value: Value) -> None:
        """Words that a store overwrites, or may overwrite, no longer hold what they held."""
        if isinstance(address, Tainted):
            return
        for known in [known for known in self.memory if _may_reach(address, known)]:
            if place is None:
                if self.algebra.derived(self.memory[known]):
                    self.memory[known] = Tainted("a word that a store at an unknown offset may have changed")
                else:
                    self.memory[known] = self.algebra.join(self.memory[known], value)
            elif _overlap(known, place, width):
                del self.memory[known]

    def _load(self, address: Value, offset: int, width: int, operation: Touch) -> Value:
        place = _place(address, offset)
        if place is None:
            return self._load_from_somewhere(address)
        if operation.whole and place in self.memory:
            return self.memory[place]
        parts = (self.memory[known] for known in self.memory if _overlap(known, place, width))
        if any(self.algebra.derived(part) for part in parts):
            return Tainted("part of a word that holds a pointer into the window")
        return ANYTHING

    def _load_from_somewhere(self, address: Value) -> Value:
        reached = [] if isinstance(address, Tainted) else [v for k, v in self.memory.items() if _may_reach(address, k)]
        if any(self.algebra.derived(value) for value in reached):
            return Tainted("loaded at an unknown offset beside a pointer into the window")
        return from_origins(*(value for value in reached if isinstance(value, Linear)))


def _may_reach(address: Linear, known: Place) -> bool:
    """Whether the address may be the word's; a scaled index is no way to the memory that its origin points to."""
    origins = {origin for origin, factor in address.terms if factor == 1}
    return any(origin in origins for origin, _ in known[0])


def _overlap(word: Place, place: Place, width: int) -> bool:
    """Whether `width` bytes at `place` touch the pointer-sized word at `word`."""
    return word[0] == place[0] and place[1] - POINTER_BYTES < word[1] < place[1] + width


def _place(address: Value, offset: int) -> Place | None:
    if isinstance(address, Tainted) or address.constant is None or len(address.terms) != 1:
        return None
    ((origin, factor),) = address.terms
    if origin.window or factor != 1:
        return None
    return address.terms, address.constant + offset


def _absorb(mine: dict[Key, Value], theirs: dict[Key, Value], algebra: Algebra) -> bool:
    changed = False
    for key in {*mine, *theirs}:
        before = mine.get(key, ANYTHING)
        after = algebra.join(before, theirs.get(key, ANYTHING))
        if after != before:
            changed = True
            if after == ANYTHING:
                mine.pop(key, None)
            else:
                mine[key] = after
    return changed
