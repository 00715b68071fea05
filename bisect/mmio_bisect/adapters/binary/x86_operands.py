"""Operands of x86 instructions, from capstone's: what x86 code does is not read from bits."""

from collections.abc import Callable

import capstone
from capstone import x86_const

from mmio_bisect.classify.machine.instructions import ImmediateOperand, MemoryOperand, Operand, RegisterOperand

_VECTOR_BITS = {"xmm": 128, "ymm": 256, "zmm": 512}


def operand_of(found: capstone.CsInsn, operand: capstone.x86.X86Op, name: Callable[[int], str | None]) -> Operand:
    """`name` gives a register its one name."""
    reading = bool(operand.access & capstone.CS_AC_READ)
    writing = bool(operand.access & capstone.CS_AC_WRITE)
    if operand.type == x86_const.X86_OP_REG:
        own = str(found.reg_name(operand.reg))
        return RegisterOperand(
            name=name(operand.reg) or own,
            bits=_VECTOR_BITS.get(own[:3], 8 * operand.size),
            low=8 if own in {"ah", "bh", "ch", "dh"} else 0,
            read=reading,
            written=writing,
        )
    if operand.type == x86_const.X86_OP_IMM:
        return ImmediateOperand(value=int(operand.imm), within=found.imm_offset)
    memory = operand.mem
    return MemoryOperand(
        base=name(memory.base),
        index=name(memory.index),
        scale=memory.scale,
        displacement=memory.disp,
        width=8 * operand.size,
        within=found.disp_offset,
        segment=name(memory.segment),
        read=reading,
        written=writing,
    )
