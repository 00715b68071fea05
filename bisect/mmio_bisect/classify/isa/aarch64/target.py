"""AArch64: its name, its objects' header, how it is compiled for, and what is emulated."""

from mmio_bisect.domain.profile import Profile, Rule
from mmio_bisect.domain.target import Architecture, ArchitectureFacts, ElfHeader, Target

ARM_ISV = Profile(
    name="arm-isv",
    architectures=(Architecture.AARCH64,),
    summary="the architecture: an access whose abort carries a valid instruction syndrome (ESR_EL2.ISV = 1)",
    source="Arm ARM (DDI 0487), ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV",
    otherwise=(
        "KVM returns -ENOSYS or KVM_EXIT_ARM_NISV; pKVM injects a data abort; Jailhouse and bhyve stop the VM; "
        "QEMU's HVF fails an assertion"
    ),
    rules=(Rule(valid=True),),
)

_ELF = ElfHeader(bits=64, machine=183)

AARCH64 = ArchitectureFacts(
    name=Architecture.AARCH64,
    title="AArch64",
    elf=_ELF,
    default_profile=ARM_ISV,
    targets=(Target.of_linux(Architecture.AARCH64, _ELF, "aarch64"),),
)
