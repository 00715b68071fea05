"""T32 instructions of 16 and 32 bits lifted to the operations that the data flow follows.

An IT instruction gives conditions to the up to four after it; which, is looked up from each of those.
Source: Arm ARM F3.1 "T32 instruction set encoding".
"""

from mmio_bisect.classify.isa.arm.common import (
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
    PC,
    SP,
    block,
    coprocessor,
    exclusive,
    ordered,
    pair,
    register,
    several,
    single,
    structure,
    table_branch,
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

_ADD, _SUB, _MOV, _MVN = 4, 2, 13, 15


def lift_t32(instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    """What one instruction does; `Unknown` for words that are none."""
    place = Place(instruction=instruction, code=code, ahead=4)
    if len(instruction.encoding) == 2:
        done = _short(instruction.word, place)
    elif len(instruction.encoding) == 4:
        done = _long(instruction.word << 16 & 0xFFFF0000 | instruction.word >> 16, place)
    else:
        return (Unknown(),)
    condition = _condition(instruction, code)
    return done if condition is None else (Skip(unless=condition), *done)


def _condition(instruction: Instruction, code: FunctionCode) -> str | None:
    """What an IT instruction before it says."""
    index = code.at(instruction.position)
    for distance in range(1, min(4, index or 0) + 1):
        earlier = code.instructions[(index or 0) - distance]
        if len(earlier.encoding) != 2 or earlier.word >> 8 != 0xBF or not earlier.word & 15:
            continue
        mask, first = earlier.word & 15, earlier.word >> 4 & 15
        covered = 4 - ((mask & -mask).bit_length() - 1)
        if distance > covered or first >= len(CONDITIONS):
            return None
        low = first & 1 if distance == 1 else mask >> (5 - distance) & 1
        return CONDITIONS[first & ~1 | low]
    return None


def _low(word: int, shift: int) -> str:
    return f"r{word >> shift & 7}"


def _short(word: int, place: Place) -> tuple[Operation, ...]:  # noqa: C901, PLR0911, PLR0912  one return a group
    match word >> 11:
        case 0:
            right = Sum(terms=(Term(register=_low(word, 3), factor=1 << (word >> 6 & 31)),))
            return data_processing(place, _MOV, _low(word, 0), Sum(), right)
        case 1 | 2:
            return opaque(place)
        case 3:
            third = Sum(constant=word >> 6 & 7) if word >> 10 & 1 else place.value(_low(word, 6))
            opcode = _SUB if word >> 9 & 1 else _ADD
            return data_processing(place, opcode, _low(word, 0), place.value(_low(word, 3)), third)
        case 4 | 5 | 6 | 7:
            opcode = (_MOV, 10, _ADD, _SUB)[word >> 11 & 3]
            name = _low(word, 8)
            return data_processing(place, opcode, name, place.value(name), Sum(constant=word & 0xFF))
        case 8:
            return _special(word, place) if word >> 10 & 1 else _short_data(word, place)
        case 9:
            offset = Sum(constant=4 * (word & 0xFF))
            here = place.counter(aligned=True)
            return single(load=True, width=32, data=_low(word, 8), base=PC, here=here, offset=offset)
        case 10 | 11:
            return _short_indexed(word, place)
        case 12 | 13 | 14 | 15 | 16 | 17:
            return _short_offset(word, place)
        case 18 | 19:
            offset = Sum(constant=4 * (word & 0xFF))
            load = bool(word >> 11 & 1)
            here = place.value(SP)
            return single(load=load, width=32, data=_low(word, 8), base=SP, here=here, offset=offset)
        case 20 | 21:
            here = place.value(SP) if word >> 11 & 1 else place.counter(aligned=True)
            return data_processing(place, _ADD, _low(word, 8), here, Sum(constant=4 * (word & 0xFF)))
        case 22 | 23:
            return _short_miscellaneous(word, place)
        case 24 | 25:
            load, base = bool(word >> 11 & 1), _low(word, 8)
            names = [f"r{number}" for number in range(8) if word >> number & 1]
            writes = not load or base not in names
            return several(load=load, names=names, base=base, increments=True, before=False, writes=writes)
        case 26 | 27:
            return _short_branch(word, place)
        case 28:
            return (Jump(position=place.instruction.position + 4 + 2 * signed(word & 0x7FF, 11), conditional=False),)
        case _:
            return opaque(place)


def _short_branch(word: int, place: Place) -> tuple[Operation, ...]:
    condition = word >> 8 & 15
    if condition == 14:
        return (Stop(),)
    if condition == 15:
        return opaque(place)
    to = place.instruction.position + 4 + 2 * signed(word & 0xFF, 8)
    return Skip(unless=CONDITIONS[condition]), Jump(position=to, conditional=False)


def _short_data(word: int, place: Place) -> tuple[Operation, ...]:
    opcode, name, other = word >> 6 & 15, _low(word, 0), place.value(_low(word, 3))
    if opcode == 9:  # RSB from zero
        return data_processing(place, 3, name, other, Sum())
    if opcode in {2, 3, 4, 5, 6, 7, 13}:
        return opaque(place)
    return data_processing(place, opcode, name, place.value(name), other)


def _special(word: int, place: Place) -> tuple[Operation, ...]:
    other, name = register(word >> 3 & 15), register(word >> 4 & 8 | word & 7)
    match word >> 8 & 3:
        case 0:
            return data_processing(place, _ADD, name, place.value(name), place.value(other))
        case 1:
            return (NOTHING,)
        case 2:
            return data_processing(place, _MOV, name, Sum(), place.value(other))
        case _ if word >> 7 & 1:
            return (CallRegister(register=other),)
        case _:
            return (Return(register=LR),) if other == LR else (CallRegister(register=other, tail=True),)


_INDEXED = (
    (False, 32, False), (False, 16, False), (False, 8, False), (True, 8, True),
    (True, 32, False), (True, 16, False), (True, 8, False), (True, 16, True),
)  # fmt: skip
"""STR, STRH, STRB, LDRSB, LDR, LDRH, LDRB, LDRSH: whether it loads, its width, whether it extends the sign."""


def _short_indexed(word: int, place: Place) -> tuple[Operation, ...]:
    load, width, signs = _INDEXED[word >> 9 & 7]
    base = _low(word, 3)
    offset = Sum.of(_low(word, 6))
    here = place.value(base)
    return single(load=load, width=width, data=_low(word, 0), base=base, here=here, offset=offset, signs=signs)


def _short_offset(word: int, place: Place) -> tuple[Operation, ...]:
    width = {6: 32, 7: 8, 8: 16}[word >> 12]
    load, base = bool(word >> 11 & 1), _low(word, 3)
    offset = Sum(constant=(word >> 6 & 31) * width // 8)
    here = place.value(base)
    return single(load=load, width=width, data=_low(word, 0), base=base, here=here, offset=offset)


def _short_miscellaneous(word: int, place: Place) -> tuple[Operation, ...]:
    if word >> 8 & 15 == 0:
        amount = Sum(constant=4 * (word & 0x7F))
        return data_processing(place, _SUB if word >> 7 & 1 else _ADD, SP, place.value(SP), amount)
    if word >> 8 & 5 == 1:  # CBZ, CBNZ
        to = place.instruction.position + 4 + 2 * (word >> 3 & 31 | (word >> 9 & 1) << 5)
        return (Jump(position=to, conditional=True),)
    if word >> 9 & 3 == 2:
        load = bool(word >> 11 & 1)
        last = ([PC] if load else [LR]) if word >> 8 & 1 else []
        names = [f"r{number}" for number in range(8) if word >> number & 1] + last
        return several(load=load, names=names, base=SP, increments=load, before=not load, writes=True)
    if word >> 8 & 15 == 15:  # IT and hints
        return (NOTHING,)
    return (Stop(),) if word >> 8 & 15 == 14 else opaque(place)


def _long(word: int, place: Place) -> tuple[Operation, ...]:  # noqa: PLR0911  one return a group
    if word >> 27 == 0b11101:
        if word >> 26 & 1:
            return coprocessor(word, place.counter(aligned=True)) or _vector_data(word) or opaque(place)
        if word >> 25 & 1:
            return _shifted_data(word, place)
        return _dual(word, place) if word >> 22 & 1 else block(word, before=not word >> 23 & 1)
    if word >> 27 == 0b11110:
        if word >> 15 & 1:
            return _branch(word, place)
        return _plain(word, place) if word >> 25 & 1 else _modified(word, place)
    if word >> 24 == 0xF9 and not word >> 20 & 1:
        return structure(word)
    if word >> 25 == 0b1111100:
        return _access(word, place)
    if word >> 20 == 0xFB0 and word >> 4 & 15 < 2:  # MUL, MLA, MLS
        plus = None if word >> 12 & 15 == 15 else register(word >> 12 & 15)
        target, left, right = (register(word >> shift & 15) for shift in (8, 16, 0))
        return multiply_add(target, left, right, plus, less=bool(word >> 4 & 15))
    if word >> 20 == 0xFB1 and word >> 6 & 3 == 0:  # SMULxy, SMLAxy
        plus = None if word >> 12 & 15 == 15 else register(word >> 12 & 15)
        target, left, right = (register(word >> shift & 15) for shift in (8, 16, 0))
        return multiply_halves(target, left, right, plus)
    return _vector_data(word) or opaque(place)


def _vector_data(word: int) -> tuple[Operation, ...] | None:
    """Of Advanced SIMD data processing what is modelled."""
    return vector_immediate(word, 28) if word >> 24 & 0xEF == 0xEF else None


_EXCLUSIVE_WIDTHS = {0: 8, 1: 16, 2: 32, 3: 64}


def _dual(word: int, place: Place) -> tuple[Operation, ...]:
    """LDRD, STRD, exclusives, LDA, STL, TBB, TBH."""
    before, up, writes, load = (bool(word >> bit & 1) for bit in (24, 23, 21, 20))
    base, data, second = register(word >> 16 & 15), register(word >> 12 & 15), register(word >> 8 & 15)
    if before or writes:
        offset = Sum(constant=4 * (word & 0xFF) * (1 if up else -1))
        here = place.value(base, aligned=True)
        return pair(load=load, data=(data, second), base=base, here=here, offset=offset, before=before, writes=writes)
    if not up:
        clobbers = (data,) if load else (second,)
        return exclusive(load=load, names=(data,), base=base, clobbers=clobbers, offset=4 * (word & 0xFF))
    kind = word >> 4 & 15
    if kind in {0, 1} and load:
        counter = place.value(base)
        if counter.symbol is None:
            return (CallRegister(register="(table)", tail=True),)
        return table_branch(place.symbol, counter.constant, register(word & 15), 8 << kind)
    width = _EXCLUSIVE_WIDTHS[kind & 3]
    if kind >> 2 == 2:
        return ordered(load=load, width=width, data=data, base=base)
    names = (data, second) if width == 64 else (data,)
    changed = names if load else (register(word & 15),)
    return exclusive(load=load, width=width, names=names, base=base, clobbers=changed)


_OPCODES = {0: 0, 1: 14, 2: 12, 4: 1, 8: _ADD, 13: _SUB, 14: 3}
"""T32's data-processing opcodes as A32's; ORN, PKH and those with carry are not modelled."""


def _data(word: int, place: Place, right: Sum | None) -> tuple[Operation, ...]:
    opcode, target, left = word >> 21 & 15, word >> 8 & 15, word >> 16 & 15
    if target == 15 and word >> 20 & 1 and opcode in {0, 4, 8, 13}:
        return (NOTHING,)  # TST, TEQ, CMN, CMP
    if opcode not in _OPCODES and not (opcode == 3 and left == 15):
        return opaque(place)
    if left == 15 and opcode in {2, 3}:
        return data_processing(place, _MOV if opcode == 2 else _MVN, register(target), Sum(), right)
    return data_processing(place, _OPCODES[opcode], register(target), place.value(register(left)), right)


def _shifted_data(word: int, place: Place) -> tuple[Operation, ...]:
    amount = word >> 10 & 0x1C | word >> 6 & 3
    right = None
    if not word >> 4 & 3:
        right = Sum(terms=(Term(register=register(word & 15), factor=1 << amount),))
    return _data(word, place, right)


def _modified(word: int, place: Place) -> tuple[Operation, ...]:
    return _data(word, place, Sum(constant=expand_immediate(split_immediate(word))))


def split_immediate(word: int) -> int:
    """The twelve bits `i:imm3:imm8`."""
    return (word >> 26 & 1) << 11 | (word >> 12 & 7) << 8 | word & 0xFF


def expand_immediate(immediate: int) -> int:
    """Arm ARM, `T32ExpandImm`."""
    low = immediate & 0xFF
    if not immediate >> 10:
        return (low, low * 0x0001_0001, low * 0x0100_0100, low * 0x0101_0101)[immediate >> 8]
    value, rotation = 0x80 | immediate & 0x7F, immediate >> 7
    return (value >> rotation | value << (32 - rotation)) & 0xFFFF_FFFF


def _plain(word: int, place: Place) -> tuple[Operation, ...]:
    short = split_immediate(word)
    half = (word >> 16 & 15) << 12 | short
    target, left = register(word >> 8 & 15), register(word >> 16 & 15)
    match word >> 20 & 31:
        case 0 | 10:
            opcode = _SUB if word >> 23 & 1 else _ADD
            return data_processing(place, opcode, target, place.value(left, aligned=True), Sum(constant=short))
        case 4:
            return move_half(place, target, half, top=False)
        case 12:
            return move_half(place, target, half, top=True)
        case 22:  # BFI, BFC
            return insert_field(target, left, word >> 10 & 28 | word >> 6 & 3, word & 31)
        case _:
            return opaque(place)


def far_branch(word: int) -> int:
    """How far B and BL lead (encodings T4 and T1), in bytes from where the program counter is."""
    sign = word >> 26 & 1
    high, middle = (word >> 13 & 1) ^ sign ^ 1, (word >> 11 & 1) ^ sign ^ 1
    return signed(sign << 24 | high << 23 | middle << 22 | (word >> 16 & 0x3FF) << 12 | (word & 0x7FF) << 1, 25)


def _branch(word: int, place: Place) -> tuple[Operation, ...]:
    here, far = place.instruction.position + 4, far_branch(word)
    match word >> 14 & 1, word >> 12 & 1:
        case 1, 1:
            return (Call(position=here + far),)
        case 1, 0:
            return (Call(position=((place.code.address + here) & ~3) - place.code.address + far),)
        case 0, 1:
            return (Jump(position=here + far, conditional=False),)
        case _:
            pass
    condition = word >> 22 & 15
    if condition >= len(CONDITIONS):
        return (Stop(),) if word >> 20 == 0xF7F else (NOTHING,)  # UDF; barriers, hints and the status registers
    high = (word >> 26 & 1) << 20 | (word >> 11 & 1) << 19 | (word >> 13 & 1) << 18
    near = high | (word >> 16 & 0x3F) << 12 | (word & 0x7FF) << 1
    return Skip(unless=CONDITIONS[condition]), Jump(position=here + signed(near, 21), conditional=False)


def _access(word: int, place: Place) -> tuple[Operation, ...]:
    """A byte, a half or a word of one register."""
    signs, load, size = bool(word >> 24 & 1), bool(word >> 20 & 1), word >> 21 & 3
    base, data = register(word >> 16 & 15), register(word >> 12 & 15)
    if size == 3:
        return opaque(place)
    if load and data == PC and size < 2:
        return (NOTHING,)  # preloads
    before, writes = True, False
    if base == PC:
        offset = Sum(constant=(word & 0xFFF) * (1 if word >> 23 & 1 else -1))
    elif word >> 23 & 1:
        offset = Sum(constant=word & 0xFFF)
    elif word >> 11 & 1:
        before, writes = bool(word >> 10 & 1), bool(word >> 8 & 1)
        offset = Sum(constant=(word & 0xFF) * (1 if word >> 9 & 1 else -1))
    else:
        offset = Sum(terms=(Term(register=register(word & 15), factor=1 << (word >> 4 & 3)),))
    return single(
        load=load,
        width=8 << size,
        data=data,
        base=base,
        here=place.value(base, aligned=True),
        offset=offset,
        before=before,
        writes=writes,
        signs=signs,
    )
