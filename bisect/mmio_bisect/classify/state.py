"""The data flow's memory of one moment: what registers and tracked memory hold, and what each operation makes of it."""

from dataclasses import dataclass, field
from functools import reduce
from typing import TypeVar

from mmio_bisect.classify.operations import Choose, Compute, InsertBits, Opaque, Sum, Term, Touch
from mmio_bisect.classify.values import ANYTHING, Algebra, Linear, Origin, Tainted, Value, number, pointer_to

Place = tuple[frozenset[tuple[Origin, int]], int]
"""A memory address that is known up to the origins it is relative to: terms and constant."""

POINTER_BYTES = 8

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

    def evaluate(self, total: Sum) -> Value:
        parts = [self._part(term) for term in total.terms]
        if total.symbol is not None:
            parts.append(pointer_to(Origin(f"&{total.symbol}")))
        if not parts:
            return number(total.constant)
        return self.algebra.shift(reduce(self.algebra.add, parts), total.constant)

    def _part(self, term: Term) -> Value:
        held = self.get(term.register)
        return self.algebra.scale(self.algebra.narrow(held) if term.narrow else held, term.factor)

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
                made: Value = Tainted("computed from a pointer into the window") if tainted else ANYTHING
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
        lost = None
        for index, register in enumerate(operation.stores):
            lost = self._store(address, index * width, width, self.get(register), operation) or lost
        loaded = [self._load(address, index * width, width, operation) for index in range(len(operation.loads))]
        if operation.writeback is not None:
            register, total = operation.writeback
            self.set(register, self.evaluate(total))
        for register in operation.clobbers:
            self.set(register, ANYTHING)
        for register, value in zip(operation.loads, loaded, strict=True):
            self.set(register, value)
        return lost

    def _store(self, address: Value, offset: int, width: int, value: Value, operation: Touch) -> str | None:
        place = _place(address, offset)
        self._forget(address, place, width)
        if place is not None and operation.whole:
            if value != ANYTHING:
                self.memory[place] = value
        elif self.algebra.derived(value):
            return "a pointer into the window, or something computed from one, is stored where it is not followed"
        return None

    def _forget(self, address: Value, place: Place | None, width: int) -> None:
        """Words that a store overwrites, or may overwrite, no longer hold what they held."""
        if isinstance(address, Tainted):
            return
        for known in [known for known in self.memory if known[0] == address.terms]:
            if place is None:
                derived = self.algebra.derived(self.memory.pop(known))
                if derived:
                    self.memory[known] = Tainted("a word that a store at an unknown offset may have changed")
            elif _overlap(known, place, width):
                del self.memory[known]

    def _load(self, address: Value, offset: int, width: int, operation: Touch) -> Value:
        place = _place(address, offset)
        if place is None:
            return self._load_from_somewhere(address)
        if operation.whole:
            return self.memory.get(place, ANYTHING)
        parts = (self.memory[known] for known in self.memory if _overlap(known, place, width))
        if any(self.algebra.derived(part) for part in parts):
            return Tainted("part of a word that holds a pointer into the window")
        return ANYTHING

    def _load_from_somewhere(self, address: Value) -> Value:
        if isinstance(address, Linear) and any(
            known[0] == address.terms and self.algebra.derived(value) for known, value in self.memory.items()
        ):
            return Tainted("loaded at an unknown offset beside a pointer into the window")
        return ANYTHING


def _overlap(word: Place, place: Place, width: int) -> bool:
    """Whether `width` bytes at `place` touch the pointer-sized word at `word`."""
    return word[0] == place[0] and place[1] - POINTER_BYTES < word[1] < place[1] + width


def _place(address: Value, offset: int) -> Place | None:
    if isinstance(address, Tainted) or address.constant is None or not address.terms:
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
