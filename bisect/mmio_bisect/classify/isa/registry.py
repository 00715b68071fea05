"""The list of architectures whose code can be judged, by name; it loads their lifters."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmio_bisect.classify.isa.aarch64.descriptor import AARCH64
from mmio_bisect.classify.isa.arm.descriptor import ARM
from mmio_bisect.classify.isa.riscv.descriptor import RISCV32, RISCV64
from mmio_bisect.classify.isa.targets import ARCHITECTURES, TARGETS
from mmio_bisect.classify.isa.x86.descriptor import I386, X86_64
from mmio_bisect.classify.machine.architecture import Isa

ISAS: dict[str, Isa] = {isa.facts.name: isa for isa in (AARCH64, ARM, X86_64, I386, RISCV64, RISCV32)}


@contextmanager
def registered(isa: Isa) -> Iterator[None]:
    """One more architecture, with its targets, for as long as the context lasts."""
    name, targets = isa.facts.name, {target.name: target for target in isa.facts.targets}
    if name in ISAS or targets.keys() & TARGETS.keys():
        raise ValueError(f"An architecture {name}, or a target of it, is registered already.")
    ISAS[name], ARCHITECTURES[name] = isa, isa.facts
    TARGETS.update(targets)
    try:
        yield
    finally:
        del ISAS[name], ARCHITECTURES[name]
        for target in targets:
            del TARGETS[target]
