"""Architectures × forms × profiles: which hypervisor emulates what, worked out from the rules for one access a form."""

from dataclasses import dataclass

from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import samples
from mmio_bisect.classify.verdict.profiles import profiles_of
from mmio_bisect.domain.access import Form, RegisterClass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """`emulated` has every profile of the architecture."""

    architecture: str
    form: str
    emulated: dict[str, bool]


_G, _V = RegisterClass.GENERAL, RegisterClass.SIMD_FP
_NOT_READ = {
    "powerpc64le": samples(
        ("LWZ, STW and their kin", "stw", Form.SINGLE, _G, 32),
        ("STWU, LWZU: with update", "stwu", Form.SINGLE, _G, 32),
        ("LWBRX, STWBRX: byte-reversed", "lwbrx", Form.SINGLE, _G, 32),
        ("LFS, STFD: floating point", "stfd", Form.SINGLE, _V, 64),
        ("LMW, STMW: multiple", "stmw", Form.BLOCK, _G, 32),
        ("LWARX, STWCX: exclusive", "lwarx", Form.EXCLUSIVE, _G, 32),
    ),
    "loongarch64": samples(
        ("LD, ST", "st.w", Form.SINGLE, _G, 32),
        ("LDPTR, STPTR", "ldptr.w", Form.SINGLE, _G, 32),
        ("LDX, STX", "ldx.w", Form.SINGLE, _G, 32),
        ("FLD, FST", "fst.d", Form.SINGLE, _V, 64),
        ("VLD, VST", "vst", Form.SINGLE, _V, 128),
        ("AMSWAP_DB: what an atomic store becomes", "amswap_db.w", Form.ATOMIC, _G, 32),
        ("LL, SC", "ll.w", Form.EXCLUSIVE, _G, 32),
    ),
}


def table() -> tuple[TableRow, ...]:
    """Of the architectures whose code is read, then of the others."""
    forms = {name: isa.samples for name, isa in ISAS.items()} | _NOT_READ
    return tuple(
        TableRow(
            architecture=architecture,
            form=form,
            emulated={profile.name: profile.emulates(transfer) for profile in profiles_of(architecture)},
        )
        for architecture, known in forms.items()
        for form, transfer in known
    )
