"""RISC-V, as the rest of the package knows it: the psABI's "Integer calling convention" and "Relocations"."""

from mmio_bisect.classify.isa.riscv import target
from mmio_bisect.classify.isa.riscv.disassembly import disassembly
from mmio_bisect.classify.isa.riscv.lift import Lifter
from mmio_bisect.classify.machine.architecture import ElfFormat, Isa, Relocations, places_in, samples
from mmio_bisect.domain.access import Form, RegisterClass
from mmio_bisect.domain.target import ArchitectureFacts

_NAMES = {
    1: "32", 2: "64", 16: "BRANCH", 17: "JAL", 18: "CALL", 19: "CALL_PLT", 20: "GOT_HI20", 21: "TLS_GOT_HI20",
    22: "TLS_GD_HI20", 23: "PCREL_HI20", 24: "PCREL_LO12_I", 25: "PCREL_LO12_S", 26: "HI20", 27: "LO12_I",
    28: "LO12_S", 29: "TPREL_HI20", 30: "TPREL_LO12_I", 31: "TPREL_LO12_S", 32: "TPREL_ADD", 33: "ADD8", 34: "ADD16",
    35: "ADD32", 36: "ADD64", 37: "SUB8", 38: "SUB16", 39: "SUB32", 40: "SUB64", 43: "ALIGN", 44: "RVC_BRANCH",
    45: "RVC_JUMP", 51: "RELAX", 52: "SUB6", 53: "SET6", 54: "SET8", 55: "SET16", 56: "SET32", 57: "32_PCREL",
}  # fmt: skip
_RELOCATIONS = {number: f"R_RISCV_{name}" for number, name in _NAMES.items()}

_ARGUMENTS = tuple(f"x{number}" for number in range(10, 18))
_CLOBBERED = frozenset(
    [f"x{number}" for number in (1, 5, 6, 7, *range(10, 18), *range(28, 32))]
    + [f"f{number}" for number in (*range(8), *range(10, 18), *range(28, 32))]
    + [f"v{number}" for number in range(32)]
)


_G, _V = RegisterClass.GENERAL, RegisterClass.SIMD_FP
_SAMPLES = samples(
    ("LB to SD", "lw", Form.SINGLE, _G, 32),
    ("C.LW, C.LD, C.SW, C.SD, SP forms", "c.sd", Form.SINGLE, _G, 64),
    ("C.LBU, C.LHU, C.SB, C.SH (Zcb)", "c.lbu", Form.SINGLE, _G, 8),
    ("FLW, FLD, FSW, FSD", "flw", Form.SINGLE, _V, 32),
    ("AMO", "amoswap.w", Form.ATOMIC, _G, 32),
    ("LR, SC", "lr.w", Form.EXCLUSIVE, _G, 32),
)


def _isa(facts: ArchitectureFacts) -> Isa:
    """Arguments of two words that find one register left are split; none that leads into the window is so large."""
    xlen = facts.elf.bits
    return Isa(
        facts=facts,
        pointer_bytes=xlen // 8,
        stack_pointer="x2",
        result="x10",
        handed_over=_ARGUMENTS,
        call_clobbered=_CLOBBERED,
        link="x1",
        place_arguments=places_in(_ARGUMENTS, word=xlen // 8),
        lift=Lifter(xlen).lift,
        elf=ElfFormat(prefix="R_RISCV_", relocations=_RELOCATIONS),
        relocations=Relocations(
            absolute=frozenset({"R_RISCV_32", "R_RISCV_64"}),
            added=frozenset({"R_RISCV_ADD32", "R_RISCV_ADD64", "R_RISCV_ADD16"}),
            branches=frozenset({"R_RISCV_JAL", "R_RISCV_BRANCH", "R_RISCV_RVC_JUMP", "R_RISCV_RVC_BRANCH"}),
        ),
        branches=frozenset({"j", "jal"}),
        disassembly=(disassembly(xlen),),
        samples=_SAMPLES if xlen == 64 else (),
    ).soft_float()


RISCV64 = _isa(target.RISCV64)
RISCV32 = _isa(target.RISCV32)
