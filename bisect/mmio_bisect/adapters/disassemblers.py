"""A disassembler for each architecture that can be judged."""

from collections.abc import Mapping

from mmio_bisect.adapters.disassembler import disassemble_aarch64
from mmio_bisect.adapters.disassembler_riscv import disassemble_riscv32, disassemble_riscv64
from mmio_bisect.adapters.disassembler_x86 import disassemble_i386, disassemble_x86_64
from mmio_bisect.classify.machine import Architecture
from mmio_bisect.workflow.objects import Disassembler

DISASSEMBLERS: Mapping[Architecture, Disassembler] = {
    Architecture.AARCH64: disassemble_aarch64,
    Architecture.X86_64: disassemble_x86_64,
    Architecture.I386: disassemble_i386,
    Architecture.RISCV64: disassemble_riscv64,
    Architecture.RISCV32: disassemble_riscv32,
}
