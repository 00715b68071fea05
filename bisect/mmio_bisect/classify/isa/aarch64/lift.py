"""A64 instructions lifted to the operations that the data flow follows.

What moves pointers is modelled from the bits: additions, moves, constants, selections, loads and stores, branches. The
rest is `Opaque`: the register effects of integer instructions come from the bits too, those of others from the
disassembler.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from mmio_bisect.classify.dataflow.tables import symbol_of
from mmio_bisect.classify.isa.aarch64.decode import memory_access
from mmio_bisect.classify.isa.aarch64.effects import integer_effects
from mmio_bisect.classify.isa.aarch64.forms import base, general
from mmio_bisect.classify.machine.bits import Pattern, pattern, signed
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    Bitwise,
    Call,
    CallRegister,
    Choose,
    Compute,
    InsertBits,
    Jump,
    Multiply,
    Opaque,
    Operation,
    Return,
    Stop,
    Sum,
    Symbol,
    Term,
    Touch,
    Unknown,
)
from mmio_bisect.domain.access import AddressingMode

Fields = dict[str, int]


def lift(instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    """What one instruction does; `Unknown` for words that neither the tables nor the disassembler know."""
    touch = memory_access(instruction.word)
    if touch is not None:
        return (_placed(touch, instruction, code),)
    for row_pattern, read in _ROWS:
        if row_pattern.matches(instruction.word):
            operation = read(row_pattern.read(instruction.word), instruction)
            if operation is not None:
                return (_in_section(operation, instruction, code),)
    if not instruction.recognised:
        return (Unknown(),)
    return (integer_effects(instruction.word) or Opaque(reads=instruction.reads, writes=instruction.writes),)


def _placed(touch: Touch, instruction: Instruction, code: FunctionCode) -> Touch:
    """What the word alone does not tell: a literal's address, and the low bits of a symbol's address (see _page)."""
    if touch.transfer.addressing is not AddressingMode.LITERAL:
        addend = sum(relocation.addend for relocation in instruction.relocations if "LO12" in relocation.kind)
        return replace(touch, address=replace(touch.address, constant=touch.address.constant + addend))
    if instruction.relocations:
        relocation = instruction.relocations[0]
        address = Sum(symbol=symbol_of(relocation), constant=relocation.addend)
    else:
        offset = 4 * signed(instruction.word >> 5 & 0x7FFFF, 19)
        place = code.address + instruction.position + offset
        address = Sum(symbol=Symbol(name="literal", section=code.section), constant=place)
    return replace(touch, address=address)


def _in_section(operation: Operation, instruction: Instruction, code: FunctionCode) -> Operation:
    """ADR without a relocation: a place in the code's own section."""
    if instruction.word & 0x9F000000 != 0x10000000 or instruction.relocations:
        return operation
    offset = signed((instruction.word >> 5 & 0x7FFFF) << 2 | instruction.word >> 29 & 3, 21)
    here = Sum(symbol=Symbol(name="code", section=code.section), constant=code.address + instruction.position + offset)
    return Compute(target=general(instruction.word & 31), value=here)


def _computed(fields: Fields, value: Sum, target: str | None = None) -> Compute:
    return Compute(target=target or general(fields["d"]), value=value, narrow=not fields["x"])


def _add_immediate(fields: Fields, instruction: Instruction) -> Operation | None:
    amount = fields["i"] << (12 if fields["h"] else 0)
    if fields["o"]:
        amount = -amount
    if instruction.relocations:
        # The low bits of a symbol's address: ADRP has already given the whole address but for the addend, see _page.
        amount = instruction.relocations[0].addend
    if fields["f"] and fields["d"] == 31:
        return None
    target = general(fields["d"]) if fields["f"] else base(fields["d"])
    value = Sum.of(base(fields["n"]), amount)
    return _computed(fields, value, target)


def _add_register(fields: Fields, _: Instruction) -> Operation | None:
    if fields["k"] != 0 or fields["d"] == 31:
        return None
    factor = (-1 if fields["o"] else 1) << fields["i"]
    value = Sum(terms=(Term(register=general(fields["n"])), Term(register=general(fields["m"]), factor=factor)))
    return _computed(fields, value)


def _add_extended(fields: Fields, _: Instruction) -> Operation | None:
    if fields["f"] and fields["d"] == 31:
        return None
    factor = (-1 if fields["o"] else 1) << fields["i"]
    extends = 8 << (fields["p"] & 3) if fields["p"] & 4 else 0
    index = Term(register=general(fields["m"]), factor=factor, narrow=fields["p"] & 3 != 3, extends=extends)
    target = general(fields["d"]) if fields["f"] else base(fields["d"])
    value = Sum(terms=(Term(register=base(fields["n"])), index))
    return _computed(fields, value, target)


