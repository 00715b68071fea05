"""AArch64, as the rest of the package knows it.

Kinds of relocation: ELF for the Arm 64-bit Architecture §5.7.
"""

from mmio_bisect.classify.isa.aarch64 import target
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.aarch64.lift import (
    ARGUMENT_REGISTERS,
    CALL_CLOBBERED,
    STACK_POINTER,
    argument_registers,
    lift,
)
from mmio_bisect.classify.machine.architecture import ElfFormat, Isa, Relocations

AARCH64 = Isa(
    facts=target.AARCH64,
    pointer_bytes=8,
    stack_pointer=STACK_POINTER,
    result="x0",
    handed_over=(*ARGUMENT_REGISTERS, "x8"),
    call_clobbered=CALL_CLOBBERED,
    place_arguments=argument_registers,
    lift=lift,
    elf=ElfFormat(prefix="R_AARCH64_"),
    relocations=Relocations(
        absolute=frozenset({"R_AARCH64_ABS64", "R_AARCH64_ABS32"}),
        relative=frozenset({"R_AARCH64_PREL32", "R_AARCH64_PREL64"}),
        branches=frozenset(
            {
                "R_AARCH64_CALL26",
                "R_AARCH64_JUMP26",
                "R_AARCH64_CONDBR19",
                "R_AARCH64_TSTBR14",
            }
        ),
    ),
    branches=frozenset({"b", "bl"}),
    disassembly=(A64,),
)
