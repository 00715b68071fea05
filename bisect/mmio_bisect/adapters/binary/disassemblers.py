"""A disassembler for each architecture that can be judged."""

from mmio_bisect.adapters.binary.disassembler_a64 import disassemble_aarch64
from mmio_bisect.adapters.binary.disassembler_arm import disassemble_a32, disassemble_t32
from mmio_bisect.adapters.binary.disassembler_riscv import disassemble_riscv32, disassemble_riscv64
from mmio_bisect.adapters.binary.disassembler_x86 import disassemble_i386, disassemble_x86_64
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import Disassemblers

DISASSEMBLERS: Disassemblers = {
    (Architecture.AARCH64, False): disassemble_aarch64,
    (Architecture.X86_64, False): disassemble_x86_64,
    (Architecture.ARM, False): disassemble_a32,
    (Architecture.ARM, True): disassemble_t32,
    (Architecture.I386, False): disassemble_i386,
    (Architecture.RISCV64, False): disassemble_riscv64,
    (Architecture.RISCV32, False): disassemble_riscv32,
}