def _move(fields: Fields, _: Instruction) -> Operation | None:
    if fields["d"] == 31:
        return None
    value = Sum.of(general(fields["m"]))
    return _computed(fields, value)


def _move_wide(fields: Fields, instruction: Instruction) -> Operation | None:
    """MOVZ, MOVN, MOVK; with a relocation the value is the linker's."""
    shift = 16 * fields["h"]
    target = general(fields["d"])
    if fields["d"] == 31 or instruction.relocations:
        return None
    match fields["o"]:
        case 0:
            constant = ~(fields["i"] << shift)
        case 2:
            constant = fields["i"] << shift
        case 3:
            return InsertBits(target=target, shift=shift, width=16, bits=fields["i"], narrow=not fields["x"])
        case _:
            return None
    return _computed(fields, Sum(constant=constant), target)


_LOGICAL: tuple[Literal["and", "or", "xor"], ...] = ("and", "or", "xor", "and")
"""By `opc`; ANDS is an AND."""


def _logical_immediate(fields: Fields, _: Instruction) -> Operation | None:
    constant = bitmask_immediate(fields["N"], fields["s"], fields["r"], 64 if fields["x"] else 32)
    if constant is None or (fields["o"] == 3 and fields["d"] == 31):
        return None
    return Bitwise(
        target=general(fields["d"]) if fields["o"] == 3 else base(fields["d"]),
        kind=_LOGICAL[fields["o"]],
        left=Sum.of(general(fields["n"])),
        right=Sum(constant=constant),
        narrow=not fields["x"],
    )


def _logical_register(fields: Fields, _: Instruction) -> Operation | None:
    """Shifted to the left or not, and not inverted."""
    if fields["v"] or fields["d"] == 31:
        return None
    return Bitwise(
        target=general(fields["d"]),
        kind=_LOGICAL[fields["o"]],
        left=Sum.of(general(fields["n"])),
        right=Sum(terms=(Term(register=general(fields["m"]), factor=1 << fields["i"]),)),
        narrow=not fields["x"],
    )


def _shift_left(fields: Fields, _: Instruction) -> Operation | None:
    """UBFM as LSL: imms + 1 = immr."""
    size = 64 if fields["x"] else 32
    if fields["s"] + 1 != fields["r"] or fields["r"] >= size or fields["d"] == 31:
        return None
    value = Sum(terms=(Term(register=general(fields["n"]), factor=1 << (size - fields["r"])),))
    return _computed(fields, value)


def _multiply_add(fields: Fields, _: Instruction) -> Operation | None:
    """MADD, MSUB; UMADDL, UMSUBL, SMADDL, SMSUBL of the low halves."""
    if fields["d"] == 31 or fields["p"] & 3 > 1:
        return None
    plus = Sum(terms=(Term(register=general(fields["a"])),))
    half = fields["p"] & 3 == 1
    left = Sum(terms=(Term(register=general(fields["n"]), factor=-1 if fields["o"] else 1, narrow=half),))
    right = Sum(terms=(Term(register=general(fields["m"]), narrow=half),))
    return Multiply(target=general(fields["d"]), left=left, right=right, plus=plus, narrow=not fields["x"])


def _insert_field(fields: Fields, _: Instruction) -> Operation | None:
    """BFM as BFI, and as BFXIL, which takes bits from the middle of its source."""
    size, narrow = (64, False) if fields["x"] else (32, True)
    target, source = general(fields["d"]), Sum(terms=(Term(register=general(fields["n"])),))
    if fields["d"] == 31:
        return None
    if fields["s"] < fields["r"]:
        shift, width = size - fields["r"], fields["s"] + 1
        return InsertBits(target=target, shift=shift, width=width, source=source, narrow=narrow)
    some = source if fields["r"] == 0 else Sum(terms=(UNKNOWN_AMOUNT,))
    return InsertBits(target=target, shift=0, width=fields["s"] - fields["r"] + 1, source=some, narrow=narrow)


