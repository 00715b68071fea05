"""A64 machine code to `Instruction` values, by capstone.

No word is lost: what capstone refuses, and it refuses some that execute, is in the result as `.word`, unrecognised and
with no register effects; whoever classifies it has the word itself. Where capstone does not say what an instruction
does with an operand (SVE, half precision and some others have no access data in capstone 5), the first operand is taken
as read and written, the rest as read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import capstone
from capstone import arm64_const

from mmio_bisect.classify.machine.instructions import Instruction

_ZERO_REGISTERS = frozenset({"wzr", "xzr"})
_OTHER_NAMES = {"fp": "x29", "lr": "x30", "wsp": "sp"}
_GENERAL = "wx"
_VECTOR = "bhsdqvz"


def disassemble_aarch64(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """All of `code`, in order, positions counted from its first byte.

    Bytes in `data_ranges` and a rest too short for an instruction are given as `.word` or `.byte`.
    """
    decoder = _Decoder()  # capstone's handles must not be shared by threads; a new one costs next to nothing
    instructions = []
    for position, length, is_code in _chunks(len(code), data_ranges):
        encoding = code[position : position + length]
        known = decoder.decode(encoding, position) if is_code else None
        instructions.append(known or _unrecognised(encoding, position))
    return instructions


def _chunks(length: int, data_ranges: Sequence[range]) -> Iterator[tuple[int, int, bool]]:
    """Position and length of each piece of at most a word, and whether it is an instruction's."""
    position = 0
    for data in (*data_ranges, range(length, length)):
        start, stop = max(min(data.start, length), position), min(data.stop, length)
        for at in range(position, start, 4):
            size = min(4, start - at)
            yield at, size, size == 4
        for at in range(start, stop, 4):
            yield at, min(4, stop - at), False
        position = max(start, stop)


def _unrecognised(encoding: bytes, position: int) -> Instruction:
    if len(encoding) == 4:
        text = f".word {int.from_bytes(encoding, 'little'):#010x}"
    else:
        text = ".byte " + ", ".join(f"{byte:#04x}" for byte in encoding)
    return Instruction(position=position, encoding=encoding, text=text, recognised=False)


@dataclass(slots=True)
class _Decoder:
    """One capstone handle, and the names that it has been asked for."""

    handle: capstone.Cs = field(
        default_factory=lambda: capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    )
    names: dict[int, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.handle.detail = True

    def decode(self, encoding: bytes, position: int) -> Instruction | None:
        """None where capstone refuses the word."""
        found = next(self.handle.disasm(encoding, position, 1), None)
        if found is None:
            return None
        reads, writes = found.regs_access()
        guessed_reads, guessed_writes = _operands_without_access(found)
        return Instruction(
            position=position,
            encoding=encoding,
            text=f"{found.mnemonic} {found.op_str}".rstrip(),
            reads=self._registers([*reads, *guessed_reads]),
            writes=self._registers([*writes, *guessed_writes]),
        )

    def _registers(self, numbers: Sequence[int]) -> frozenset[str]:
        return frozenset(name for name in map(self._name, numbers) if name is not None)

    def _name(self, number: int) -> str | None:
        if number not in self.names:
            self.names[number] = canonical_register(str(self.handle.reg_name(number)))
        return self.names[number]


def _operands_without_access(found: capstone.CsInsn) -> tuple[list[int], list[int]]:
    """Register operands read and written as far as their order tells, where capstone itself does not say."""
    reads: list[int] = []
    writes: list[int] = []
    for order, operand in enumerate(found.operands):
        if operand.type == arm64_const.ARM64_OP_REG and operand.access == capstone.CS_AC_INVALID:
            reads.append(int(operand.reg))
            if order == 0:
                writes.append(int(operand.reg))
    return reads, writes


def canonical_register(name: str) -> str | None:
    """The name of the widest register that holds this one's bits; None for the zero register, which holds none."""
    if name in _ZERO_REGISTERS:
        return None
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    if name[1:].isdigit():
        if name[0] in _GENERAL:
            return "x" + name[1:]
        if name[0] in _VECTOR:
            return "v" + name[1:]
    return name


def a64_texts(words: Iterable[int]) -> Iterator[str | None]:
    """Assembly text, one a word, without the detail that judging needs: quick enough for millions.

    None where capstone refuses the word.
    """
    decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    for word in words:
        found = next(decoder.disasm_lite(word.to_bytes(4, "little"), 0, 1), None)
        yield None if found is None else f"{found[2]} {found[3]}".rstrip()
