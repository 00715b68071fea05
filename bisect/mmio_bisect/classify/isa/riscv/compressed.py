"""The 16-bit instructions of RISC-V's C extension and of Zcb, as the 32-bit ones that they stand for.

Source: The RISC-V Instruction Set Manual Volume I, "C" extension, tables of the three quadrants; Zc extensions, Zcb.
"""

from dataclasses import dataclass

from mmio_bisect.classify.machine.bits import signed


@dataclass(frozen=True, slots=True)
class Expanded:
    """The 32-bit word that does the same, and the short form's own name where it touches memory."""

    word: int
    name: str = ""


LOAD, LOAD_FP, OP_IMM, OP_IMM_32, STORE, STORE_FP, OP, LUI, OP_32, BRANCH, JALR, JAL = (
    0x03, 0x07, 0x13, 0x1B, 0x23, 0x27, 0x33, 0x37, 0x3B, 0x63, 0x67, 0x6F,
)  # fmt: skip
EBREAK = 0x0010_0073


def expand(half: int, xlen: int) -> Expanded | None:
    """None for what is not an instruction."""
    match half & 3:
        case 0:
            return _quadrant_0(half, xlen)
        case 1:
            return _quadrant_1(half, xlen)
        case 2:
            return _quadrant_2(half, xlen)
        case _:
            return None


def _bits(half: int, *fields: tuple[int, int, int]) -> int:
    """Fields (their lowest bit, how many bits, where they go) put together."""
    return sum((half >> low & (1 << width) - 1) << to for low, width, to in fields)


