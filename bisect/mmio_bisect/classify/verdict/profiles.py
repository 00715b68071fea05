"""Profiles: what one hypervisor, or the architecture's syndrome, can emulate. Each with the source that was read.

On Arm the rule is the architecture's, or that and what a hypervisor decodes besides; elsewhere hypervisors decode
instructions and a profile lists those that it knows. Operations are the mnemonics of `Transfer.operation`.
"""

from mmio_bisect.classify.verdict.profile_rules import Profile, Rule
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass

__all__ = ["DEFAULT_PROFILE", "PROFILES", "Profile", "Rule", "default_profile", "profile_for", "profiles_of"]

_SYNDROME = Rule(valid=True)
_ONE = frozenset({Form.SINGLE})
_GENERAL = frozenset({RegisterClass.GENERAL})
_X86 = ("x86_64", "i386")
_RISCV = ("riscv64", "riscv32")


# Integer instructions that emulate.c has no entry for: those of the bit-manipulation and checksum extensions.
_NO_KVM = frozenset({"crc32", "popcnt", "lzcnt", "tzcnt", "adcx", "adox", "mulx", "pdep", "pext", "andn", "bextr"}) | {
    *("rorx", "sarx", "shlx", "shrx", "blsi", "blsmsk", "blsr", "bzhi", "cmpxchg16b"),
}


def _only(words: str, widths: frozenset[int] | None = None) -> Rule:
    return Rule(operations=frozenset(words.split(", ")), widths=widths)


ARM_ISV = Profile(
    name="arm-isv",
    architectures=("aarch64",),
    summary="the architecture: an access whose abort carries a valid instruction syndrome (ESR_EL2.ISV = 1)",
    source="Arm ARM (DDI 0487), ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV",
    otherwise=(
        "KVM returns -ENOSYS or KVM_EXIT_ARM_NISV; pKVM injects a data abort; Jailhouse and bhyve stop the VM; "
        "QEMU's HVF fails an assertion"
    ),
    rules=(_SYNDROME,),
)

XEN_ARM = Profile(
    name="xen-arm",
    architectures=("aarch64",),
    summary="as arm-isv, and post-indexed LDR and STR of one general register other than the base, no sign extension",
    source="xen-project/xen, xen/arch/arm/decode.c (decode_arm64) and xen/arch/arm/io.c, Xen 4.17 to 4.20",
    otherwise="the guest gets the data abort",
    rules=(
        _SYNDROME,
        Rule(
            forms=_ONE,
            registers=_GENERAL,
            addressing=frozenset({AddressingMode.POST_INDEX}),
            extends=False,
            ordered=False,
            apart=True,
        ),
    ),
)

ARM32_ISV = Profile(
    name="arm32-isv",
    architectures=("arm",),
    summary="the architecture, AArch32: LDR, STR, LDA, STL and their narrow forms, no writeback, not R15",
    source="Arm ARM (DDI 0487), ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV, “AArch32”",
    otherwise="as for arm-isv",
    rules=(_SYNDROME,),
)

SEV_ES = Profile(
    name="sev-es",
    architectures=("x86_64",),
    summary="MOV, MOVZX, MOVSX between memory and a register or an immediate, MOVS with or without REP",
    source="torvalds/linux, arch/x86/lib/insn-eval.c (insn_decode_mmio) and arch/x86/kernel/sev.c, v6.1",
    otherwise="the guest's #VC handler fails and the guest dies",
    rules=(_only("mov, movzx, movsx, movs, rep movs"),),
)

TDX = Profile(
    name="tdx",
    architectures=("x86_64",),
    summary="as sev-es without MOVS; an access that crosses a page is refused as well",
    source="torvalds/linux, arch/x86/coco/tdx/tdx.c (handle_mmio) and arch/x86/lib/insn-eval.c, v6.1",
    otherwise="the guest's #VE handler fails: an oops in the kernel, SIGSEGV in user space",
    rules=(_only("mov, movzx, movsx"),),
)

CLOUD_HYPERVISOR_X86 = Profile(
    name="cloud-hypervisor-x86",
    architectures=_X86,
    summary="MOV, with offsets too, MOVZX, MOVS, STOS, CMP, and OR of a byte register (on MSHV)",
    source="cloud-hypervisor/cloud-hypervisor, hypervisor/src/arch/x86/emulator/instructions, main of 2026",
    otherwise="the VMM reports an unsupported instruction and stops the VM",
    rules=(
        _only("mov, mov moffs, movzx, movs, rep movs, stos, rep stos, cmp"),
        _only("or", widths=frozenset({8})),
    ),
)

