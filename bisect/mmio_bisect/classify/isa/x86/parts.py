"""x86 instructions of 8 and 16 bits, which leave the rest of their register alone.

Source: Intel SDM volume 2.
"""

from mmio_bisect.classify.isa.x86.forms import transfer_of
from mmio_bisect.classify.machine.instructions import ImmediateOperand, Instruction, Operand, RegisterOperand
from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    Compute,
    InsertBits,
    Opaque,
    Operation,
    Sum,
    Term,
    Touch,
)
from mmio_bisect.domain.access import LOAD


def same_register(left: Operand, right: Operand) -> bool:
    return (
        isinstance(left, RegisterOperand)
        and isinstance(right, RegisterOperand)
        and (left.name, left.bits, left.low) == (right.name, right.bits, right.low)
    )


def concerns_parts(instruction: Instruction, target: RegisterOperand) -> bool:
    """Whether what is written keeps a part of a register, or is made of one, or of the carry alone."""
    return target.bits < 32 or instruction.mnemonic in {"movzx", "movsx", "sbb"}


def parts_moved(instruction: Instruction) -> Operation | None:
    """Low bits that are cleared, all or some: how a pointer is aligned in less space; and such that are extended."""
    some = Sum(terms=(UNKNOWN_AMOUNT,))
    match instruction.mnemonic, instruction.operands:
        case ("movzx" | "movsx", (RegisterOperand(name=name, bits=32 | 64), _)):
            return Compute(target=name, value=some)  # of a pointer, too, they are a number
        case ("sbb", (RegisterOperand(name=name, bits=32 | 64) as left, right)) if same_register(left, right):
            return Compute(target=name, value=some)  # all ones or zero, by the carry
        case ("xor" | "sub", (RegisterOperand(name=name, bits=bits, low=low) as left, right)) if bits < 32:
            return InsertBits(target=name, shift=low, width=bits) if same_register(left, right) else None
        case ("and", (RegisterOperand(name=name, bits=bits, low=low), ImmediateOperand())) if bits < 32:
            return InsertBits(target=name, shift=low, width=bits, source=some)
        case _:
            return None


def table_look_up(instruction: Instruction, loaded: str) -> tuple[Operation, ...]:
    """XLAT: the low byte of RAX is an index into the table at RBX, and what is loaded takes its place."""
    transfer = transfer_of(instruction, LOAD, 8, ("rax",))
    address = Sum(terms=(Term(register="rbx"), UNKNOWN_AMOUNT))
    mixed = Opaque(reads=frozenset({"rax", loaded}), writes=frozenset({"rax"}))
    return Touch(transfer=transfer, address=address, clobbers=(loaded,)), mixed
