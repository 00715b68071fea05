"""Every architecture that can be judged."""

from mmio_bisect.classify.isa.aarch64.lift import AARCH64
from mmio_bisect.classify.isa.arm.lift import ARM
from mmio_bisect.classify.isa.riscv.lift import RISCV32, RISCV64
from mmio_bisect.classify.isa.x86.lift import I386, X86_64
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import Architecture

ISAS: dict[Architecture, Isa] = {isa.architecture: isa for isa in (AARCH64, ARM, X86_64, I386, RISCV64, RISCV32)}
