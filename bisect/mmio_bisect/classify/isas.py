"""Every architecture that can be judged."""

from mmio_bisect.classify.aarch64_lift import AARCH64
from mmio_bisect.classify.arm import ARM
from mmio_bisect.classify.isa import Isa
from mmio_bisect.classify.machine import Architecture
from mmio_bisect.classify.riscv import RISCV32, RISCV64
from mmio_bisect.classify.x86_lift import I386, X86_64

ISAS: dict[Architecture, Isa] = {isa.architecture: isa for isa in (AARCH64, ARM, X86_64, I386, RISCV64, RISCV32)}