ACRN = Profile(
    name="acrn",
    architectures=_X86,
    summary="MOV, MOVZX, MOVSX, AND, OR, SUB, CMP, TEST, XCHG, PUSH, POP, MOVS, STOS, BT; no SSE",
    source="projectacrn/acrn-hypervisor, hypervisor/arch/x86/guest/instr_emul.c, master of 2026",
    otherwise="the hypervisor injects #UD or #GP into the guest",
    rules=(
        _only(
            "mov, mov moffs, movzx, movsx, and, or, sub, cmp, test, xchg, push, pop, movs, rep movs, stos, rep stos, bt"
        ),
    ),
)

KVM_X86 = Profile(
    name="kvm-x86",
    architectures=_X86,
    summary="nearly all of the integer instructions, locked ones too, and plain moves of whole SSE registers; no VEX",
    source="torvalds/linux, arch/x86/kvm/emulate.c, v6.1",
    otherwise="KVM_EXIT_INTERNAL_ERROR, suberror emulation: the VMM stops the VM",
    rules=(
        Rule(
            registers=frozenset({RegisterClass.GENERAL, RegisterClass.NONE}),
            without=_NO_KVM,
        ),
        _only("movaps, movapd, movups, movupd, movdqa, movdqu, movntps, movntpd, movntdq, movntq"),
    ),
)

KVM_RISCV = Profile(
    name="kvm-riscv",
    architectures=_RISCV,
    summary="integer loads and stores, and of the compressed ones those of words and doublewords; aligned",
    source="torvalds/linux, arch/riscv/kvm/vcpu_insn.c (kvm_riscv_vcpu_mmio_load, kvm_riscv_vcpu_mmio_store), v6.1",
    otherwise="-EOPNOTSUPP: KVM_RUN fails and the VMM stops the VM",
    rules=(
        _only("lb, lbu, lh, lhu, lw, lwu, ld, sb, sh, sw, sd, c.lw, c.ld, c.sw, c.sd, c.lwsp, c.ldsp, c.swsp, c.sdsp"),
    ),
)

KVM_PPC = Profile(
    name="kvm-ppc",
    architectures=("powerpc64le",),
    summary="loads and stores of one integer or floating-point register, with update and byte-reversed too",
    source="torvalds/linux, arch/powerpc/kvm/emulate_loadstore.c (kvmppc_emulate_loadstore), v6.1",
    otherwise="EMULATE_FAIL: the guest gets a program interrupt",
    rules=(Rule(forms=_ONE, registers=frozenset({RegisterClass.GENERAL, RegisterClass.SIMD_FP})),),
)

KVM_LOONGARCH = Profile(
    name="kvm-loongarch",
    architectures=("loongarch64",),
    summary="ld, st, ldptr, stptr, ldx and stx of integers; an atomic store (amswap_db) is none of them",
    source="torvalds/linux, arch/loongarch/kvm/exit.c (kvm_emu_mmio_read, kvm_emu_mmio_write), v6.7",
    otherwise="the guest gets an address error exception",
    rules=(
        _only(
            "ld.b, ld.bu, ld.h, ld.hu, ld.w, ld.wu, ld.d, st.b, st.h, st.w, st.d, ldptr.w, ldptr.d, stptr.w, stptr.d, "
            "ldx.b, ldx.bu, ldx.h, ldx.hu, ldx.w, ldx.wu, ldx.d, stx.b, stx.h, stx.w, stx.d"
        ),
    ),
)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        ARM_ISV,
        XEN_ARM,
        ARM32_ISV,
        KVM_X86,
        SEV_ES,
        TDX,
        CLOUD_HYPERVISOR_X86,
        ACRN,
        KVM_RISCV,
        KVM_PPC,
        KVM_LOONGARCH,
    )
}
DEFAULT_PROFILE = ARM_ISV


def profiles_of(architecture: str) -> tuple[Profile, ...]:
    """Those that can run code of the architecture, its own first."""
    return tuple(profile for profile in PROFILES.values() if architecture in profile.architectures)


def default_profile(architecture: str) -> Profile:
    """The architecture's own: the syndrome's rule on Arm, KVM's elsewhere."""
    return next(iter(profiles_of(architecture)), DEFAULT_PROFILE)


def profile_for(profile: Profile, architecture: str) -> Profile:
    """The profile, if it can run code of the architecture; else the architecture's own."""
    return profile if architecture in profile.architectures else default_profile(architecture)
