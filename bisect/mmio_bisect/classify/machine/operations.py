"""What instructions do, in terms that the data flow understands on every architecture.

An architecture's file lifts each instruction to operations, done one after the other. What it does not model becomes
`Opaque`: the registers it writes then hold nothing known, or something tainted if it read a pointer into the window; so
nothing is ever lost track of unsaid.
"""

from dataclasses import dataclass, replace
from typing import Literal

from mmio_bisect.domain.access import LOAD, Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """What the linker knows the address of.

    `section` and `address` say where it is if this object has it; `slot` if what is meant is not its address but the
    place in the global offset table that holds its address.
    """

    name: str
    section: int | None = None
    address: int = 0
    slot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """`factor` times a register; `narrow` if only its low part takes part, `extends` bits of it by their sign."""

    register: str
    factor: int = 1
    narrow: bool = False
    extends: int = 0

    def times(self, factor: int) -> "Term":
        return replace(self, factor=self.factor * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Registers and a constant added up; `symbol` adds an address that the linker knows, `less` takes one away."""

    terms: tuple[Term, ...] = ()
    constant: int = 0
    symbol: Symbol | str | None = None
    less: Symbol | None = None

    @classmethod
    def of(cls, register: str, constant: int = 0) -> "Sum":
        return cls(terms=(Term(register=register),), constant=constant)

    def plus(self, other: "Sum", factor: int = 1) -> "Sum | None":
        """The sum, or with `factor` -1 the difference; None if two addresses of the linker's meet."""
        if other.symbol is not None and (self.symbol is not None or factor < 0):
            return None
        return Sum(
            terms=(*self.terms, *(term.times(factor) for term in other.terms)),
            constant=self.constant + factor * other.constant,
            symbol=self.symbol if other.symbol is None else other.symbol,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """`target` = `value`; `narrow` if only its low 32 bits are kept, extended by their sign if `signs`."""

    target: str
    value: Sum
    narrow: bool = False
    signs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitwise:
    """`target` = `left` and, or, xor, shifted by (`kind`) `right`; `narrow` if in 32 bits, zero-extended.

    What is shifted to the right is filled up with zeros.
    """

    target: str
    kind: Literal["and", "or", "xor", "shl", "shr"]
    left: Sum
    right: Sum
    narrow: bool = False

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(term.register for total in (self.left, self.right) for term in total.terms)

    def on(self, left: int, right: int) -> int:
        """The operation on numbers."""
        match self.kind:
            case "and":
                return left & right
            case "or":
                return left | right
            case "xor":
                return left ^ right
            case "shl":
                return left << (right & 63)
            case "shr":
                return left >> (right & 63)


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertBits:
    """`width` bits of `target` from bit `shift` on are replaced by `bits`, or by the low ones of `source`.

    `narrow` if only the low 32 bits are kept, zero-extended.
    """

    target: str
    shift: int
    width: int
    bits: int = 0
    source: Sum | None = None
    narrow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiply:
    """`target` = `left` times `right`, plus `plus`; `narrow` if in 32 bits, zero-extended."""

    target: str
    left: Sum
    right: Sum
    plus: Sum
    narrow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """`target` = one of `sources`, by a condition that is not followed."""

    target: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """A memory access.

    `second` is the other address of a memory-to-memory copy. `stores` and `loads` are the registers whose value goes
    to or comes from memory, in address order, each `transfer.element_width` wide. `clobbers` are other registers that
    are written. `writeback` is what the address's base register becomes afterwards. `mixes` are registers whose parts
    go to memory in an order that is not followed; of an access whose width is not worked out `most` bounds the bytes.
    With `part` what is loaded is part of a register that keeps the rest.
    """

    transfer: Transfer
    address: Sum
    second: Sum | None = None
    stores: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()
    clobbers: tuple[str, ...] = ()
    writeback: tuple[str, Sum] | None = None
    mixes: tuple[str, ...] = ()
    most: int | None = None
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """`count` times `unit` bytes of memory go from one address to another; what is touched is said by `Touch`."""

    target: Sum
    source: Sum
    count: Sum
    unit: int


def load_or_store(
    transfer: Transfer,
    address: Sum,
    *,
    registers: tuple[str, ...] | None = None,
    clobbers: tuple[str, ...] = (),
    writeback: tuple[str, Sum] | None = None,
    part: bool = False,
) -> Touch:
    """A plain load or store of the transfer's registers, or of `registers` in their place."""
    moved, loads = transfer.registers if registers is None else registers, transfer.directions == LOAD
    return Touch(
        transfer=transfer,
        address=address,
        stores=() if loads else moved,
        loads=moved if loads else (),
        clobbers=clobbers,
        writeback=writeback,
        part=part,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The operations that follow are done only if the flags are as the condition `unless` names it."""

    unless: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A branch to `position`, an offset from the function's start that may lie outside it."""

    position: int
    conditional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of `position`, an offset from the calling function's start."""

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRegister:
    """A call (or with `tail` a jump) to where a register points."""

    register: str
    tail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Back to the caller; by a jump through `register`, where that is not always the way back."""

    register: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Control does not go on: a trap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """Computes `writes` from `reads` in a way that is not modelled."""

    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No known instruction: anything may have happened."""


UNKNOWN_AMOUNT = Term(register="?")
"""Adds something that is not known: no register has this name, and what no register holds is unknown."""

ZERO = "xzr"
"""The register that is always zero, under one name on every architecture that has one."""


def is_vector(register: str) -> bool:
    """Whether it is a vector or floating-point register, whose names begin alike on every architecture."""
    return register.startswith(("v", "xmm", "f")) and register[-1:].isdigit()


Control = Jump | Call | CallRegister | Return | Stop | Unknown
"""What decides where control goes next; among an instruction's operations only the last may be one."""

Operation = Compute | Bitwise | InsertBits | Multiply | Choose | Touch | Copy | Opaque | Skip | Control
