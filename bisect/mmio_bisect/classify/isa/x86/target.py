"""x86-64 and i386: their names, their objects' headers, how they are compiled for, and what KVM emulates."""

from mmio_bisect.domain.access import RegisterClass
from mmio_bisect.domain.profile import Profile, Rule
from mmio_bisect.domain.target import Architecture, ArchitectureFacts, ElfHeader, Target

# Integer instructions that emulate.c has no entry for: those of the bit-manipulation and checksum extensions.
_NOT_EMULATED = frozenset({"crc32", "popcnt", "lzcnt", "tzcnt", "adcx", "adox", "mulx", "pdep", "pext", "andn"}) | {
    *("bextr", "rorx", "sarx", "shlx", "shrx", "blsi", "blsmsk", "blsr", "bzhi", "cmpxchg16b", "movdiri", "movdir64b"),
}

KVM_X86 = Profile(
    name="kvm-x86",
    architectures=(Architecture.X86_64, Architecture.I386),
    summary="nearly all of the integer instructions, locked ones too, and plain moves of whole SSE registers; no VEX",
    source="torvalds/linux, arch/x86/kvm/emulate.c, v6.1",
    otherwise="KVM_EXIT_INTERNAL_ERROR, suberror emulation: the VMM stops the VM",
    rules=(
        Rule(registers=frozenset({RegisterClass.GENERAL, RegisterClass.NONE}), without=_NOT_EMULATED),
        Rule.named("movaps, movapd, movups, movupd, movdqa, movdqu, movntps, movntpd, movntdq, movntq"),
    ),
)


def _facts(architecture: Architecture, title: str, elf: ElfHeader, cpu: str) -> ArchitectureFacts:
    target = Target.of_linux(architecture, elf, cpu)
    return ArchitectureFacts(name=architecture, title=title, elf=elf, default_profile=KVM_X86, targets=(target,))


X86_64 = _facts(Architecture.X86_64, "x86-64", ElfHeader(bits=64, machine=62), "x86_64")
I386 = _facts(Architecture.I386, "i386", ElfHeader(bits=32, machine=3), "i686")
