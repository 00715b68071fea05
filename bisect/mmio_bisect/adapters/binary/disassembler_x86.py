"""x86 machine code to `Instruction` values, by capstone, with its operands: what x86 code does is not read from bits.

Registers are named by their 64-bit form on both architectures (`rax` also for `eax` and `ah`, `xmm3` for `ymm3`), so
that one table serves both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import capstone
from capstone import x86_const

from mmio_bisect.classify.machine.instructions import (
    ImmediateOperand,
    Instruction,
    MemoryOperand,
    Operand,
    RegisterOperand,
)

_LONGEST = 15
_PREFIXES = {0xF0: "lock", 0xF2: "repne", 0xF3: "rep"}
_PREFIX_WORDS = frozenset({"lock", "rep", "repe", "repne", "repz", "repnz", "notrack", "bnd", "xacquire", "xrelease"})
_VECTOR_BITS = {"xmm": 128, "ymm": 256, "zmm": 512}


def disassemble_x86_64(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """All of `code`, in order, positions counted from its first byte; what is not an instruction byte by byte."""
    return list(_disassemble(_Decoder(capstone.CS_MODE_64), code, data_ranges))


def disassemble_i386(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    """As `disassemble_x86_64`."""
    return list(_disassemble(_Decoder(capstone.CS_MODE_32), code, data_ranges))


def _disassemble(decoder: "_Decoder", code: bytes, data_ranges: Sequence[range]) -> Iterator[Instruction]:
    position = 0
    while position < len(code):
        data = next((one for one in data_ranges if position in one), None)
        known = None if data else decoder.decode(code[position : position + _LONGEST], position)
        if known is None:
            byte = code[position : position + 1]
            known = Instruction(position=position, encoding=byte, text=f".byte {byte[0]:#04x}", recognised=False)
        yield known
        position = known.end


@dataclass(slots=True)
class _Decoder:
    mode: int
    handle: capstone.Cs = field(init=False)
    names: dict[int, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.handle = capstone.Cs(capstone.CS_ARCH_X86, self.mode)
        self.handle.detail = True

    def decode(self, encoding: bytes, position: int) -> Instruction | None:
        """None where capstone refuses the bytes."""
        found = next(self.handle.disasm(encoding, position, 1), None)
        if found is None:
            return None
        reads, writes = found.regs_access()
        words = found.mnemonic.split()
        return Instruction(
            position=position,
            encoding=encoding[: found.size],
            text=f"{found.mnemonic} {found.op_str}".rstrip(),
            reads=self._registers(reads),
            writes=self._registers(writes),
            mnemonic=next((word for word in words if word not in _PREFIX_WORDS), words[-1]),
            prefixes=tuple(word for word in words if word in _PREFIX_WORDS),
            operands=tuple(self._operand(found, operand) for operand in found.operands),
        )

    def _operand(self, found: capstone.CsInsn, operand: capstone.x86.X86Op) -> Operand:
        reading = bool(operand.access & capstone.CS_AC_READ)
        writing = bool(operand.access & capstone.CS_AC_WRITE)
        if operand.type == x86_const.X86_OP_REG:
            name = str(self.handle.reg_name(operand.reg))
            return RegisterOperand(
                name=canonical_register(name),
                bits=_VECTOR_BITS.get(name[:3], 8 * operand.size),
                low=8 if name in {"ah", "bh", "ch", "dh"} else 0,
                read=reading,
                written=writing,
            )
        if operand.type == x86_const.X86_OP_IMM:
            return ImmediateOperand(value=int(operand.imm), within=found.imm_offset)
        memory = operand.mem
        return MemoryOperand(
            base=self._name(memory.base),
            index=self._name(memory.index),
            scale=memory.scale,
            displacement=memory.disp,
            width=8 * operand.size,
            within=found.disp_offset,
            segment=self._name(memory.segment),
            read=reading,
            written=writing,
        )

    def _registers(self, numbers: Sequence[int]) -> frozenset[str]:
        return frozenset(name for name in map(self._name, numbers) if name is not None)

    def _name(self, number: int) -> str | None:
        if not number:
            return None
        if number not in self.names:
            self.names[number] = canonical_register(str(self.handle.reg_name(number)))
        return self.names[number]


_BYTE_REGISTERS = {
    name: wide
    for wide, names in {
        "rax": "al ah", "rbx": "bl bh", "rcx": "cl ch", "rdx": "dl dh", "rsi": "sil", "rdi": "dil", "rbp": "bpl",
        "rsp": "spl",
    }.items()
    for name in names.split()
}  # fmt: skip


def canonical_register(name: str) -> str:  # noqa: PLR0911  one return a family of names
    """The name of the widest register that holds this one's bits."""
    if name in _BYTE_REGISTERS:
        return _BYTE_REGISTERS[name]
    if name[:3] in {"ymm", "zmm"}:
        return "xmm" + name[3:]
    if name[0] == "r" and name[1:2].isdigit():
        return name.rstrip("bwd")
    if name in {"eflags", "rflags"}:
        return "rflags"
    if name[0] == "e" and len(name) == 3 and name != "es":
        return "r" + name[1:]
    if name in {"ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip"}:
        return "r" + name
    return name
