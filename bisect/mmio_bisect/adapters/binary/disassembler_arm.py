"""A32 and T32 machine code to `Instruction` values: texts and register effects by capstone, the rest from the bits."""

from collections.abc import Sequence

import capstone

from mmio_bisect.classify.machine.instructions import Instruction

_NAMES = {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12", "r13": "sp", "r14": "lr", "r15": "pc"}
_FLAGS = {"apsr", "apsr_nzcv", "cpsr", "fpscr_nzcv"}


def disassemble_a32(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """All of `code`, in order, positions counted from its first byte; else as `.word` or `.byte`."""
    return _disassemble(code, data_ranges, capstone.CS_MODE_ARM, 4)


def disassemble_t32(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """As `disassemble_a32`."""
    return _disassemble(code, data_ranges, capstone.CS_MODE_THUMB, 2)


def _disassemble(code: bytes, data_ranges: Sequence[range], mode: int, step: int) -> list[Instruction]:
    handle = capstone.Cs(capstone.CS_ARCH_ARM, mode | capstone.CS_MODE_V8)
    handle.detail = True
    starts = iter(sorted(data_ranges, key=lambda one: one.start))
    data = next(starts, None)
    found: list[Instruction] = []
    position = 0
    while position < len(code):
        while data is not None and data.stop <= position:
            data = next(starts, None)
        if data is not None and position in data:
            size = min(4, data.stop - position, len(code) - position)
            found.append(_unrecognised(code[position : position + size], position))
        else:
            found.extend(_decoded(handle, code, position, step))
        position = found[-1].end
    return found


def _decoded(handle: capstone.Cs, code: bytes, position: int, step: int) -> list[Instruction]:
    """One instruction, or an IT instruction with those that it is about: capstone has to see them together."""
    size = min(4 if step == 4 or code[position + 1 : position + 2] >= b"\xe8" else 2, len(code) - position)
    block = step == 2 and size == 2 and code[position + 1] == 0xBF and code[position] & 15
    count = 5 - ((block & -block).bit_length() - 1) if block else 1
    known = list(handle.disasm(code[position : position + (18 if block else size)], position, count))
    return [_instruction(handle, one) for one in known] or [_unrecognised(code[position : position + size], position)]


def _instruction(handle: capstone.Cs, found: capstone.CsInsn) -> Instruction:
    reads, writes = found.regs_access()
    written = _registers(handle, writes)
    return Instruction(
        position=found.address,
        encoding=bytes(found.bytes),
        text=f"{found.mnemonic} {found.op_str}".rstrip(),
        reads=_registers(handle, reads),
        writes=written | {"cpsr"} if found.update_flags else written,
    )


def _unrecognised(encoding: bytes, position: int) -> Instruction:
    if len(encoding) in {2, 4}:
        directive = ".word" if len(encoding) == 4 else ".half"
        text = f"{directive} {int.from_bytes(encoding, 'little'):#0{2 + 2 * len(encoding)}x}"
    else:
        text = ".byte " + ", ".join(f"{byte:#04x}" for byte in encoding)
    return Instruction(position=position, encoding=encoding, text=text, recognised=False)


def _registers(handle: capstone.Cs, numbers: Sequence[int]) -> frozenset[str]:
    return frozenset(canonical_register(str(handle.reg_name(number))) for number in numbers)


def canonical_register(name: str) -> str:
    """The general register's number, or the 128-bit register that holds a vector register's bits."""
    if name in _NAMES:
        return _NAMES[name]
    if name in _FLAGS:
        return "cpsr"
    if name[:1] in {"s", "d", "q"} and name[1:].isdigit():
        return f"v{int(name[1:]) // {'s': 4, 'd': 2, 'q': 1}[name[0]]}"
    return name
