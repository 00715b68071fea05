"""The machines whose ELF files can be read: their relocations' names, and addends that lie in the code itself.

Sources: System V ABI i386 and AMD64 §4.4; ELF for the Arm Architecture (AAELF32) §5.6 and for the Arm 64-bit
Architecture §5.7; RISC-V ELF psABI "Relocations".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elftools.elf.enums import (
    ENUM_RELOC_TYPE_AARCH64,
    ENUM_RELOC_TYPE_ARM,
    ENUM_RELOC_TYPE_i386,
    ENUM_RELOC_TYPE_x64,
)

from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import Architecture

Addend = Callable[[str, bytes], int]
"""The addend of a relocation of that kind whose place holds these four bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfMachine:
    """`name` as people write it, `prefix` as in `R_AARCH64_`; `addend` is for relocations without one of their own."""

    architecture: Architecture
    name: str
    prefix: str
    names: Mapping[int, str]
    addend_in_place: bool = False
    has_thumb: bool = False
    addend: Addend = lambda _kind, _content: 0

    def relocation_name(self, kind: int) -> str:
        return self.names.get(kind, f"{self.prefix}{kind}")


def _named(table: Mapping[str, object]) -> dict[int, str]:
    return {value: str(name) for name, value in table.items() if isinstance(value, int)}


_RISCV = {
    1: "32", 2: "64", 16: "BRANCH", 17: "JAL", 18: "CALL", 19: "CALL_PLT", 20: "GOT_HI20", 21: "TLS_GOT_HI20",
    22: "TLS_GD_HI20", 23: "PCREL_HI20", 24: "PCREL_LO12_I", 25: "PCREL_LO12_S", 26: "HI20", 27: "LO12_I",
    28: "LO12_S", 29: "TPREL_HI20", 30: "TPREL_LO12_I", 31: "TPREL_LO12_S", 32: "TPREL_ADD", 33: "ADD8", 34: "ADD16",
    35: "ADD32", 36: "ADD64", 37: "SUB8", 38: "SUB16", 39: "SUB32", 40: "SUB64", 43: "ALIGN", 44: "RVC_BRANCH",
    45: "RVC_JUMP", 51: "RELAX", 52: "SUB6", 53: "SET6", 54: "SET8", 55: "SET16", 56: "SET32", 57: "32_PCREL",
}  # fmt: skip
"""pyelftools has no names for them."""


def _i386_addend(kind: str, content: bytes) -> int:
    if kind in {"R_386_8", "R_386_PC8"}:
        return signed(content[0], 8)
    if kind in {"R_386_16", "R_386_PC16"}:
        return signed(int.from_bytes(content[:2], "little"), 16)
    return signed(int.from_bytes(content, "little"), 32)


_ARM_BRANCHES = {"R_ARM_CALL", "R_ARM_JUMP24", "R_ARM_PC24", "R_ARM_PLT32"}
_ARM_MOVES = {"R_ARM_MOVW_ABS_NC", "R_ARM_MOVT_ABS", "R_ARM_MOVW_PREL_NC", "R_ARM_MOVT_PREL"}
_THUMB_BRANCHES = {"R_ARM_THM_CALL", "R_ARM_THM_JUMP24"}
_THUMB_MOVES = {"R_ARM_THM_MOVW_ABS_NC", "R_ARM_THM_MOVT_ABS", "R_ARM_THM_MOVW_PREL_NC", "R_ARM_THM_MOVT_PREL"}


def _arm_addend(kind: str, content: bytes) -> int:
    """AAELF32 §5.6.1.1: what the instruction's own fields hold."""
    word = int.from_bytes(content, "little")
    if kind in _ARM_BRANCHES:
        return signed(word & 0xFFFFFF, 24) * 4
    if kind in _ARM_MOVES:
        return signed(word >> 4 & 0xF000 | word & 0xFFF, 16)
    first, second = word & 0xFFFF, word >> 16
    if kind in _THUMB_BRANCHES:
        sign = first >> 10 & 1
        high, middle = (second >> 13 & 1) ^ sign ^ 1, (second >> 11 & 1) ^ sign ^ 1
        offset = sign << 24 | high << 23 | middle << 22 | (first & 0x3FF) << 12 | (second & 0x7FF) << 1
        return signed(offset, 25)
    if kind in _THUMB_MOVES:
        immediate = (first & 0xF) << 12 | (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF
        return signed(immediate, 16)
    return signed(word, 32)


def _riscv(architecture: Architecture) -> ElfMachine:
    names = {number: f"R_RISCV_{name}" for number, name in _RISCV.items()}
    return ElfMachine(architecture=architecture, name="RISC-V", prefix="R_RISCV_", names=names)


MACHINES: Mapping[str, Mapping[int, ElfMachine]] = {
    "EM_AARCH64": {
        64: ElfMachine(
            architecture=Architecture.AARCH64,
            name="AArch64",
            prefix="R_AARCH64_",
            names=_named(ENUM_RELOC_TYPE_AARCH64),
        )
    },
    "EM_X86_64": {
        64: ElfMachine(
            architecture=Architecture.X86_64, name="x86-64", prefix="R_X86_64_", names=_named(ENUM_RELOC_TYPE_x64)
        )
    },
    "EM_386": {
        32: ElfMachine(
            architecture=Architecture.I386,
            name="i386",
            prefix="R_386_",
            names=_named(ENUM_RELOC_TYPE_i386),
            addend_in_place=True,
            addend=_i386_addend,
        )
    },
    "EM_ARM": {
        32: ElfMachine(
            architecture=Architecture.ARM,
            name="Arm",
            prefix="R_ARM_",
            names=_named(ENUM_RELOC_TYPE_ARM),
            addend_in_place=True,
            addend=_arm_addend,
            has_thumb=True,
        )
    },
    "EM_RISCV": {64: _riscv(Architecture.RISCV64), 32: _riscv(Architecture.RISCV32)},
}
"""By what pyelftools calls the machine, and the class of the file."""
