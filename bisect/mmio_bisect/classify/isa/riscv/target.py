"""RV64 and RV32: their names, their objects' headers, how they are compiled for, and what KVM emulates."""

from mmio_bisect.domain.profile import Profile, Rule
from mmio_bisect.domain.target import Architecture, ArchitectureFacts, ElfHeader, Target

KVM_RISCV = Profile(
    name="kvm-riscv",
    architectures=(Architecture.RISCV64, Architecture.RISCV32),
    summary="integer loads and stores, and of the compressed ones those of words and doublewords; aligned",
    source="torvalds/linux, arch/riscv/kvm/vcpu_insn.c (kvm_riscv_vcpu_mmio_load, kvm_riscv_vcpu_mmio_store), v6.1",
    otherwise="-EOPNOTSUPP: KVM_RUN fails and the VMM stops the VM",
    rules=(
        Rule.named(
            "lb, lbu, lh, lhu, lw, lwu, ld, sb, sh, sw, sd, c.lw, c.ld, c.sw, c.sd, c.lwsp, c.ldsp, c.swsp, c.sdsp"
        ),
    ),
)


def _facts(architecture: Architecture, bits: int, abi: str) -> ArchitectureFacts:
    elf = ElfHeader(bits=bits, machine=243)
    target = Target.of_linux(
        architecture,
        elf,
        f"riscv{bits}",
        rust_cpu=f"riscv{bits}gc",
        clang_flags=(f"-march=rv{bits}gc", f"-mabi={abi}"),
        llc_flags=("-mattr=+m,+a,+f,+d,+c", f"-target-abi={abi}"),
    )
    return ArchitectureFacts(name=architecture, title="RISC-V", elf=elf, default_profile=KVM_RISCV, targets=(target,))


RISCV64 = _facts(Architecture.RISCV64, 64, "lp64d")
RISCV32 = _facts(Architecture.RISCV32, 32, "ilp32d")
