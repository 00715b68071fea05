"""Profiles: what one hypervisor, or the architecture's syndrome, can emulate. Each with the source that was read.

On Arm the rule is the architecture's, or that and what a hypervisor decodes besides; elsewhere hypervisors decode
instructions and a profile lists those that it knows. Operations are the mnemonics of `Transfer.operation`.
"""

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import ARCHITECTURES
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass
from mmio_bisect.domain.profile import Profile, Rule

_ONE = frozenset({Form.SINGLE})
_GENERAL = frozenset({RegisterClass.GENERAL})
_X86 = ("x86_64", "i386")


XEN_ARM = Profile(
    name="xen-arm",
    architectures=("aarch64",),
    summary="as arm-isv, and post-indexed LDR and STR of one general register other than the base, no sign extension",
    source="xen-project/xen, xen/arch/arm/decode.c (decode_arm64) and xen/arch/arm/io.c, Xen 4.17 to 4.20",
    otherwise="the guest gets the data abort",
    rules=(
        *ARM_ISV.rules,
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

SEV_ES = Profile(
    name="sev-es",
    architectures=("x86_64",),
    summary="MOV, MOVZX, MOVSX between memory and a register or an immediate, MOVS with or without REP",
    source="torvalds/linux, arch/x86/lib/insn-eval.c (insn_decode_mmio) and arch/x86/kernel/sev.c, v6.1",
    otherwise="the guest's #VC handler fails and the guest dies",
    rules=(Rule.named("mov, movzx, movsx, movs, rep movs"),),
)

TDX = Profile(
    name="tdx",
    architectures=("x86_64",),
    summary="as sev-es without MOVS; an access that crosses a page is refused as well",
    source="torvalds/linux, arch/x86/coco/tdx/tdx.c (handle_mmio) and arch/x86/lib/insn-eval.c, v6.1",
    otherwise="the guest's #VE handler fails: an oops in the kernel, SIGSEGV in user space",
    rules=(Rule.named("mov, movzx, movsx"),),
)

CLOUD_HYPERVISOR_X86 = Profile(
    name="cloud-hypervisor-x86",
    architectures=_X86,
    summary="MOV, with offsets too, MOVZX, MOVS, STOS, CMP, and OR of a byte register (on MSHV)",
    source="cloud-hypervisor/cloud-hypervisor, hypervisor/src/arch/x86/emulator/instructions, main of 2026",
    otherwise="the VMM reports an unsupported instruction and stops the VM",
    rules=(
        Rule.named("mov, mov moffs, movzx, movs, rep movs, stos, rep stos, cmp"),
        Rule.named("or", widths=frozenset({8})),
    ),
)

ACRN = Profile(
    name="acrn",
    architectures=_X86,
    summary="MOV, MOVZX, MOVSX, AND, OR, SUB, CMP, TEST, XCHG, PUSH, POP, MOVS, STOS, BT; no SSE",
    source="projectacrn/acrn-hypervisor, hypervisor/arch/x86/guest/instr_emul.c, master of 2026",
    otherwise="the hypervisor injects #UD or #GP into the guest",
    rules=(
        Rule.named(
            "mov, mov moffs, movzx, movsx, and, or, sub, cmp, test, xchg, push, pop, movs, rep movs, stos, rep stos, bt"
        ),
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
    summary="ld, st, ldptr, stptr, ldx and stx of integers; not atomic stores (amswap_db)",
    source="torvalds/linux, arch/loongarch/kvm/exit.c (kvm_emu_mmio_read, kvm_emu_mmio_write), v6.7",
    otherwise="the guest gets an address error exception",
    rules=(
        Rule.named(
            "ld.b, ld.bu, ld.h, ld.hu, ld.w, ld.wu, ld.d, st.b, st.h, st.w, st.d, ldptr.w, ldptr.d, stptr.w, stptr.d, "
            "ldx.b, ldx.bu, ldx.h, ldx.hu, ldx.w, ldx.wu, ldx.d, stx.b, stx.h, stx.w, stx.d"
        ),
    ),
)

_OTHERS = (XEN_ARM, SEV_ES, TDX, CLOUD_HYPERVISOR_X86, ACRN, KVM_PPC, KVM_LOONGARCH)

DEFAULT_PROFILE = ARM_ISV
PROFILES: dict[str, Profile] = {
    profile.name: profile for profile in (*(facts.default_profile for facts in ARCHITECTURES.values()), *_OTHERS)
}
"""Those of the architectures first."""


def profiles_of(architecture: str) -> tuple[Profile, ...]:
    """Those that can run code of the architecture, its own first."""
    return tuple(profile for profile in PROFILES.values() if architecture in profile.architectures)


def default_profile(architecture: str) -> Profile:
    """The architecture's own; of one whose code is not read, a profile that names it."""
    facts = ARCHITECTURES.get(architecture)
    return facts.default_profile if facts else next(iter(profiles_of(architecture)), DEFAULT_PROFILE)


def profile_for(profile: Profile, architecture: str) -> Profile:
    """The profile, if it can run code of the architecture; else the architecture's own."""
    return profile if architecture in profile.architectures else default_profile(architecture)