def bitmask_immediate(n: int, imms: int, immr: int, width: int) -> int | None:
    """The constant of a logical instruction (Arm ARM, `DecodeBitMasks`); None for a reserved encoding."""
    length = (n << 6 | (~imms & 0x3F)).bit_length() - 1
    if length < 1 or (1 << length) > width:
        return None
    size = 1 << length
    ones, rotation = (imms & (size - 1)) + 1, immr & (size - 1)
    if ones == size:
        return None
    element = (1 << ones) - 1
    element = (element >> rotation | element << (size - rotation)) & ((1 << size) - 1)
    return sum(element << position for position in range(0, width, size))


def _page(fields: Fields, instruction: Instruction) -> Operation | None:
    """ADR and ADRP: with a relocation the address of a symbol, as a whole.

    Of ADRP without the addend, which the ADD or access that uses it has too.
    """
    if not instruction.relocations:
        return Compute(target=general(fields["d"]), value=Sum()) if not fields["p"] else None
    relocation = instruction.relocations[0]
    if "TLS" in relocation.kind:
        return None
    value = Sum(
        constant=0 if fields["p"] else relocation.addend,
        symbol=symbol_of(relocation, slot="GOT" in relocation.kind),
    )
    return Compute(target=general(fields["d"]), value=value)


def _select(fields: Fields, _: Instruction) -> Operation:
    """CSEL of full registers."""
    return Choose(target=general(fields["d"]), sources=(general(fields["n"]), general(fields["m"])))


def _branch(width: int, *, conditional: bool) -> Callable[[Fields, Instruction], Operation]:
    def read(fields: Fields, instruction: Instruction) -> Operation:
        return Jump(position=instruction.position + 4 * signed(fields["i"], width), conditional=conditional)

    return read


def _call(fields: Fields, instruction: Instruction) -> Operation:
    return Call(position=instruction.position + 4 * signed(fields["i"], 26))


def _indirect(*, tail: bool) -> Callable[[Fields, Instruction], Operation]:
    return lambda fields, _: CallRegister(register=general(fields["n"]), tail=tail)


# Fields: x 64 bits, o subtract or opcode, f sets flags, h shifted, i immediate, k kind of shift, n Rn, m Rm, d Rd,
# p extension.
_TABLE: tuple[tuple[str, Callable[[Fields, Instruction], Operation | None]], ...] = (
    ("x o f 100010 h iiiiiiiiiiii nnnnn ddddd", _add_immediate),
    ("x o . 01011 kk 0 mmmmm iiiiii nnnnn ddddd", _add_register),
    ("x o f 01011 00 1 mmmmm ppp iii nnnnn ddddd", _add_extended),
    ("x 01 01010 00 0 mmmmm 000000 11111 ddddd", _move),
    ("x oo 100101 hh iiiiiiiiiiiiiiii ddddd", _move_wide),
    ("x oo 100100 N rrrrrr ssssss nnnnn ddddd", _logical_immediate),
    ("x oo 01010 00 v mmmmm iiiiii nnnnn ddddd", _logical_register),
    ("x 10 100110 . rrrrrr ssssss nnnnn ddddd", _shift_left),
    ("x 01 100110 . rrrrrr ssssss nnnnn ddddd", _insert_field),
    ("x 00 11011 ppp mmmmm o aaaaa nnnnn ddddd", _multiply_add),
    ("p .. 10000 ................... ddddd", _page),
    ("1 00 11010100 mmmmm .... 00 nnnnn ddddd", _select),
    ("0 00101 iiiiiiiiiiiiiiiiiiiiiiiiii", _branch(26, conditional=False)),
    ("1 00101 iiiiiiiiiiiiiiiiiiiiiiiiii", _call),
    ("01010100 iiiiiiiiiiiiiiiiiii . ....", _branch(19, conditional=True)),
    (". 011010 . iiiiiiiiiiiiiiiiiii .....", _branch(19, conditional=True)),
    (". 011011 . ..... iiiiiiiiiiiiii .....", _branch(14, conditional=True)),
    ("1101011 . 0 00 11111 0000 .. nnnnn .....", _indirect(tail=True)),
    ("1101011 . 0 01 11111 0000 .. nnnnn .....", _indirect(tail=False)),
    ("1101011 0 0 10 11111 0000 .. ..... .....", lambda _fields, _: Return()),
    ("11010100 001 ................ 000 00", lambda _fields, _: Stop()),
    ("11010100 010 ................ 000 00", lambda _fields, _: Stop()),
    ("0000000000000000 ................", lambda _fields, _: Stop()),
)

_ROWS: Sequence[tuple[Pattern, Callable[[Fields, Instruction], Operation | None]]] = tuple(
    (pattern(text), read) for text, read in _TABLE
)
