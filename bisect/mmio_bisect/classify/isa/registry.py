"""The list of architectures whose code can be judged, by name; `Architecture` holds the names of the shipped ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmio_bisect.classify.isa.aarch64.descriptor import AARCH64
from mmio_bisect.classify.isa.arm.descriptor import ARM
from mmio_bisect.classify.isa.riscv.descriptor import RISCV32, RISCV64
from mmio_bisect.classify.isa.x86.descriptor import I386, X86_64
from mmio_bisect.classify.machine.architecture import Isa

ISAS: dict[str, Isa] = {isa.architecture: isa for isa in (AARCH64, ARM, X86_64, I386, RISCV64, RISCV32)}


@contextmanager
def registered(isa: Isa) -> Iterator[None]:
    """One more architecture, for as long as the context lasts."""
    if isa.architecture in ISAS:
        raise ValueError(f"An architecture {isa.architecture} is registered already.")
    ISAS[isa.architecture] = isa
    try:
        yield
    finally:
        del ISAS[isa.architecture]