def _i(opcode: int, funct3: int, rd: int, rs1: int, immediate: int) -> int:
    return (immediate & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def _s(opcode: int, funct3: int, rs1: int, rs2: int, immediate: int) -> int:
    return (immediate >> 5 & 0x7F) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (immediate & 31) << 7 | opcode


def _r(opcode: int, funct3: int, funct7: int, rd: int, rs1: int, rs2: int) -> int:
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def _jump(rd: int, offset: int) -> int:
    field = (offset >> 20 & 1) << 19 | (offset >> 1 & 0x3FF) << 9 | (offset >> 11 & 1) << 8 | offset >> 12 & 0xFF
    return field << 12 | rd << 7 | JAL


def _branch(funct3: int, rs1: int, offset: int) -> int:
    high = (offset >> 12 & 1) << 6 | offset >> 5 & 0x3F
    low = (offset >> 1 & 0xF) << 1 | offset >> 11 & 1
    return high << 25 | rs1 << 15 | funct3 << 12 | low << 7 | BRANCH


_EITHER = {1: (LOAD_FP, 3, "c.fld"), 2: (LOAD, 2, "c.lw"), 5: (STORE_FP, 3, "c.fsd"), 6: (STORE, 2, "c.sw")}
_MEMORY = {
    32: _EITHER | {3: (LOAD_FP, 2, "c.flw"), 7: (STORE_FP, 2, "c.fsw")},
    64: _EITHER | {3: (LOAD, 3, "c.ld"), 7: (STORE, 3, "c.sd")},
}
"""By the register's size and the three highest bits: the long form's opcode and funct3, and the short form's name."""


def _access(half: int, xlen: int, register: int, base: int, word: int, double: int, suffix: str = "") -> Expanded:
    """`word` and `double` are the offset, as the form reads it."""
    opcode, funct3, name = _MEMORY[xlen][half >> 13]
    offset = double if funct3 == 3 else word
    if opcode in {STORE, STORE_FP}:
        return Expanded(_s(opcode, funct3, base, register, offset), name + suffix)
    return Expanded(_i(opcode, funct3, register, base, offset), name + suffix)


def _quadrant_0(half: int, xlen: int) -> Expanded | None:
    near, base = 8 + (half >> 2 & 7), 8 + (half >> 7 & 7)
    match half >> 13:
        case 0:
            immediate = _bits(half, (11, 2, 4), (7, 4, 6), (6, 1, 2), (5, 1, 3))
            return Expanded(_i(OP_IMM, 0, near, 2, immediate)) if immediate else None
        case 4:
            return _zcb(half, near, base)
        case _:
            word, double = _bits(half, (10, 3, 3), (6, 1, 2), (5, 1, 6)), _bits(half, (10, 3, 3), (5, 2, 6))
            return _access(half, xlen, near, base, word, double)


def _zcb(half: int, near: int, base: int) -> Expanded | None:
    byte, second = _bits(half, (6, 1, 0), (5, 1, 1)), _bits(half, (5, 1, 1))
    match half >> 10 & 7, half >> 6 & 1:
        case 0, _:
            return Expanded(_i(LOAD, 4, near, base, byte), "c.lbu")
        case 1, 0:
            return Expanded(_i(LOAD, 5, near, base, second), "c.lhu")
        case 1, 1:
            return Expanded(_i(LOAD, 1, near, base, second), "c.lh")
        case 2, _:
            return Expanded(_s(STORE, 0, base, near, byte), "c.sb")
        case 3, 0:
            return Expanded(_s(STORE, 1, base, near, second), "c.sh")
        case _:
            return None


def _quadrant_1(half: int, xlen: int) -> Expanded | None:  # noqa: PLR0911  one return a form
    rd = half >> 7 & 31
    immediate = signed(_bits(half, (2, 5, 0), (12, 1, 5)), 6)
    jump = _bits(half, (12, 1, 11), (11, 1, 4), (9, 2, 8), (8, 1, 10), (7, 1, 6), (6, 1, 7), (3, 3, 1), (2, 1, 5))
    branch = signed(_bits(half, (12, 1, 8), (10, 2, 3), (5, 2, 6), (3, 2, 1), (2, 1, 5)), 9)
    near = 8 + (half >> 7 & 7)
    match half >> 13:
        case 0:
            return Expanded(_i(OP_IMM, 0, rd, rd, immediate))
        case 1 if xlen == 32:
            return Expanded(_jump(1, signed(jump, 12)))
        case 1:
            return Expanded(_i(OP_IMM_32, 0, rd, rd, immediate)) if rd else None
        case 2:
            return Expanded(_i(OP_IMM, 0, rd, 0, immediate))
        case 3 if rd == 2:
            stack = signed(_bits(half, (12, 1, 9), (6, 1, 4), (5, 1, 6), (3, 2, 7), (2, 1, 5)), 10)
            return Expanded(_i(OP_IMM, 0, 2, 2, stack)) if stack else None
        case 3:
            return Expanded((immediate & 0xFFFFF) << 12 | rd << 7 | LUI) if immediate else None
        case 4:
            return _arithmetic(half, near, immediate)
        case 5:
            return Expanded(_jump(0, signed(jump, 12)))
        case 6:
            return Expanded(_branch(0, near, branch))
        case _:
            return Expanded(_branch(1, near, branch))


_ALU = {0: (OP, 0, 0x20), 1: (OP, 4, 0), 2: (OP, 6, 0), 3: (OP, 7, 0), 4: (OP_32, 0, 0x20), 5: (OP_32, 0, 0)}
_UNARY = {
    0: (OP_IMM, 7, 0xFF),  # c.zext.b is ANDI with 255
    1: (OP_IMM, 1, 0x604),  # c.sext.b
    2: (OP_32, 4, 0x080),  # c.zext.h
    3: (OP_IMM, 1, 0x605),  # c.sext.h
    4: (OP_32, 0, 0x080),  # c.zext.w
    5: (OP_IMM, 4, 0xFFF),  # c.not
}


def _arithmetic(half: int, near: int, immediate: int) -> Expanded | None:
    other, shift = 8 + (half >> 2 & 7), immediate & 0x3F
    match half >> 10 & 3:
        case 0:
            return Expanded(_i(OP_IMM, 5, near, near, shift))
        case 1:
            return Expanded(_i(OP_IMM, 5, near, near, shift | 0x400))
        case 2:
            return Expanded(_i(OP_IMM, 7, near, near, immediate))
        case _:
            pass
    which = (half >> 12 & 1) << 2 | half >> 5 & 3
    if which in _ALU:
        opcode, funct3, funct7 = _ALU[which]
        return Expanded(_r(opcode, funct3, funct7, near, near, other))
    if which == 6:
        return Expanded(_r(OP, 0, 1, near, near, other))  # c.mul
    unary = _UNARY.get(half >> 2 & 7)
    return None if unary is None else Expanded(_i(unary[0], unary[1], near, near, unary[2]))


def _quadrant_2(half: int, xlen: int) -> Expanded | None:
    rd, rs2 = half >> 7 & 31, half >> 2 & 31
    match half >> 13:
        case 0:
            return Expanded(_i(OP_IMM, 1, rd, rd, _bits(half, (2, 5, 0), (12, 1, 5))))
        case 4:
            return _moves(half, rd, rs2)
        case 5 | 6 | 7:
            word, double = _bits(half, (9, 4, 2), (7, 2, 6)), _bits(half, (10, 3, 3), (7, 3, 6))
            return _access(half, xlen, rs2, 2, word, double, "sp")
        case kind:
            if not rd and _MEMORY[xlen][kind][0] == LOAD:
                return None
            word = _bits(half, (12, 1, 5), (4, 3, 2), (2, 2, 6))
            return _access(half, xlen, rd, 2, word, _bits(half, (12, 1, 5), (5, 2, 3), (2, 3, 6)), "sp")


def _moves(half: int, rd: int, rs2: int) -> Expanded | None:
    if not half >> 12 & 1:
        if rs2:
            return Expanded(_r(OP, 0, 0, rd, 0, rs2))
        return Expanded(_i(JALR, 0, 0, rd, 0)) if rd else None
    if rs2:
        return Expanded(_r(OP, 0, 0, rd, rd, rs2))
    return Expanded(_i(JALR, 0, 1, rd, 0)) if rd else Expanded(EBREAK)
