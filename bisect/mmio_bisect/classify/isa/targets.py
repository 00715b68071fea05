"""The list of architectures and their targets, for all that does not read code: it loads no lifter."""

from mmio_bisect.classify.isa.aarch64.target import AARCH64
from mmio_bisect.classify.isa.arm.target import ARM
from mmio_bisect.classify.isa.riscv.target import RISCV32, RISCV64
from mmio_bisect.classify.isa.x86.target import I386, X86_64
from mmio_bisect.domain.target import ArchitectureFacts, Target

ARCHITECTURES: dict[str, ArchitectureFacts] = {
    facts.name: facts for facts in (AARCH64, ARM, X86_64, I386, RISCV64, RISCV32)
}
TARGETS: dict[str, Target] = {target.name: target for facts in ARCHITECTURES.values() for target in facts.targets}
