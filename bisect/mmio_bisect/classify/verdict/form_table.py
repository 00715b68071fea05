"""Architectures × forms × profiles: which hypervisor emulates what, worked out from the rules for one access a form."""

from collections.abc import Iterator
from dataclasses import dataclass

from mmio_bisect.classify.isa.aarch64.decode import decode
from mmio_bisect.classify.verdict.profiles import profiles_of
from mmio_bisect.domain.access import STORE, AddressingMode, Form, RegisterClass, Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """`emulated` has every profile of the architecture."""

    architecture: str
    form: str
    emulated: dict[str, bool]


# A word of each form, as LLVM's assembler makes it.
_AARCH64 = (
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

# Operations as `Transfer.operation` has them, form, register class and width in bits.
_G, _V, _N = RegisterClass.GENERAL, RegisterClass.SIMD_FP, RegisterClass.NONE
_X86 = (
    ("MOV: register", "mov", Form.SINGLE, _G, 32),
    ("MOV: offset (A0 to A3)", "mov moffs", Form.SINGLE, _G, 32),
    ("MOVZX", "movzx", Form.SINGLE, _G, 8),
    ("MOVSX", "movsx", Form.SINGLE, _G, 8),
    ("MOVSXD", "movsxd", Form.SINGLE, _G, 32),
    ("CMP", "cmp", Form.SINGLE, _G, 32),
    ("OR: bytes", "or", Form.SINGLE, _G, 8),
    ("OR: wider", "or", Form.SINGLE, _G, 32),
    ("ADD", "add", Form.SINGLE, _G, 32),
    ("LOCK ADD, LOCK CMPXCHG", "lock add", Form.ATOMIC, _G, 32),
    ("XCHG", "xchg", Form.ATOMIC, _G, 32),
    ("PUSH, POP", "push", Form.SINGLE, _G, 64),
    ("REP MOVS", "rep movs", Form.BLOCK, _N, 32),
    ("REP STOS", "rep stos", Form.BLOCK, _N, 32),
    ("MOVUPS, MOVAPS, MOVDQA", "movups", Form.SINGLE, _V, 128),
    ("MOVSS, MOVSD, MOVQ", "movss", Form.SINGLE, _V, 32),
    ("VMOVUPS and its kin", "vmovups", Form.SINGLE, _V, 256),
)
_OTHERS = {
    "x86_64": _X86,
    "i386": tuple(form for form in _X86 if form[0] != "MOVSXD"),
    "riscv64": (
        ("LB to SD", "lw", Form.SINGLE, _G, 32),
        ("C.LW, C.LD, C.SW, C.SD, SP forms", "c.sd", Form.SINGLE, _G, 64),
        ("C.LBU, C.LHU, C.SB, C.SH (Zcb)", "c.lbu", Form.SINGLE, _G, 8),
        ("FLW, FLD, FSW, FSD", "flw", Form.SINGLE, _V, 32),
        ("AMO", "amoswap.w", Form.ATOMIC, _G, 32),
        ("LR, SC", "lr.w", Form.EXCLUSIVE, _G, 32),
    ),
    "powerpc64le": (
        ("LWZ, STW and their kin", "stw", Form.SINGLE, _G, 32),
        ("STWU, LWZU: with update", "stwu", Form.SINGLE, _G, 32),
        ("LWBRX, STWBRX: byte-reversed", "lwbrx", Form.SINGLE, _G, 32),
        ("LFS, STFD: floating point", "stfd", Form.SINGLE, _V, 64),
        ("LMW, STMW: multiple", "stmw", Form.BLOCK, _G, 32),
        ("LWARX, STWCX: exclusive", "lwarx", Form.EXCLUSIVE, _G, 32),
    ),
    "loongarch64": (
        ("LD, ST", "st.w", Form.SINGLE, _G, 32),
        ("LDPTR, STPTR", "ldptr.w", Form.SINGLE, _G, 32),
        ("LDX, STX", "ldx.w", Form.SINGLE, _G, 32),
        ("FLD, FST", "fst.d", Form.SINGLE, _V, 64),
        ("VLD, VST", "vst", Form.SINGLE, _V, 128),
        ("AMSWAP_DB: what an atomic store becomes", "amswap_db.w", Form.ATOMIC, _G, 32),
        ("LL, SC", "ll.w", Form.EXCLUSIVE, _G, 32),
    ),
}

# AArch32: whether the syndrome is valid is the form's own; the operation is of no account.
_ARM = (
    ("LDR, STR, LDA, STL: offset", Form.SINGLE, _G, AddressingMode.OFFSET, True),
    ("LDR, STR: post-index", Form.SINGLE, _G, AddressingMode.POST_INDEX, False),
    ("LDR, STR: pre-index", Form.SINGLE, _G, AddressingMode.PRE_INDEX, False),
    ("LDRD, STRD", Form.PAIR, _G, AddressingMode.OFFSET, False),
    ("LDM, STM", Form.BLOCK, _G, AddressingMode.OFFSET, False),
    ("VLDR, VSTR", Form.SINGLE, _V, AddressingMode.OFFSET, False),
    ("LDREX, STREX", Form.EXCLUSIVE, _G, AddressingMode.OFFSET, False),
)


def table() -> tuple[TableRow, ...]:
    return tuple(
        TableRow(
            architecture=architecture,
            form=form,
            emulated={profile.name: profile.emulates(transfer) for profile in profiles_of(architecture)},
        )
        for architecture, form, transfer in _samples()
    )


def _samples() -> Iterator[tuple[str, str, Transfer]]:
    """Each form, and one access that has it."""
    for form, word in _AARCH64:
        transfer = decode(word)
        if transfer is None:
            raise ValueError(f"{word:#010x} is not an access")
        yield "aarch64", form, transfer
    for form, kind, registers, addressing, valid in _ARM:
        yield "arm", form, _transfer(kind, registers, 32, addressing=addressing, valid=valid)
    for architecture, forms in _OTHERS.items():
        for form, operation, kind, registers, width in forms:
            yield architecture, form, _transfer(kind, registers, width, operation=operation)


def _transfer(
    form: Form,
    registers_are: RegisterClass,
    width: int,
    *,
    operation: str = "",
    addressing: AddressingMode = AddressingMode.OFFSET,
    valid: bool = False,
) -> Transfer:
    return Transfer(
        form=form,
        directions=STORE,
        element_width=width,
        addressing=addressing,
        register_class=registers_are,
        syndrome_valid=valid,
        why="",
        operation=operation,
    )
