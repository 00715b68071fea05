"""What A32 and T32 instructions have in common: data processing, conditions, the procedure call standard.

Sources: Arm ARM F1 to F5 (AArch32 instruction sets); AAPCS32 §6.
"""

from dataclasses import dataclass
from typing import Literal

from mmio_bisect.classify.dataflow.tables import symbol_of
from mmio_bisect.classify.isa.arm.forms import LR, PC, SCRATCH, vector
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction, Relocation
from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    Bitwise,
    CallRegister,
    Compute,
    InsertBits,
    Multiply,
    Opaque,
    Operation,
    Return,
    Sum,
    Symbol,
    Term,
    Unknown,
)

CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
ALWAYS = 14

_AND, _EOR, _ORR, _BIC = 0, 1, 12, 14
COMPARISONS = frozenset({8, 9, 10, 11})
"""TST, TEQ, CMP, CMN."""

_KINDS: dict[int, Literal["and", "or", "xor"]] = {_AND: "and", _EOR: "xor", _ORR: "or"}
NOTHING = Opaque(reads=frozenset(), writes=frozenset())


def opposite(condition: str) -> str:
    return CONDITIONS[CONDITIONS.index(condition) ^ 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instruction is; `ahead` is how far the program counter reads ahead of it."""

    instruction: Instruction
    code: FunctionCode
    ahead: int

    @property
    def symbol(self) -> Symbol:
        return Symbol(name="code", section=self.code.section)

    def counter(self, *, aligned: bool = False) -> Sum:
        """What reading the program counter gives."""
        value = self.code.address + self.instruction.position + self.ahead
        return Sum(symbol=self.symbol, constant=value & ~3 if aligned else value)

    def value(self, name: str, *, aligned: bool = False) -> Sum:
        return self.counter(aligned=aligned) if name == PC else Sum.of(name)


def opaque(place: Place) -> tuple[Operation, ...]:
    """By the disassembler's account."""
    instruction = place.instruction
    if not instruction.recognised:
        return (Unknown(),)
    if PC in instruction.writes:
        return (CallRegister(register="(computed)", tail=True),)
    return (Opaque(reads=instruction.reads, writes=instruction.writes),)


def data_processing(  # noqa: PLR0911  one return a kind
    place: Place, opcode: int, target: str, left: Sum, right: Sum | None
) -> tuple[Operation, ...]:
    """By A32's opcodes; `right` is None where it is shifted in a way that is not modelled."""
    if opcode in COMPARISONS:
        return (NOTHING,)
    if right is None:
        return opaque(place)
    if opcode in _KINDS or (opcode == _BIC and not right.terms and right.symbol is None):
        if target == PC:
            return (CallRegister(register="(computed)", tail=True),)
        kind, right = (_KINDS[opcode], right) if opcode in _KINDS else ("and", Sum(constant=~right.constant))
        return (Bitwise(target=target, kind=kind, left=left, right=right),)
    value = _value(opcode, left, right)
    if value is None:
        return opaque(place)
    if target == PC:
        if value == Sum.of(LR):
            return (Return(register=LR),)
        return Compute(target=SCRATCH, value=value), CallRegister(register=SCRATCH, tail=True)
    return (Compute(target=target, value=value),)


def _value(opcode: int, left: Sum, right: Sum) -> Sum | None:
    """What additions and moves give; None for the others."""
    match opcode:
        case 4:
            return left.plus(right)
        case 2:
            return left.plus(right, -1)
        case 3:
            return right.plus(left, -1)
        case 13:
            return right
        case 15 if not right.terms and right.symbol is None:
            return Sum(constant=~right.constant)
        case _:
            return None


def move_half(place: Place, target: str, immediate: int, *, top: bool) -> tuple[Operation, ...]:
    """MOVW, MOVT; with a relocation MOVW gets the whole address and MOVT leaves it."""
    relocation: Relocation | None = next(iter(place.instruction.relocations), None)
    if relocation is None:
        if top:
            return (InsertBits(target=target, shift=16, width=16, bits=immediate),)
        return (Compute(target=target, value=Sum(constant=immediate)),)
    if top:
        return (NOTHING,)
    value = Sum(symbol=symbol_of(relocation), constant=relocation.addend)
    if "PREL" in relocation.kind:
        here = Symbol(name="code", section=place.code.section, address=place.code.address + place.instruction.position)
        value = Sum(symbol=value.symbol, constant=value.constant, less=here)
    return (Compute(target=target, value=value),)


def insert_field(target: str, source: str, low: int, high: int) -> tuple[Operation, ...]:
    """BFI, and BFC from the program counter's number."""
    value = Sum() if source == PC else Sum.of(source)
    return (InsertBits(target=target, shift=low, width=max(high - low + 1, 1), source=value),)


def multiply_add(target: str, left: str, right: str, plus: str | None, *, less: bool = False) -> tuple[Operation, ...]:
    """MUL, MLA, MLS."""
    return (
        Multiply(
            target=target,
            left=Sum(terms=(Term(register=left, factor=-1 if less else 1),)),
            right=Sum.of(right),
            plus=Sum.of(plus) if plus else Sum(),
        ),
    )


def multiply_halves(target: str, left: str, right: str, plus: str | None) -> tuple[Operation, ...]:
    """SMULxy, SMULWy, SMLAxy, SMLAWy: the product of halves is some number."""
    both = Sum(terms=(Term(register=left), Term(register=right)))
    product = Sum(terms=(UNKNOWN_AMOUNT,))
    return (Multiply(target=target, left=both, right=product, plus=Sum.of(plus) if plus else Sum()),)


def vector_immediate(word: int, top: int) -> tuple[Operation, ...] | None:
    """VMOV of a 32-bit immediate to each lane; None for other words. `top` is its highest bit's place in the word."""
    mode = word >> 8 & 15
    if word >> 19 & 0x17 != 0x10 or word >> 4 & 11 != 1 or mode > 7 or mode & 1:
        return None
    number = ((word >> top & 1) << 7 | (word >> 16 & 7) << 4 | word & 15) << 8 * (mode >> 1)
    target = vector(word >> 12 & 15 | (word >> 22 & 1) << 4, double=True)
    return (Compute(target=target, value=Sum(constant=number)),)
