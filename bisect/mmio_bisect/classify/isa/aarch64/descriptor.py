"""AArch64, as the rest of the package knows it.

Kinds of relocation: ELF for the Arm 64-bit Architecture §5.7.
"""

from collections.abc import Iterator

from mmio_bisect.classify.isa.aarch64 import target
from mmio_bisect.classify.isa.aarch64.decode import memory_access
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.aarch64.lift import lift
from mmio_bisect.classify.machine.architecture import ElfFormat, Isa, Relocations, Sample, places_in

# A word of each form, as LLVM's assembler makes it.
_SAMPLES = (
    ("LDR, STR: immediate or register offset", 0xB9000401),
    ("LDR: literal", 0x58000041),
    ("LDTR, STTR: unprivileged", 0xB8000801),
    ("LDRSB, LDRSH, LDRSW: offset", 0xB9800401),
    ("LDAR, STLR, LDAPR, LDAPUR: ordered", 0x889FFC01),
    ("LDRAA, LDRAB: offset", 0xF8201401),
    ("LDR, STR: post-index", 0xB8004401),
    ("LDR, STR: post-index, data and base the same", 0xB8004400),
    ("LDRSB, LDRSH, LDRSW: post-index", 0xB8804401),
    ("LDR, STR: pre-index", 0xB8004C01),
    ("LDRAA, LDRAB: pre-index", 0xF8201C01),
    ("LDAPR, STLR: with writeback", 0x99C00801),
    ("LDP, STP, LDIAPP, STILP: pairs", 0xA9000801),
    ("LDR, STR: SIMD&FP", 0xBD000001),
    ("LD1 to ST4: structures", 0x4C007800),
    ("LDXR, STXR: exclusive", 0x88037C01),
    ("CAS, SWP, LDADD: atomic", 0xB8210002),
    ("CPY, SET, DC ZVA: blocks", 0x19010440),
    ("DC CIVAC: cache maintenance", 0xD50B7E20),
    ("STG, LDG: tags", 0xD9200800),
    ("LD64B, ST64B: 64 bytes", 0xF83F9100),
    ("GCSSTR: guarded control stack", 0xD91F0C01),
    ("LD1, ST1, LDR, STR: SVE, SME", 0xE5E14000),
)


def _samples() -> Iterator[Sample]:
    for form, word in _SAMPLES:
        touch = memory_access(word)
        if touch is None:
            raise ValueError(f"{word:#010x} is not an access")
        yield form, touch.transfer


_ARGUMENTS = tuple(f"x{number}" for number in range(8))
"""AAPCS64 §6.8.2, NGRN: integer and pointer arguments; later ones go to the stack, eight bytes each."""

_CLOBBERED = frozenset(
    [f"x{number}" for number in (*range(19), 30)] + [f"v{number}" for number in (*range(8), *range(16, 32))]
)
"""AAPCS64 §6.1.1: x0–x17 and x30; x18 belongs to the platform and is not trusted to survive."""

AARCH64 = Isa(
    facts=target.AARCH64,
    pointer_bytes=8,
    stack_pointer="sp",
    result="x0",
    result_address="x8",
    handed_over=_ARGUMENTS,
    call_clobbered=_CLOBBERED,
    link="x30",
    # Stage C: rules C.8 (even register), C.9 (registers), C.11 (none left), C.14 (stack).
    place_arguments=places_in(_ARGUMENTS, word=8),
    lift=lift,
    elf=ElfFormat(prefix="R_AARCH64_"),
    relocations=Relocations(
        absolute=frozenset({"R_AARCH64_ABS64", "R_AARCH64_ABS32"}),
        relative=frozenset({"R_AARCH64_PREL32", "R_AARCH64_PREL64"}),
        branches=frozenset(f"R_AARCH64_{kind}" for kind in ("CALL26", "JUMP26", "CONDBR19", "TSTBR14")),
    ),
    branches=frozenset({"b", "bl"}),
    disassembly=(A64,),
    samples=tuple(_samples()),
).soft_float()
