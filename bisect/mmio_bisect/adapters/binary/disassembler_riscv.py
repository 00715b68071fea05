"""RISC-V machine code to `Instruction` values: their texts by capstone, while what they do is read from their bits."""

import re
from collections.abc import Sequence

import capstone

from mmio_bisect.classify.machine.instructions import Instruction

_BRANCH = re.compile(r"^(?:c\.)?(?:j|jal|beq|bne|blt|bge|bltu|bgeu|beqz|bnez|blez|bgez|bltz|bgtz) ")
_DISTANCE = re.compile(r"(-?)(0x[0-9a-f]+|\d+)$")


def disassemble_riscv64(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """All of `code`, in order, positions counted from its first byte; else as `.half` or `.word`."""
    return _disassemble(code, data_ranges, capstone.CS_MODE_RISCV64)


def disassemble_riscv32(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """As `disassemble_riscv64`."""
    return _disassemble(code, data_ranges, capstone.CS_MODE_RISCV32)


def _disassemble(code: bytes, data_ranges: Sequence[range], mode: int) -> list[Instruction]:
    handle = capstone.Cs(capstone.CS_ARCH_RISCV, mode | capstone.CS_MODE_RISCVC)
    data = iter(sorted(data_ranges, key=lambda one: one.start))
    current = next(data, None)
    found, position = [], 0
    while position < len(code):
        while current is not None and current.stop <= position:
            current = next(data, None)
        inside = current is not None and position in current
        size = min(4 if code[position] & 3 == 3 and not inside else 2, len(code) - position)
        encoding = code[position : position + size]
        known = None if inside else next(handle.disasm_lite(encoding, position, 1), None)
        text = _placed(f"{known[2]} {known[3]}".rstrip(), position) if known else _as_data(encoding)
        found.append(Instruction(position=position, encoding=encoding, text=text, recognised=known is not None))
        position += size
    return found


def _as_data(encoding: bytes) -> str:
    directive = {1: ".byte", 2: ".half", 4: ".word"}.get(len(encoding), ".byte")
    if directive == ".byte":
        return ".byte " + ", ".join(f"{byte:#04x}" for byte in encoding)
    return f"{directive} {int.from_bytes(encoding, 'little'):#0{2 + 2 * len(encoding)}x}"


def _placed(text: str, position: int) -> str:
    """A branch's distance, which capstone prints, as the offset that it leads to."""
    distance = _DISTANCE.search(text)
    if not _BRANCH.match(text) or distance is None:
        return text
    target = position + int(distance[2], 0) * (-1 if distance[1] else 1)
    return text[: distance.start()] + f"{target % (1 << 64):#x}"
