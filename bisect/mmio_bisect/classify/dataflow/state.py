"""The data flow's memory of one moment: what registers and tracked memory hold, and what each operation makes of it."""

from dataclasses import dataclass, field
from functools import reduce

from mmio_bisect.classify.dataflow.memory import Memory, Place, place_of
from mmio_bisect.classify.machine.operations import (
    ZERO,
    Bitwise,
    Choose,
    Compute,
    InsertBits,
    Opaque,
    Sum,
    Symbol,
    Term,
    Touch,
)
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    NULL,
    Algebra,
    Linear,
    Origin,
    Tainted,
    Value,
    from_origins,
    pointer_to,
    section_origin,
    table_entry,
)
from mmio_bisect.domain.access import Form
from mmio_bisect.domain.recipe import Direction

FLAGS = frozenset({"nzcv", "rflags", "cpsr"})
"""Condition flags: what they tell of a pointer does not lead back to it."""

_NO_DATA = frozenset({Form.TAG, Form.CACHE})

_NO_DISPLACEMENT = 1 << 16
"""A constant beside an index that is not a distance any more but an address: x86 spells it out in the instruction."""

_SMALL = 127
"""The largest number that is the same however few of its bits are taken, signed or not."""


@dataclass(slots=True)
class State:
    """Registers and pointer-sized words of memory; a register that is not listed holds `ANYTHING`.

    Stores through one origin are taken not to change words reached through another: the device's base in `dev->base`
    stays what it is, as the recipe's `holds` says. `stack_pointer` is that register's name.
    """

    algebra: Algebra
    stack_pointer: str
    memory: Memory
    registers: dict[str, Value] = field(default_factory=dict)

    def copy(self) -> "State":
        return State(self.algebra, self.stack_pointer, self.memory.copy(), dict(self.registers))

    def get(self, register: str) -> Value:
        if register == ZERO:
            return NULL
        return self.registers.get(register, ANYTHING)

    def set(self, register: str, value: Value) -> None:
        if value == ANYTHING:
            self.registers.pop(register, None)
        else:
            self.registers[register] = value

    def drop_dead_stack(self) -> None:
        """What lies below the stack pointer is gone when a function has returned, red zone or not."""
        place = place_of(self.get(self.stack_pointer), 0)
        if place is not None:
            self.memory.drop_below(place)

    def hand_over(self, pointer: Linear) -> list[Value]:
        """The tracked words that whoever gets the pointer can reach.

        What they hold may be a different number afterwards.
        """
        reached = self.memory.reached(pointer)
        for place, value in reached:
            if isinstance(value, Linear) and not value.terms and not self.algebra.derived(value):
                self.memory.set(place, ANYTHING)
        return [value for _, value in reached]

    def evaluate(self, total: Sum) -> Value:
        parts = [self._part(term) for term in total.terms]
        if total.symbol is not None:
            parts.append(_address_of(total.symbol))
        if total.less is not None:
            parts.append(self.algebra.scale(_address_of(total.less), -1))
        exact = [part for part in parts if isinstance(part, Tainted) or part.constant is not None]
        vague: list[Value] = [part for part in parts if isinstance(part, Linear) and part.constant is None]
        if exact:
            # The constant belongs to the address of a table, whatever index is added to both.
            first, *rest = sorted(exact, key=_is_static, reverse=True)
            return reduce(self.algebra.add, [*rest, *vague], self.algebra.shift(first, total.constant))
        if not vague or abs(total.constant) >= _NO_DISPLACEMENT:
            vague.insert(0, self.algebra.number(total.constant))
        return reduce(self.algebra.add, vague)

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
        changed = False
        for name in {*self.registers, *other.registers}:
            before = self.get(name)
            after = self.algebra.join(before, other.get(name))
            if after != before:
                changed = True
                self.set(name, after)
        return self.memory.absorb(other.memory, self.algebra) or changed

    def apply(self, operation: Compute | Bitwise | InsertBits | Choose | Opaque) -> None:
        match operation:
            case Compute(target=target, value=total, narrow=narrow, signs=signs):
                value = self.evaluate(total)
                self.set(target, self.algebra.narrow(value, signs=signs) if narrow else value)
            case Bitwise():
                self._bitwise(operation)
            case InsertBits(target=target):
                self.set(target, self._insert(operation))
            case Choose(target=target, sources=sources):
                value = self.get(sources[0])
                for source in sources[1:]:
                    value = self.algebra.join(value, self.get(source))
                self.set(target, value)
            case Opaque(reads=reads, writes=writes):
                made = self._mixed(reads)
                for register in writes - FLAGS:
                    self.set(register, made)

    def _mixed(self, reads: frozenset[str]) -> Value:
        if any(self.algebra.derived(self.get(register)) for register in reads):
            return Tainted("computed from a pointer into the window")
        return from_origins(*(held for held in map(self.get, reads) if isinstance(held, Linear)))

    def _bitwise(self, operation: Bitwise) -> None:
        """Exact on constants; an ordinary pointer that is aligned down points to memory of its own (a stack frame)."""
        left = self.evaluate(operation.left)
        right = self.evaluate(operation.right)
        value: Value = ANYTHING
        if _is_number(left) and _is_number(right):
            value = self.algebra.number(operation.on(_constant(left), _constant(right)))
            value = self.algebra.narrow(value) if operation.narrow else value
        elif (aligned := self._aligned(operation, left, right)) is not None:
            value = aligned
        else:
            value = self._mixed(operation.reads)
        self.set(operation.target, value)

    def _aligned(self, operation: Bitwise, left: Value, right: Value) -> Value | None:
        place = place_of(left, 0)
        if operation.kind != "and" or place is None or not _is_number(right):
            return None
        mask = _constant(right)
        if mask >= 0 or -mask & (-mask - 1):
            return None
        ((origin, _),) = place[0]
        return pointer_to(Origin(f"{origin.name}{place[1]:+d} aligned to {-mask}"))

    def _insert(self, operation: InsertBits) -> Value:
        held = self.get(operation.target)
        if isinstance(held, Linear) and not held.terms and held.constant is not None:
            mask = ((1 << operation.width) - 1) << operation.shift
            return self.algebra.number((held.constant & ~mask) | operation.bits << operation.shift)
        return Tainted("parts of a pointer into the window") if self.algebra.derived(held) else ANYTHING

    def touch(self, operation: Touch, address: Value) -> str | None:
        """The effects of a memory access on registers and tracked memory.

        Returns why a pointer into the window was lost from sight, None if none was.
        """
        width = (operation.transfer.element_width or 0) // 8
        lost, fetched = None, self._fetched_aside(operation, address)
        if self.algebra.derived(fetched):
            lost = "a pointer into the window is loaded in a way that is not followed"
        if operation.stores:
            for index, register in enumerate(operation.stores):
                lost = self._store(address, index * width, width, self.get(register), operation) or lost
        elif Direction.STORE in operation.transfer.directions and operation.transfer.form not in _NO_DATA:
            bytes_written = (operation.transfer.width or 0) // 8
            self.forget(address, bytes_written or None)
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
        place, width = place_of(address, 0), operation.transfer.width
        if place is None or width is None:
            return self._load_from_somewhere(address)
        near = self.memory.near(place, width // 8).values()
        if any(map(self.algebra.derived, near)):
            return Tainted("loaded beside a pointer into the window")
        return from_origins(*(value for value in near if isinstance(value, Linear)))

    def _store(self, address: Value, offset: int, width: int, value: Value, operation: Touch) -> str | None:
        place = place_of(address, offset)
        self._forget(address, place, width, value if operation.whole else ANYTHING)
        if place is not None and operation.whole:
            self.memory.set(place, value)
        elif self.algebra.derived(value):
            return "a pointer into the window, or something computed from one, is stored where it is not followed"
        return None

    def forget(self, address: Value, width: int | None) -> None:
        """`width` bytes (None: not known how many) are overwritten with what is not followed."""
        self._forget(address, None if width is None else place_of(address, 0), width or 0, ANYTHING)

    def copy_words(self, target: Value, source: Value, width: int | None) -> str | None:
        """What a copy of `width` bytes (None: not known) does to tracked memory; the result is as that of `touch`."""
        start, to = place_of(source, 0), place_of(target, 0)
        near: dict[int, Value] = {}
        if start is None or width is None:
            lost = self.algebra.derived(self._load_from_somewhere(source))
        else:
            near = {offset - start[1]: held for offset, held in self.memory.near(start, width).items()}
            lost = to is None and any(map(self.algebra.derived, near.values()))
        self.forget(target, width)
        for offset, held in near.items():
            if to is not None and 0 <= offset <= (width or 0) - self.memory.word:
                self.memory.set((to[0], to[1] + offset), held)
            elif self.algebra.derived(held):
                lost = True
        return "a pointer into the window is copied to where it is not followed" if lost else None

    def _forget(self, address: Value, place: Place | None, width: int, value: Value) -> None:
        """Words that a store overwrites, or may overwrite, no longer hold what they held."""
        if isinstance(address, Tainted):
            return
        if place is not None:
            self.memory.overwrite(place, width)
            return
        for known, held in self.memory.reached(address):
            if self.algebra.derived(held):
                self.memory.set(known, Tainted("a word that a store at an unknown offset may have changed"))
            else:
                self.memory.set(known, self.algebra.join(held, value))

    def _load(self, address: Value, offset: int, width: int, operation: Touch) -> Value:
        place = place_of(address, offset)
        if place is None:
            entry = table_entry(address, width, signs=operation.transfer.sign_extends)
            return self._load_from_somewhere(address) if entry is None else entry
        if operation.whole:
            held = self.memory.get(place)
            if held != ANYTHING:
                return held
        if any(map(self.algebra.derived, self.memory.near(place, width).values())):
            return Tainted("part of a word that holds a pointer into the window")
        return ANYTHING

    def _load_from_somewhere(self, address: Value) -> Value:
        reached = [] if isinstance(address, Tainted) else [held for _, held in self.memory.reached(address)]
        if any(self.algebra.derived(value) for value in reached):
            return Tainted("loaded at an unknown offset beside a pointer into the window")
        return from_origins(*(value for value in reached if isinstance(value, Linear)))


def _address_of(symbol: Symbol | str) -> Linear:
    if isinstance(symbol, str):
        return pointer_to(Origin(f"&{symbol}"))
    if symbol.section is None:
        address = pointer_to(Origin(f"&{symbol.name}"))
    else:
        address = pointer_to(section_origin(symbol.section), symbol.address)
    return pointer_to(Origin(f"slot of {symbol.name}", slot=address)) if symbol.slot else address


def _is_static(value: Value) -> bool:
    """Whether it leads into a section of the object."""
    return isinstance(value, Linear) and any(origin.section is not None for origin, factor in value.terms if factor > 0)


def _is_number(value: Value) -> bool:
    return isinstance(value, Linear) and not value.terms and value.constant is not None


def _constant(value: Value) -> int:
    assert isinstance(value, Linear)  # noqa: S101  asked after `_is_number`
    assert value.constant is not None  # noqa: S101
    return value.constant
