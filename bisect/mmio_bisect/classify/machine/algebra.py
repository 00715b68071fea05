"""Arithmetic on what registers hold, and what is known of it where control joins."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce

from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    CONSTANT_WINDOW,
    InWindow,
    Lanes,
    Linear,
    MayBeInWindow,
    OneOf,
    Ordinary,
    Origin,
    Part,
    Tainted,
    Untracked,
    Value,
    choices_of,
    from_origins,
    is_address,
    number,
    part_of,
    window_origin,
)
from mmio_bisect.domain.recipe import ConstantWindow

_SOME_NUMBER = Origin("argument that is not known")
"""Beside a constant that must not be lost."""

_NEAR = 4096
"""A constant this near to the window, with an unknown number added, is a pointer into it: `UART[i - 1]`."""


_NO_DISPLACEMENT = 1 << 16
"""Smaller constants beside a number are a distance, not an address."""

_ERRORS = 4096
"""Numbers below this, and their negatives, are no addresses but error codes and null pointers beside a pointer."""

_BYTE, _WORD = 1 << 8, 4

_MOST_ADDRESSES = 6
"""So many known addresses are told apart where control joins; of more it is only known what they are relative to."""


def _is_constant(value: Value) -> bool:
    return isinstance(value, Linear) and not value.terms and value.constant is not None


def _is_number(value: Linear) -> bool:
    """Whether it is made of numbers as far as is known: arguments, and what tables hold."""
    return all(
        origin.entry is not None or origin.name.startswith(("argument ", "length ")) for origin, _ in value.terms
    )


def _like_one(values: Iterable[Linear]) -> Linear:
    """What is known of something that is one of several."""
    first, *others = values
    for other in others:
        same = first.terms == other.terms
        first = Linear(first.terms if same else first.window_terms | from_origins(first, other).terms)
    return first


def is_memory(origin: Origin) -> bool:
    """Whether it is memory that the object or the function itself lays out."""
    return origin.section is not None or origin.name.startswith("stack")


def _indexed(value: Linear, index: Linear) -> Linear:
    """A pointer to a known place of a section, before what is not a number is added: where it pointed is kept."""
    is_number = not index.terms and index.constant is not None
    if is_number or value.constant is None or len(value.terms) != 1:
        return value
    ((origin, factor),) = value.terms
    if not is_memory(origin) or factor != 1 or origin.start is not None:
        return value
    if any(other.section is not None or other.entry is not None for other, _ in index.terms):
        return value  # a distance between sections, or what a table holds
    indexed = replace(origin, name=f"{origin.name} from {value.constant}", start=value.constant, whole=origin)
    return Linear(frozenset({(indexed, 1)}))


@dataclass(frozen=True, slots=True)
class Algebra:
    """Arithmetic on values of `bits` bits, where constants inside one of `windows` are pointers into it."""

    windows: tuple[ConstantWindow, ...] = ()
    bits: int = 64

    def number(self, value: int) -> Linear:
        return number(value, self.bits)

    def _based(self, value: Linear, margin: int = 0) -> Linear:
        """A constant in a window as a pointer into it, whatever numbers are added to it."""
        if value.constant is None or (value.terms and not _is_number(value)):
            return value
        address = value.constant % (1 << self.bits)
        if value.terms and address < _NO_DISPLACEMENT:
            return value
        for margins in (0, margin):
            for window in self.windows:
                if window.low - margins <= address < window.high + margins:
                    origin = window_origin(window.label or CONSTANT_WINDOW.name)
                    return Linear(value.terms | {(origin, 1)}, address - window.low)
        return value

    def derived(self, value: Value) -> bool:
        """Whether the value came from the window."""
        match value:
            case Linear():
                return bool(self._based(value).window_terms)
            case OneOf(choices):
                return any(map(self.derived, choices))
            case Lanes(words):
                return any(map(self.derived, words))
            case Part():
                return False
            case Tainted():
                return True

    def add(self, left: Value, right: Value) -> Value:
        if isinstance(left, Tainted):
            return left
        if isinstance(right, Tainted):
            return right
        if isinstance(left, Linear) and isinstance(right, Linear):
            return self._add(left, right)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Part) and (isinstance(other, Part) or _is_constant(other)):
                return one
        return self.one_of(self._add(one, other) for one in choices_of(left) for other in choices_of(right))

    def _add(self, left: Linear, right: Linear) -> Linear:
        if left.constant is None or right.constant is None or left.terms or right.terms:
            # A bare constant address becomes a pointer before anything that is not constant is added.
            left, right = self._based(left, _NEAR), self._based(right, _NEAR)
            left, right = self._without_window(left, right), self._without_window(right, left)
            left, right = _indexed(left, right), _indexed(right, left)
        factors = dict(left.terms)
        for origin, factor in right.terms:
            factors[origin] = factors.get(origin, 0) + factor
        terms = frozenset((origin, factor) for origin, factor in factors.items() if factor)
        if left.constant is None or right.constant is None:
            known = left.constant if right.constant is None else right.constant
            if known is not None and _is_number(left) and _is_number(right) and self.may_be_scaled(known):
                return Linear(frozenset({(_SOME_NUMBER, 1)}), known)
            return Linear(terms)
        total = Linear(terms, signed(left.constant + right.constant, self.bits))
        return self._based(total, _NEAR) if terms else total

    def _without_window(self, pointer: Linear, other: Linear) -> Linear:
        """A pointer into a constant window as the number that it is, where `other` takes the window's address away.

        So the distance of ordinary memory from the window, added to the window's pointer, is that memory's.
        """
        window = self._constant_window(pointer)
        away = None if other.constant is None else signed(-other.constant, self.bits)
        if window is None or away is None or away < _NO_DISPLACEMENT:
            return pointer
        if not window.low - _NEAR <= away < window.high + _NEAR:
            return pointer
        constant = None if pointer.constant is None else pointer.constant + window.low
        return Linear(pointer.terms - pointer.window_terms, constant)

    def may_be_scaled(self, constant: int) -> bool:
        """Whether it is a window's address once it is shifted to the left: a page's number."""
        shifted = [constant << shift for shift in range(1, 24) if constant > 0]
        return any(window.low <= address < window.high for address in shifted for window in self.windows)

    def one_of(self, values: Iterable[Linear]) -> Value:
        """One of these; of each window and of what is not an address there is one at most.

        What stands for no pointer beside a pointer is left out: an access through it is none to the window.
        """
        windows: dict[frozenset[tuple[Origin, int]], list[Linear]] = {}
        addresses: set[Linear] = set()
        others: list[Linear] = []
        for value in values:
            based = self._based(value, _NEAR)
            if based.window_terms:
                windows.setdefault(based.window_terms, []).append(based)
            elif is_address(based):
                addresses.add(based)
            else:
                others.append(based)
        if len(windows) > _MOST_ADDRESSES:
            return Tainted("more pointers into the window than are told apart")
        if windows or addresses:
            others = [one for one in others if one.terms or one.constant is None or abs(one.constant) >= _ERRORS]
        if len(addresses) > _MOST_ADDRESSES:
            others.extend(addresses)
            addresses.clear()
        found = {_like_one(sorted(dict.fromkeys(alike), key=str)) for alike in windows.values()}
        if others:
            rest = _like_one(sorted(dict.fromkeys(others), key=str))
            found.add(rest)
            if rest.constant is None:
                addresses = {one for one in addresses if not one.terms <= rest.terms}
        found |= addresses
        if len(found) == 1:
            return found.pop()
        return OneOf(frozenset(found))

    def each(self, value: Value, change: Callable[[Linear], Value]) -> Value:
        """The change made to whatever the value may be."""
        match value:
            case Linear():
                return change(value)
            case Tainted() | Part():
                return value
            case OneOf() | Lanes():
                changed = [change(choice) for choice in choices_of(value)]
                tainted = next((one for one in changed if isinstance(one, Tainted)), None)
                return tainted or self.one_of(one for made in changed for one in choices_of(made))

    def shift(self, value: Value, displacement: int) -> Value:
        """Add a number that the code spells out beside a register: it is a distance, whatever lies at that address.

        Beside what is a number it may be the window's address.
        """
        return self.each(value, lambda one: self._shift(one, displacement))

    def _shift(self, value: Linear, displacement: int) -> Linear:
        if value.constant is None:
            return value
        value = self._without_window(value, self.number(displacement))
        moved = Linear(value.terms, signed((value.constant or 0) + displacement, self.bits))
        return self._based(moved, _NEAR) if value.terms else moved

    def scale(self, value: Value, factor: int) -> Value:
        if factor == 1:
            return value
        if isinstance(value, Part) and abs(factor) >= _BYTE:
            return self.mixed([value.whole])
        return self.each(value, lambda one: self._scale(one, factor))

    def _scale(self, value: Linear, factor: int) -> Linear:
        terms = frozenset((origin, times * factor) for origin, times in value.terms if times * factor)
        scaled = Linear(terms, None if value.constant is None else signed(value.constant * factor, self.bits))
        return self._based(scaled) if terms else scaled

    def shifted_right(self, value: Value, amount: int) -> Value | None:
        """What was shifted to the left by as much or more before: its low bits; None for other values."""
        if not 0 < amount <= 32 < self.bits or not isinstance(value, Linear):
            return None
        unit = 1 << amount
        if not value.terms or any(factor % unit for _, factor in value.terms) or (value.constant or 0) % unit:
            return None
        terms = frozenset((origin, factor >> amount) for origin, factor in value.terms)
        low = self._based(Linear(terms, None if value.constant is None else value.constant >> amount))
        return self.narrow(low) if amount == 32 or self._constant_window(low) is not None else None

    def aligned(self, value: Value, mask: int) -> Value:
        """A pointer with low bits cleared; a window begins at a word of 32 bits, more is not known."""
        return self.each(value, lambda one: self._aligned(one, mask))

    def _aligned(self, value: Linear, mask: int) -> Linear:
        value = self._based(value)
        if not value.window_terms:
            return from_origins(value)
        exact = mask >= -_WORD and value.constant is not None and len(value.terms) == 1
        return Linear(value.window_terms, value.constant & mask if exact and value.constant is not None else None)

    def narrow(self, value: Value, *, signs: bool = False) -> Value:
        """The low 32 bits, extended by zeros or by their sign; the same on a machine whose registers have no more."""
        if self.bits == 32:
            return value
        return self.each(value, lambda one: self._narrow(one, signs=signs))

    def _narrow(self, value: Linear, *, signs: bool) -> Value:
        if value.window_terms:
            constant = self._constant_window(value)
            if constant is not None and constant.high <= 1 << 31:
                return Linear(value.window_terms, value.constant if value.terms == value.window_terms else None)
            return Tainted("the low half of a pointer into the window")
        if value.terms or value.constant is None:
            page = value.constant is not None and _is_number(value) and self.may_be_scaled(value.constant)
            return value if page else ANYTHING
        return number(signed(value.constant, 32) if signs else value.constant & 0xFFFF_FFFF)

    def fits(self, value: Value, bits: int) -> bool:
        """Whether what it is of windows lies at constant addresses of so many bits."""
        pointers = [self._based(choice) for choice in choices_of(value) if self.derived(choice)]
        windows = [self._constant_window(pointer) for pointer in pointers]
        return bool(windows) and all(window is not None and window.high <= 1 << bits for window in windows)

    def _constant_window(self, value: Linear) -> ConstantWindow | None:
        """The window at constant addresses into which the value points."""
        known = {window_origin(window.label or CONSTANT_WINDOW.name): window for window in self.windows}
        match [*value.window_terms]:
            case [(origin, 1)]:
                return known.get(origin)
            case _:
                return None

    def join(self, left: Value, right: Value) -> Value:
        """What holds when control comes from two places."""
        if left == right:
            return left
        if isinstance(left, Tainted):
            return left
        if isinstance(right, Tainted):
            return right
        if isinstance(left, Part) or isinstance(right, Part):
            return self._join_parts(left, right)
        if isinstance(left, Lanes) and isinstance(right, Lanes) and len(left.words) == len(right.words):
            words = (self.join(one, other) for one, other in zip(left.words, right.words, strict=True))
            return Lanes(tuple(words))
        return self.one_of([*choices_of(left), *choices_of(right)])

    def join_all(self, values: Iterable[Value]) -> Value:
        return reduce(self.join, values)

    def _join_parts(self, left: Value, right: Value) -> Value:
        wholes = [one.whole if isinstance(one, Part) else one for one in (left, right)]
        if isinstance(left, Part) and isinstance(right, Part):
            return part_of(self.one_of([*choices_of(left.whole), *choices_of(right.whole)]))
        part, other = (left, right) if isinstance(left, Part) else (right, left)
        return self.mixed(wholes) if self.derived(other) else part

    def mixed(self, values: Iterable[Value]) -> Value:
        """What may be any of these at an offset that is not known, or something else: parts of vectors put together."""
        choices = [choice for value in values for choice in choices_of(value)]
        pointers = [self._based(choice, _NEAR) for choice in choices if self.derived(choice)]
        if not pointers:
            return from_origins(*choices)
        return self.one_of([*(Linear(one.window_terms) for one in pointers), ANYTHING])

    def locate(self, value: Value) -> InWindow | MayBeInWindow | Ordinary | Untracked:
        """Where an address points."""
        if isinstance(value, Tainted):
            return Untracked(value.why)
        if isinstance(value, Part):
            return Untracked("a part of a word that holds a pointer into the window")
        found = [self._locate(choice) for choice in choices_of(value)]
        lost = next((one for one in found if isinstance(one, Untracked)), None)
        places = tuple(one for one in found if isinstance(one, InWindow))
        if lost is not None or len(found) == 1:
            return lost or found[0]
        return MayBeInWindow(places) if places else Ordinary()

    def _locate(self, value: Linear) -> InWindow | Ordinary | Untracked:
        value = self._based(value)
        match sorted(value.window_terms, key=lambda term: term[0].name):
            case []:
                return Ordinary()
            case [(origin, 1)]:
                return InWindow(origin, value.constant if len(value.terms) == 1 else None)
            case _:
                return Untracked("an address computed from pointers into the window by more than addition")
