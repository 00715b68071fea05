"""AArch32: which decoder reads a function, the procedure call standard (AAPCS32 §6.1, §6.4) and ELF (AAELF32 §5.6)."""

from mmio_bisect.classify.isa.arm import target
from mmio_bisect.classify.isa.arm.a32 import lift_a32
from mmio_bisect.classify.isa.arm.common import opposite
from mmio_bisect.classify.isa.arm.disassembly import A32, T32
from mmio_bisect.classify.isa.arm.forms import LR, SP, transfer
from mmio_bisect.classify.isa.arm.t32 import far_branch, lift_t32, split_immediate
from mmio_bisect.classify.machine.architecture import ElfFormat, Isa, Relocations, places_in
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Operation
from mmio_bisect.domain.access import AddressingMode, Form, Transfer

_ARGUMENTS = ("r0", "r1", "r2", "r3")


def _lift(instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    return (lift_t32 if code.thumb else lift_a32)(instruction, code)


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
        return far_branch(first << 16 | second)
    if kind in _THUMB_MOVES:
        return signed((first & 0xF) << 12 | split_immediate(first << 16 | second), 16)
    return signed(word, 32)


_AHEAD = {
    **dict.fromkeys(("R_ARM_CALL", "R_ARM_JUMP24", "R_ARM_PC24", "R_ARM_PLT32"), 8),
    **dict.fromkeys(("R_ARM_THM_CALL", "R_ARM_THM_JUMP24", "R_ARM_THM_JUMP19", "R_ARM_THM_JUMP11"), 4),
}
"""How far the program counter is ahead of the instruction (Arm ARM, "PC, the program counter")."""


def _sample(form: Form, mode: AddressingMode = AddressingMode.OFFSET, *, simd: bool = False) -> Transfer:
    return transfer("", form, load=False, width=32, registers=(), mode=mode, simd=simd)


_SAMPLES = (
    ("LDR, STR, LDA, STL: offset", _sample(Form.SINGLE)),
    ("LDR, STR: post-index", _sample(Form.SINGLE, AddressingMode.POST_INDEX)),
    ("LDR, STR: pre-index", _sample(Form.SINGLE, AddressingMode.PRE_INDEX)),
    ("LDRD, STRD", _sample(Form.PAIR)),
    ("LDM, STM", _sample(Form.BLOCK)),
    ("VLDR, VSTR", _sample(Form.SINGLE, simd=True)),
    ("LDREX, STREX", _sample(Form.EXCLUSIVE)),
)


ARM = Isa(
    facts=target.ARM,
    pointer_bytes=4,
    stack_pointer=SP,
    result="r0",
    handed_over=_ARGUMENTS,
    link=LR,
    call_clobbered=frozenset({*_ARGUMENTS, "r12", LR, *(f"v{number}" for number in (0, 1, 2, 3, *range(8, 16)))}),
    place_arguments=places_in(_ARGUMENTS, word=4),
    lift=_lift,
    elf=ElfFormat(prefix="R_ARM_", addend_in_place=True, addend=_arm_addend, has_thumb=True),
    relocations=Relocations(
        absolute=frozenset({"R_ARM_ABS32", "R_ARM_TARGET1"}),
        relative=frozenset({"R_ARM_REL32"}),
        distances=frozenset({"R_ARM_REL32", "R_ARM_GOT_PREL"}),
        slots=frozenset({"R_ARM_GOT_PREL"}),
        branches=frozenset(_AHEAD),
        ahead=_AHEAD,
    ),
    branches=frozenset({"b", "bl", "b.w", "blx"}),
    disassembly=(A32, T32),
    samples=_SAMPLES,
    flags=frozenset({"cpsr"}),
    opposite=opposite,
).soft_float()
