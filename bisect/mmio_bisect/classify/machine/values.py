"""What a register may hold, as far as pointers into the window are concerned.

A value is a linear expression over *origins*, the things that a function starts with: the window's pointers, other
arguments, the stack pointer, symbols. So `dst - src`, which loop strength reduction likes to keep in a register,
still becomes a pointer into the window when `src` is added again. Whatever is derived from the window in a way that
this cannot express is `Tainted`: it is harmless until it is used as an address or leaves the function, and then it is
said.
"""

from dataclasses import dataclass

from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.domain.recipe import ConstantWindow


@dataclass(frozen=True, slots=True)
class Origin:
    """Something that a value can be relative to.

    `window` if it is a pointer into the window; `name` tells them apart. What lies in a section of the object is
    relative to the section's first byte, or, when it has been indexed, to `start`. `slot` is the address that the word
    at this origin holds, if the linker puts one there. `entry` is for what a table holds at an unknown index.
    """

    name: str
    window: bool = False
    section: int | None = None
    start: int | None = None
    slot: "Linear | None" = None
    entry: "TableEntry | None" = None


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One of the numbers of `width` bytes in a table that begins at `start` of a section."""

    section: int
    start: int
    width: int
    signs: bool


@dataclass(frozen=True, slots=True)
class Linear:
    """Origins times factors, plus a constant in bytes (None: some number that is not known)."""

    terms: frozenset[tuple[Origin, int]] = frozenset()
    constant: int | None = None

    @property
    def window_terms(self) -> frozenset[tuple[Origin, int]]:
        return frozenset(term for term in self.terms if term[0].window)


@dataclass(frozen=True, slots=True)
class Tainted:
    """Derived from a pointer into the window, in a way that is not followed."""

    why: str


Value = Linear | Tainted

NULL = Linear(frozenset(), 0)

ANYTHING = Linear()
"""A number or pointer that has nothing to do with the window."""


@dataclass(frozen=True, slots=True)
class InWindow:
    """An address `offset` bytes into the window that `origin` brought in; None: at an offset that is not known."""

    origin: Origin
    offset: int | None


@dataclass(frozen=True, slots=True)
class Ordinary:
    """An address outside the window."""


@dataclass(frozen=True, slots=True)
class Untracked:
    """An address that may be in the window."""

    why: str


_NEAR = 4096
"""A constant this near to the window, with an unknown number added, is a pointer into it: `UART[i - 1]`."""


def from_origins(*values: Linear) -> Linear:
    """Some number that was made from what is relative to these ordinary origins: it may point to their memory."""
    terms = (term for value in values for term in value.terms)
    return Linear(frozenset((origin, 1) for origin, factor in terms if factor == 1 and not origin.window))


def _indexed(value: Linear, index: Linear) -> Linear:
    """A pointer to a known place of a section, before what is not a number is added: where it pointed is kept."""
    is_number = not index.terms and index.constant is not None
    if is_number or value.constant is None or len(value.terms) != 1:
        return value
    ((origin, factor),) = value.terms
    if origin.section is None or factor != 1 or origin.start is not None:
        return value
    if any(other.section is not None or other.entry is not None for other, _ in index.terms):
        return value  # a distance between sections, or what a table holds
    indexed = Origin(f"{origin.name} from {value.constant}", section=origin.section, start=value.constant)
    return Linear(frozenset({(indexed, 1)}))


def table_entry(address: Value, width: int, *, signs: bool) -> Linear | None:
    """What is loaded from an address in a table of the object, at an unknown index; None for other addresses."""
    if isinstance(address, Tainted) or address.constant is not None:
        return None
    tables = [
        (origin.section, origin.start)
        for origin, factor in address.terms
        if origin.section is not None and origin.start is not None and factor == 1
    ]
    if len(tables) != 1 or address.window_terms:
        return None
    ((section, start),) = tables
    entry = TableEntry(section, start, width, signs)
    return pointer_to(Origin(f"word {width} of section {section} from {start}", entry=entry))


CONSTANT_WINDOW = Origin("window", window=True)


def window_origin(label: str | None) -> Origin:
    """The window of a recipe's label; `window` is the constant one that has no other."""
    return CONSTANT_WINDOW if label == CONSTANT_WINDOW.name else Origin(f"mmio {label or ''}".strip(), window=True)


