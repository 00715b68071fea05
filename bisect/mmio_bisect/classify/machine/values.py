"""What a register may hold, as far as pointers into the window are concerned.

A value is a linear expression over *origins*, the things that a function starts with: the window's pointers, other
arguments, the stack pointer, symbols. So `dst - src`, which loop strength reduction likes to keep in a register,
still becomes a pointer into the window when `src` is added again. Where control or an index decides, a value is one of
several (`OneOf`). Whatever is derived from the window in a way that this cannot express is `Tainted`: it is harmless
until it is used as an address or leaves the function, and then it is said.
"""

from dataclasses import dataclass, replace

from mmio_bisect.classify.machine.bits import signed


@dataclass(frozen=True, slots=True)
class Origin:
    """Something that a value can be relative to.

    `window` if it is a pointer into the window; `name` tells them apart. What lies in a section of the object is
    relative to the section's first byte, or, when it has been indexed, to `start`, and `moved` on from there. `slot` is
    the address that the word
    at this origin holds, if the linker puts one there. `entry` is for what a table holds at an unknown index.
    """

    name: str
    window: bool = False
    section: int | None = None
    start: int | None = None
    moved: int = 0
    whole: "Origin | None" = None
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


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several: pointers into windows, addresses that are known, and at most one that is some other number."""

    choices: frozenset[Linear]


@dataclass(frozen=True, slots=True)
class Lanes:
    """What the pointer-sized parts of a vector register hold, in the order of their addresses in memory."""

    words: "tuple[Value, ...]"


@dataclass(frozen=True, slots=True)
class Part:
    """A number that may be some of the bytes of `whole`: harmless itself, but put together again they are that."""

    whole: "Linear | OneOf"


Value = Linear | Tainted | OneOf | Lanes | Part

NULL = Linear(frozenset(), 0)

ANYTHING = Linear()
"""A number or pointer that has nothing to do with the window."""


@dataclass(frozen=True, slots=True)
class InWindow:
    """An address `offset` bytes into the window that `origin` brought in; None: at an offset that is not known."""

    origin: Origin
    offset: int | None


@dataclass(frozen=True, slots=True)
class MayBeInWindow:
    """An address that is one of `places`, or outside the window."""

    places: tuple[InWindow, ...]


@dataclass(frozen=True, slots=True)
class Ordinary:
    """An address outside the window."""


@dataclass(frozen=True, slots=True)
class Untracked:
    """An address that may be in the window."""

    why: str


def choices_of(value: Value) -> tuple[Linear, ...]:
    """What a value may be as far as that can be told; the parts of a vector count each."""
    match value:
        case Linear():
            return (value,)
        case OneOf(choices):
            return tuple(sorted(choices, key=str))
        case Lanes(words):
            return tuple(choice for word in words for choice in choices_of(word))
        case Part():
            return (ANYTHING,)
        case Tainted():
            return ()


def part_of(whole: Value) -> Value:
    """Some bytes of a value."""
    return Part(whole) if isinstance(whole, Linear | OneOf) else whole


def from_origins(*values: Linear) -> Linear:
    """Some number that was made from what is relative to these ordinary origins: it may point to their memory."""
    terms = (term for value in values for term in value.terms)
    return Linear(frozenset((origin, 1) for origin, factor in terms if factor == 1 and not origin.window))


def is_address(value: Linear) -> bool:
    """Whether it is a known place of the object or of the stack."""
    if value.constant is None or len(value.terms) != 1:
        return False
    ((origin, factor),) = value.terms
    return factor == 1 and (origin.section is not None or origin.name.startswith(("stack", "&")))


def moved(value: Value, displacement: int, *, loads: bool) -> Value:
    """An indexed place and a number beside it, where a load is from it; where else, it is forgotten."""
    if not isinstance(value, Linear) or value.constant is not None:
        return value
    terms = set(value.terms)
    for origin, factor in value.terms:
        if origin.whole is not None:
            terms.discard((origin, factor))
            on = replace(origin, name=f"{origin.name} and {displacement}", moved=origin.moved + displacement)
            terms.add((on if loads else origin.whole, factor))
    return Linear(frozenset(terms))


def table_entry(address: Value, width: int, *, signs: bool) -> Linear | None:
    """What is loaded from an address in a table of the object, at an unknown index; None for other addresses."""
    if not isinstance(address, Linear) or address.constant is not None:
        return None
    tables = [
        (origin.section, origin.start + origin.moved)
        for origin, factor in address.terms
        if origin.section is not None and origin.start is not None and factor == 1
    ]
    if len(tables) != 1 or address.window_terms:
        return None
    ((section, start),) = tables
    entry = TableEntry(section, start, width, signs)
    return pointer_to(Origin(f"word {width} of section {section} from {start}", entry=entry))


def extended_entry(value: Value, bits: int) -> Linear | None:
    """What a table holds, whose `bits` bits are extended by their sign; None for other values."""
    if not isinstance(value, Linear) or value.constant != 0 or len(value.terms) != 1:
        return None
    ((origin, factor),) = value.terms
    if origin.entry is None or factor != 1 or origin.entry.width > 4:
        return None
    entry = replace(origin.entry, signs=origin.entry.signs or 8 * origin.entry.width == bits)
    return pointer_to(replace(origin, entry=entry))


CONSTANT_WINDOW = Origin("window", window=True)


def window_origin(label: str | None) -> Origin:
    """The window of a recipe's label; `window` is the constant one that has no other."""
    return CONSTANT_WINDOW if label == CONSTANT_WINDOW.name else Origin(f"mmio {label or ''}".strip(), window=True)


def pointer_to(origin: Origin, offset: int = 0) -> Linear:
    return Linear(frozenset({(origin, 1)}), offset)


def section_origin(section: int, start: int | None = None) -> Origin:
    whole = Origin(f"section {section}", section=section)
    return whole if start is None else replace(whole, name=f"{whole.name} from {start}", start=start, whole=whole)


def number(value: int, bits: int = 64) -> Linear:
    """A constant; wraps as a register of so many bits does and reads as signed."""
    return Linear(frozenset(), signed(value, bits))
