"""AArch32: its name, its objects' header, how A32 and T32 are compiled for, and what is emulated."""

from mmio_bisect.domain.profile import Profile, Rule
from mmio_bisect.domain.target import Architecture, ArchitectureFacts, ElfHeader, Target

ARM32_ISV = Profile(
    name="arm32-isv",
    architectures=(Architecture.ARM,),
    summary="the architecture, AArch32: LDR, STR, LDA, STL and their narrow forms, no writeback, not R15",
    source="Arm ARM (DDI 0487), ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV, “AArch32”",
    otherwise="as for arm-isv",
    rules=(Rule(valid=True),),
)

_ELF = ElfHeader(bits=32, machine=40)

ARM = ArchitectureFacts(
    name=Architecture.ARM,
    title="Arm",
    elf=_ELF,
    default_profile=ARM32_ISV,
    targets=(
        Target(
            name="arm",
            architecture=Architecture.ARM,
            elf=_ELF,
            clang_triple="armv7a-unknown-linux-gnueabihf",
            rust_triple="armv7-unknown-linux-gnueabihf",
            gcc_triple="arm-linux-gnueabihf",
            clang_flags=("-marm",),
            gcc_flags=("-marm",),
        ),
        Target(
            name="thumb",
            architecture=Architecture.ARM,
            elf=_ELF,
            clang_triple="thumbv7a-unknown-linux-gnueabihf",
            rust_triple="thumbv7neon-unknown-linux-gnueabihf",
            gcc_triple="arm-linux-gnueabihf",
            clang_flags=("-mthumb",),
            gcc_flags=("-mthumb",),
        ),
    ),
)
