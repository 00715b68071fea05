"""The data flow's memory of one moment: what registers and tracked memory hold, and what each operation makes of it."""

from dataclasses import dataclass, field
from functools import reduce

from mmio_bisect.classify.dataflow.memory import Memory, place_of
from mmio_bisect.classify.dataflow.numbers import Place
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.operations import (
    ZERO,
    Bitwise,
    Choose,
    Compute,
    InsertBits,
    Multiply,
    Opaque,
    Sum,
    Symbol,
    Term,
    is_vector,
)
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    NULL,
    Linear,
    OneOf,
    Origin,
    Part,
    Tainted,
    Value,
    choices_of,
    extended_entry,
    from_origins,
    moved,
    pointer_to,
    section_origin,
)

FLAGS = frozenset({"nzcv", "rflags", "cpsr"})
"""Condition flags: what they tell of a pointer does not lead back to it."""

_NO_DISPLACEMENT = 1 << 16
"""A constant beside an index that is not a distance any more but an address: x86 spells it out in the instruction."""

_LOW_BITS = 1 << 16
"""Bits below this may be set, changed or cleared in a pointer, which points into the window still."""

_SMALL = 127
"""The largest number that is the same however few of its bits are taken, signed or not."""


@dataclass(slots=True)
class State:
    """Registers and pointer-sized words of memory; a register that is not listed holds `ANYTHING`.

    Stores through one origin are taken not to change words reached through another: the device's base in `dev->base`
    stays what it is, as the recipe's `holds` says. `stack_pointer` is that register's name; `unset` are those that pass
    arguments and hold what is left from a call, or nothing.
    """

    algebra: Algebra
    stack_pointer: str
    memory: Memory
    registers: dict[str, Value] = field(default_factory=dict)
    unset: set[str] = field(default_factory=set)

    def copy(self) -> "State":
        return State(self.algebra, self.stack_pointer, self.memory.copy(), dict(self.registers), set(self.unset))

    def get(self, register: str) -> Value:
        if register == ZERO:
            return NULL
        return self.registers.get(register, ANYTHING)

    def set(self, register: str, value: Value) -> None:
        self.unset.discard(register)
        self._hold(register, value)

    def _hold(self, register: str, value: Value) -> None:
        if value == ANYTHING:
            self.registers.pop(register, None)
        else:
            self.registers[register] = value

    def enter(self, *, pushes: int, link: str | None) -> None:
        """What a call does before the callee begins: where it returns to is pushed, or put into a register."""
        self.move_stack(-pushes)
        if link is not None:
            self.set(link, ANYTHING)

    def move_stack(self, distance: int) -> None:
        """By what a call pushes or a return pops."""
        if distance:
            self.set(self.stack_pointer, self.algebra.shift(self.get(self.stack_pointer), distance))

    def drop_dead_stack(self) -> None:
        """What lies below the stack pointer is gone when a function has returned, red zone or not."""
        place = place_of(self.get(self.stack_pointer), 0)
        if place is not None:
            self.memory.drop_below(place)

    def hand_over(self, pointer: Value) -> list[Value]:
        """The tracked words that whoever gets the pointer can reach.

        What they hold may be a different number afterwards.
        """
        reached = [held for choice in choices_of(pointer) for held in self.memory.reached(choice)]
        for place, value in reached:
            if isinstance(value, Linear) and not value.terms and not self.algebra.derived(value):
                self.memory.set(place, ANYTHING)
        for choice in choices_of(pointer):
            self.memory.forget_numbers(choice)
        smeared = [value for choice in choices_of(pointer) for value in self.memory.smeared(choice)]
        return [*(value for _, value in reached), *smeared]

    def evaluate(self, total: Sum, *, loads: bool = False) -> Value:
        """What the sum is; `loads` if it is an address that is used right away."""
        parts = [self._part(term) for term in total.terms]
        if total.symbol is not None:
            parts.append(_address_of(total.symbol))
        if total.less is not None:
            parts.append(self.algebra.scale(_address_of(total.less), -1))
        vague: list[Value] = [part for part in parts if isinstance(part, Linear) and part.constant is None]
        exact = [part for part in parts if part not in vague]
        if exact:
            # The constant belongs to the address of a table, whatever index is added to both.
            first, *rest = sorted(exact, key=_is_static, reverse=True)
            if total.constant and not _is_static(first):
                vague = [moved(part, total.constant, loads=loads) for part in vague]
            return reduce(self.algebra.add, [*rest, *vague], self.algebra.shift(first, total.constant))
        if total.constant:
            vague = [moved(part, total.constant, loads=loads) for part in vague]
        if not vague or abs(total.constant) >= _NO_DISPLACEMENT or self.algebra.may_be_scaled(total.constant):
            vague.insert(0, self.algebra.number(total.constant))
        return reduce(self.algebra.add, vague)

    def _part(self, term: Term) -> Value:
        held = self.get(term.register)
        if not term.narrow:
            return self.algebra.scale(held, term.factor)
        if isinstance(held, OneOf):
            return self.algebra.each(held, lambda one: self._narrowed(one, term))
        return self._narrowed(held, term)

    def _narrowed(self, held: Value, term: Term) -> Value:
        entry = extended_entry(held, term.extends)
        if entry is not None:
            return self.algebra.scale(entry, term.factor)
        narrowed = self.algebra.narrow(held)
        if isinstance(narrowed, Linear) and narrowed.constant is not None and narrowed.constant > _SMALL:
            return ANYTHING  # which of its bits take part, and whether as a signed number, is not told
        return self.algebra.scale(narrowed, term.factor)

    def absorb(self, other: "State") -> bool:
        """Join `other` into this state; whether anything changed."""
        changed = not self.unset <= other.unset
        self.unset &= other.unset
        for name in {*self.registers, *other.registers}:
            before = self.get(name)
            after = self.algebra.join(before, other.get(name))
            if after != before:
                changed = True
                self._hold(name, after)
        return self.memory.absorb(other.memory) or changed

    def apply(self, operation: Compute | Bitwise | InsertBits | Choose | Multiply | Opaque) -> None:
        match operation:
            case Compute(target=target, value=total, narrow=narrow, signs=signs):
                value = self.evaluate(total)
                self.set(
                    target, self.algebra.each(value, lambda one: self._narrow(one, signs=signs)) if narrow else value
                )
            case Bitwise():
                self._bitwise(operation)
            case InsertBits(target=target, narrow=narrow):
                value = self._insert(operation)
                self.set(target, self.algebra.narrow(value) if narrow else value)
            case Choose(target=target, sources=sources):
                value = self.get(sources[0])
                for source in sources[1:]:
                    value = self.algebra.join(value, self.get(source))
                self.set(target, value)
            case Multiply(target=target, plus=plus, narrow=narrow):
                value = self.algebra.add(self._product(operation), self.evaluate(plus))
                self.set(target, self.algebra.narrow(value) if narrow else value)
            case Opaque(reads=reads, writes=writes):
                for register in writes - FLAGS:
                    self.set(register, self._made(reads, vector=is_vector(register) or any(map(is_vector, reads))))

    def _narrow(self, value: Linear, *, signs: bool) -> Value:
        """The low 32 bits; a table's number of no more stays what it is, extended as it was or by its sign."""
        entry = extended_entry(value, 32 if signs else 0)
        if entry is None or (not signs and any(origin.entry and origin.entry.signs for origin, _ in entry.terms)):
            return self.algebra.narrow(value, signs=signs)
        return entry

    def _product(self, operation: Multiply) -> Value:
        left, right = self.evaluate(operation.left), self.evaluate(operation.right)
        for number, other in ((left, right), (right, left)):
            if _is_number(number):
                return self.algebra.scale(other, _constant(number))
        if self.algebra.derived(left) or self.algebra.derived(right):
            return Tainted("a product of a pointer into the window")
        return ANYTHING

    def _made(self, reads: frozenset[str], *, vector: bool = False) -> Value:
        """What is computed in a way that is not modelled; in a vector's parts a pointer may go on as it is."""
        values = [self.get(register) for register in sorted(reads)]
        if vector and not any(isinstance(value, Tainted) for value in values):
            return self.algebra.mixed(values)
        if any(map(self.algebra.derived, values)):
            return Tainted("computed from a pointer into the window")
        part = next((value for value in values if isinstance(value, Part)), None)
        return part or from_origins(*(held for held in values if isinstance(held, Linear)))

    def _bitwise(self, operation: Bitwise) -> None:
        """Exact on constants; an ordinary pointer that is aligned down points to memory of its own (a stack frame)."""
        left = self.evaluate(operation.left)
        right = self.evaluate(operation.right)
        value: Value = ANYTHING
        if _is_number(left) and _is_number(right):
            number = _constant(left) % (1 << self.algebra.bits) if operation.kind == "shr" else _constant(left)
            value = self.algebra.number(operation.on(number, _constant(right)))
            value = self.algebra.narrow(value) if operation.narrow else value
        elif operation.kind == "shr" and (low := self._shifted_right(left, right)) is not None:
            value = low
        elif (aligned := self._aligned(operation, left, right)) is not None:
            value = aligned
        elif (pointer := self._still_pointer(operation, left, right)) is not None:
            value = self.algebra.narrow(pointer) if operation.narrow else pointer
        else:
            value = self._made(operation.reads)
        self.set(operation.target, value)

    def _still_pointer(  # noqa: PLR0911  one return a kind
        self, operation: Bitwise, left: Value, right: Value
    ) -> Value | None:
        """A pointer into the window with low bits set, changed or cleared; what is left of its low bits is a number."""
        numbers = [_constant(value) for value in (left, right) if _is_number(value)]
        if operation.kind == "or" and any(map(self.algebra.may_be_scaled, numbers)):
            return self.algebra.add(left, right)
        if self.algebra.derived(left) == self.algebra.derived(right):
            return None
        pointer, other = (left, right) if self.algebra.derived(left) else (right, left)
        mask = self.algebra.number(_constant(other)).constant or 0 if _is_number(other) else None
        match operation.kind:
            case "or" if mask is None or 0 <= mask < _LOW_BITS:
                return self.algebra.add(pointer, ANYTHING)
            case "xor" if mask is not None and 0 <= mask < _LOW_BITS:
                return self.algebra.add(pointer, ANYTHING)
            case "and" if mask is None:
                return self.algebra.join(self.algebra.add(pointer, ANYTHING), ANYTHING)  # all of it, or nothing
            case "and" if mask is not None and 0 <= mask < _LOW_BITS:
                return ANYTHING
            case "and" if mask is not None and -_LOW_BITS <= mask < 0:
                return self.algebra.aligned(pointer, mask)
            case _:
                return None

    def _shifted_right(self, left: Value, right: Value) -> Value | None:
        return self.algebra.shifted_right(left, _constant(right)) if _is_number(right) else None

    def _aligned(self, operation: Bitwise, left: Value, right: Value) -> Value | None:
        place = place_of(left, 0)
        if operation.kind != "and" or place is None or not _is_number(right):
            return None
        mask = _constant(right)
        return None if mask >= 0 or -mask & (-mask - 1) else _aligned_place(place, -mask)

    def _insert(self, operation: InsertBits) -> Value:
        held = self.get(operation.target)
        mask = ((1 << operation.width) - 1) << operation.shift
        bits: int | None = operation.bits << operation.shift
        if operation.source is not None:
            value = self.evaluate(operation.source)
            bits = _constant(value) << operation.shift & mask if _is_number(value) else None
        if _is_number(held):
            kept = self.algebra.number(_constant(held) & ~mask | (bits or 0))
            return kept if bits is not None else self.algebra.add(kept, ANYTHING)
        if mask < _LOW_BITS and bits != 0 and (self.algebra.derived(held) or place_of(held, 0) is not None):
            return self.algebra.add(held, ANYTHING)
        if self.algebra.derived(held):
            return Tainted("parts of a pointer into the window")
        place = place_of(held, 0)
        if bits == 0 and operation.shift == 0 and place is not None:
            return _aligned_place(place, 1 << operation.width)
        # The high half of a constant over a number: the window's address with an index.
        return ANYTHING if bits is None else self.algebra.add(self.algebra.number(bits), ANYTHING)


def _aligned_place(place: Place, alignment: int) -> Linear:
    """Memory of its own: what lies there is not found from elsewhere."""
    ((origin, _),) = place[0]
    return pointer_to(Origin(f"{origin.name}{place[1]:+d} aligned to {alignment}"))


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