def pointer_to(origin: Origin, offset: int = 0) -> Linear:
    return Linear(frozenset({(origin, 1)}), offset)


def section_origin(section: int) -> Origin:
    return Origin(f"section {section}", section=section)


def number(value: int, bits: int = 64) -> Linear:
    """A constant; wraps as a register of so many bits does and reads as signed."""
    return Linear(frozenset(), signed(value, bits))


@dataclass(frozen=True, slots=True)
class Algebra:
    """Arithmetic on values of `bits` bits, where constants inside one of `windows` are pointers into it."""

    windows: tuple[ConstantWindow, ...] = ()
    bits: int = 64

    def number(self, value: int) -> Linear:
        return number(value, self.bits)

    def _based(self, value: Linear, margin: int = 0) -> Linear:
        """A bare constant in a window as a pointer into it."""
        if value.constant is None or value.terms:
            return value
        address = value.constant % (1 << self.bits)
        for margins in (0, margin):
            for window in self.windows:
                if window.low - margins <= address < window.high + margins:
                    label = window.label or CONSTANT_WINDOW.name
                    return pointer_to(window_origin(label), address - window.low)
        return value

    def derived(self, value: Value) -> bool:
        """Whether the value came from the window."""
        return isinstance(value, Tainted) or bool(self._based(value).window_terms)

    def add(self, left: Value, right: Value) -> Value:
        if isinstance(left, Tainted):
            return left
        if isinstance(right, Tainted):
            return right
        if left.constant is None or right.constant is None or left.terms or right.terms:
            # A bare constant address becomes a pointer before anything that is not constant is added.
            left, right = self._based(left, _NEAR), self._based(right, _NEAR)
            left, right = _indexed(left, right), _indexed(right, left)
        factors = dict(left.terms)
        for origin, factor in right.terms:
            factors[origin] = factors.get(origin, 0) + factor
        terms = frozenset((origin, factor) for origin, factor in factors.items() if factor)
        if left.constant is None or right.constant is None:
            return Linear(terms)
        return Linear(terms, signed(left.constant + right.constant, self.bits))

    def shift(self, value: Value, displacement: int) -> Value:
        """Add a number that the code spells out beside a register: it is a distance, whatever lies at that address."""
        if isinstance(value, Tainted) or value.constant is None:
            return value
        return Linear(value.terms, signed(value.constant + displacement, self.bits))

    def scale(self, value: Value, factor: int) -> Value:
        if factor == 1 or isinstance(value, Tainted):
            return value
        terms = frozenset((origin, times * factor) for origin, times in value.terms if times * factor)
        return Linear(terms, None if value.constant is None else signed(value.constant * factor, self.bits))

    def narrow(self, value: Value, *, signs: bool = False) -> Value:
        """The low 32 bits, extended by zeros or by their sign; the same on a machine whose registers have no more."""
        if isinstance(value, Tainted) or self.bits == 32:
            return value
        if value.window_terms:
            return Tainted("the low half of a pointer into the window")
        if value.terms or value.constant is None:
            return ANYTHING
        return number(signed(value.constant, 32) if signs else value.constant & 0xFFFF_FFFF)

    def join(self, left: Value, right: Value) -> Value:
        """What holds when control comes from two places."""
        if left == right:
            return left
        if isinstance(left, Tainted):
            return left
        if isinstance(right, Tainted):
            return right
        for null, other in ((left, right), (right, left)):
            if null == NULL and [factor for _, factor in other.terms] == [1] and other.window_terms:
                return other  # an access through null does not reach the window
        left, right = self._based(left, _NEAR), self._based(right, _NEAR)
        if left.window_terms != right.window_terms:
            return Tainted("a pointer into the window on one path and something else on another")
        same = left.terms == right.terms
        return Linear(left.terms if same else left.window_terms | from_origins(left, right).terms)

    def locate(self, value: Value) -> InWindow | Ordinary | Untracked:
        """Where an address points."""
        if isinstance(value, Tainted):
            return Untracked(value.why)
        value = self._based(value)
        match sorted(value.window_terms, key=lambda term: term[0].name):
            case []:
                return Ordinary()
            case [(origin, 1)]:
                return InWindow(origin, value.constant if len(value.terms) == 1 else None)
            case _:
                return Untracked("an address computed from pointers into the window by more than addition")
