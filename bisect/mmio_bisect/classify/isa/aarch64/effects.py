"""Which registers an A64 integer instruction reads and writes, from its bits.

The disassembler's own account has gaps where it prints an alias: for `cmp x0, x1` capstone 5 says that x0 is written,
since the alias drops the destination. The integer groups place their register fields alike, so their bits are as
short a rule as any (Arm ARM, C4.1 "A64 instruction set encoding": "Data Processing -- Immediate", "Data Processing --
Register").
"""

from mmio_bisect.classify.machine.operations import Opaque

_IMMEDIATE = {0b1000, 0b1001}
_REGISTER = {0b0101, 0b1101}


def integer_effects(word: int) -> Opaque | None:
    """The effects of an integer data-processing word, flags aside; None for every other group."""
    group = word >> 25 & 0xF
    if group in _IMMEDIATE:
        return _immediate(word)
    if group in _REGISTER:
        return _register(word)
    return None


def _name(number: int, thirty_one: str | None = None) -> set[str]:
    named = thirty_one if number == 31 else f"x{number}"
    return {named} if named else set()


def _fields(word: int) -> tuple[int, int, int, int]:
    """Rd, Rn, Rm, Ra."""
    return word & 31, word >> 5 & 31, word >> 16 & 31, word >> 10 & 31


def _immediate(word: int) -> Opaque:
    d, n, m, _ = _fields(word)
    opcode = word >> 29 & 3
    reads: set[str]
    writes = _name(d)
    match word >> 23 & 7:
        case 0b000 | 0b001:  # PC-relative addresses
            reads = set()
        case 0b010 | 0b011:  # additions, with tags too; those that set flags have no SP as destination
            reads = _name(n, "sp")
            writes = _name(d, None if opcode & 1 and not word >> 23 & 1 else "sp")
        case 0b100:  # logical; ANDS has no SP as destination
            reads = _name(n)
            writes = _name(d, None if opcode == 3 else "sp")
        case 0b101:  # move wide; MOVK keeps the rest
            reads = _name(d) if opcode == 3 else set()
        case 0b110:  # bit fields; BFM keeps the rest
            reads = _name(n) | (_name(d) if opcode == 1 else set())
        case _:  # extract
            reads = _name(n) | _name(m)
    return Opaque(reads=frozenset(reads), writes=frozenset(writes))


def _register(word: int) -> Opaque:
    d, n, m, a = _fields(word)
    reads, writes = _name(n) | _name(m), _name(d)
    match word >> 21 & 0xFF:
        case 0b11010010:  # conditional comparisons; the second operand may be a number
            writes = set()
            reads = _name(n) | (set() if word >> 11 & 1 else _name(m))
        case 0b11010000 if word >> 10 & 0x3F:  # RMIF, SETF8, SETF16
            reads, writes = _name(n), set()
        case 0b11010110 if word >> 30 & 1:  # one source; pointer authentication changes its destination
            reads = _name(n) | (_name(d) if m else set())
        case opcode if opcode >> 3 == 0b11011:  # three sources
            reads |= _name(a)
        case opcode if opcode >> 3 == 0b01011 and word >> 21 & 1:  # extended register: SP is the first source
            reads = _name(n, "sp") | _name(m)
            writes = _name(d, None if word >> 29 & 1 else "sp")
        case _:
            pass
    return Opaque(reads=frozenset(reads), writes=frozenset(writes))
