"""AArch32: which decoder reads a function, and the procedure call standard (AAPCS32 §6.1, §6.4)."""

from mmio_bisect.classify.isa.arm.a32 import lift_a32
from mmio_bisect.classify.isa.arm.common import opposite
from mmio_bisect.classify.isa.arm.forms import LR, SP
from mmio_bisect.classify.isa.arm.t32 import lift_t32
from mmio_bisect.classify.machine.architecture import Isa, places_in
from mmio_bisect.classify.machine.instructions import Architecture, FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Operation

_ARGUMENTS = ("r0", "r1", "r2", "r3")


def _lift(instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    return (lift_t32 if code.thumb else lift_a32)(instruction, code)


ARM = Isa(
    architecture=Architecture.ARM,
    pointer_bytes=4,
    stack_pointer=SP,
    result="r0",
    handed_over=_ARGUMENTS,
    call_clobbered=frozenset({*_ARGUMENTS, "r12", LR, *(f"v{number}" for number in (0, 1, 2, 3, *range(8, 16)))}),
    place_arguments=places_in(_ARGUMENTS, word=4),
    lift=_lift,
    flags=frozenset({"cpsr"}),
    opposite=opposite,
)
