"""A32 instructions lifted to the operations that the data flow follows.

Source: Arm ARM F4.1 "A32 instruction set encoding".
"""

from mmio_bisect.classify.isa.arm.common import (
    ALWAYS,
    CONDITIONS,
    NOTHING,
    Place,
    data_processing,
    insert_field,
    move_half,
    multiply_add,
    multiply_halves,
    opaque,
    vector_immediate,
)
from mmio_bisect.classify.isa.arm.forms import (
    LR,
    bare,
    block,
    coprocessor,
    exclusive,
    ordered,
    pair,
    register,
    single,
    structure,
)
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import (
    Call,
    CallRegister,
    Jump,
    Operation,
    Return,
    Skip,
    Stop,
    Sum,
    Term,
    Unknown,
)
from mmio_bisect.domain.access import Form


def lift_a32(instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    """What one instruction does; `Unknown` for words that are none."""
    if len(instruction.encoding) != 4:
        return (Unknown(),)
    word, place = instruction.word, Place(instruction=instruction, code=code, ahead=8)
    condition = word >> 28
    if condition == 15:
        return _unconditional(word, place)
    done = _lift(word, place)
    return done if condition == ALWAYS else (Skip(unless=CONDITIONS[condition]), *done)


def _unconditional(word: int, place: Place) -> tuple[Operation, ...]:
    if word >> 25 & 7 == 5:  # BLX to Thumb code
        offset = signed((word & 0xFFFFFF) << 2 | (word >> 24 & 1) << 1, 26)
        return (Call(position=place.instruction.position + 8 + offset),)
    if word >> 24 & 15 == 4 and not word >> 20 & 1:
        return structure(word)
    if word >> 26 & 3 == 1 and word >> 20 & 7 in {1, 5}:  # PLD, PLI, PLDW and barriers
        return (NOTHING,)
    moved = vector_immediate(word, 24) if word >> 25 & 7 == 1 else None
    return moved or opaque(place)


def _lift(word: int, place: Place) -> tuple[Operation, ...]:  # noqa: PLR0911  one return a group
    match word >> 25 & 7:
        case 0 if word >> 4 & 9 == 9:
            return _extra(word, place)
        case 0 | 1 if word >> 23 & 3 == 2 and not word >> 20 & 1:
            return _miscellaneous(word, place)
        case 0 | 1:
            return _data(word, place)
        case 3 if word >> 21 & 15 == 14 and word >> 4 & 7 == 1:  # BFI, BFC
            return insert_field(register(word >> 12 & 15), register(word & 15), word >> 7 & 31, word >> 16 & 31)
        case 2 | 3 if word >> 25 & 1 and word >> 4 & 1:
            return (Stop(),) if word >> 20 & 0xFF == 0x7F and word >> 4 & 15 == 15 else opaque(place)  # UDF; media
        case 2 | 3:
            return _word_or_byte(word, place)
        case 4:
            return block(word, before=bool(word >> 24 & 1))
        case 5:
            position = place.instruction.position + 8 + 4 * signed(word & 0xFFFFFF, 24)
            return (Call(position=position),) if word >> 24 & 1 else (Jump(position=position, conditional=False),)
        case _:
            return coprocessor(word, place.counter()) or opaque(place)


def _shifted(word: int) -> Sum | None:
    """A register shifted left by a number; None for other shifts."""
    if word >> 4 & 7:
        return None
    return Sum(terms=(Term(register=register(word & 15), factor=1 << (word >> 7 & 31)),))


def _immediate(word: int) -> Sum:
    value, rotation = word & 0xFF, 2 * (word >> 8 & 15)
    return Sum(constant=(value >> rotation | value << (32 - rotation)) & 0xFFFF_FFFF)


def _data(word: int, place: Place) -> tuple[Operation, ...]:
    left = place.value(register(word >> 16 & 15))
    right = _immediate(word) if word >> 25 & 1 else _shifted(word)
    if right is not None and not word >> 25 & 1 and word & 15 == 15:
        right = None if word >> 7 & 31 else place.counter()
    return data_processing(place, word >> 21 & 15, register(word >> 12 & 15), left, right)


def _miscellaneous(word: int, place: Place) -> tuple[Operation, ...]:  # noqa: PLR0911  one return a form
    target = register(word >> 12 & 15)
    half = word >> 4 & 0xF000 | word & 0xFFF
    if word >> 25 & 1:
        match word >> 20 & 15:
            case 0:
                return move_half(place, target, half, top=False)
            case 4:
                return move_half(place, target, half, top=True)
            case _:
                return (NOTHING,)  # hints and writes to the status registers
    to = register(word & 15)
    if word >> 4 & 9 == 8 and word >> 20 & 15 != 4:
        adds = word >> 20 & 15 == 0 or (word >> 20 & 15 == 2 and not word >> 5 & 1)
        return multiply_halves(register(word >> 16 & 15), to, register(word >> 8 & 15), target if adds else None)
    match word >> 20 & 15, word >> 4 & 15:
        case 2, 1:
            return (Return(register=LR),) if to == LR else (CallRegister(register=to, tail=True),)
        case 2, 3:
            return (CallRegister(register=to),)
        case 2, 7:
            return (Stop(),)
        case _:
            return opaque(place)


_EXCLUSIVE_WIDTHS = (32, 64, 8, 16)


def _extra(word: int, place: Place) -> tuple[Operation, ...]:
    """Multiplications, synchronization, and the accesses of halves, signed bytes and pairs."""
    kind, load = word >> 5 & 3, bool(word >> 20 & 1)
    base, data = register(word >> 16 & 15), word >> 12 & 15
    if kind == 0:
        if word >> 24 & 1:
            return _synchronization(word, place)
        return _multiplication(word, place)
    before, up, writes = bool(word >> 24 & 1), bool(word >> 23 & 1), bool(word >> 21 & 1)
    offset = _offset(word, word >> 4 & 0xF0 | word & 15, immediate=bool(word >> 22 & 1), up=up)
    here = place.value(base)
    if not load and kind != 1:
        names = (register(data), register(data + 1))
        return pair(load=kind == 2, data=names, base=base, here=here, offset=offset, before=before, writes=writes)
    return single(
        load=load,
        width=8 if kind == 2 else 16,
        data=register(data),
        base=base,
        here=here,
        offset=offset,
        before=before,
        writes=writes,
        signs=kind != 1,
    )


def _multiplication(word: int, place: Place) -> tuple[Operation, ...]:
    """MUL, MLA and MLS; what gives 64 bits is not modelled."""
    kind = word >> 21 & 7
    if kind not in {0, 1, 3}:
        return opaque(place)
    plus = register(word >> 12 & 15) if kind else None
    target, left, right = (register(word >> shift & 15) for shift in (16, 0, 8))
    return multiply_add(target, left, right, plus, less=kind == 3)


def _offset(word: int, number: int, *, immediate: bool, up: bool) -> Sum:
    if immediate:
        return Sum(constant=number if up else -number)
    return Sum(terms=(Term(register=register(word & 15), factor=1 if up else -1),))


def _synchronization(word: int, place: Place) -> tuple[Operation, ...]:
    base, load = register(word >> 16 & 15), bool(word >> 20 & 1)
    if not word >> 23 & 1:
        names = (register(word & 15), register(word >> 12 & 15))
        width = 8 if word >> 22 & 1 else 32
        return bare("swp", Form.ATOMIC, load=False, width=width, names=names, base=base, clobbers=names[1:])
    width = _EXCLUSIVE_WIDTHS[word >> 21 & 3]
    data = word >> 12 & 15 if load else word & 15
    if word >> 8 & 3 == 0:
        return ordered(load=load, width=width, data=register(data), base=base)
    if word >> 8 & 3 == 1:
        return opaque(place)
    second = (register(data + 1),) if width == 64 else ()
    clobbers = (register(data), *second) if load else (register(word >> 12 & 15),)
    return exclusive(load=load, width=width, names=(register(data), *second), base=base, clobbers=clobbers)


def _word_or_byte(word: int, place: Place) -> tuple[Operation, ...]:
    before, up, byte, writes, load = (bool(word >> bit & 1) for bit in (24, 23, 22, 21, 20))
    base = register(word >> 16 & 15)
    if not word >> 25 & 1:
        offset = Sum(constant=(word & 0xFFF) * (1 if up else -1))
    else:
        shifted = _shifted(word)
        if shifted is None:
            offset = Sum.of("?")
        else:
            (term,) = shifted.terms
            offset = Sum(terms=(Term(register=term.register, factor=term.factor if up else -term.factor),))
    return single(
        load=load,
        width=8 if byte else 32,
        data=register(word >> 12 & 15),
        base=base,
        here=place.value(base),
        offset=offset,
        before=before,
        writes=writes,
    )
