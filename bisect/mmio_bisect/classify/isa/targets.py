"""The list of architectures and their targets, for all that does not read code: it loads no lifter."""

import re
from dataclasses import replace

from mmio_bisect.classify.isa.aarch64.target import AARCH64
from mmio_bisect.classify.isa.arm.target import ARM
from mmio_bisect.classify.isa.riscv.target import RISCV32, RISCV64
from mmio_bisect.classify.isa.x86.target import I386, X86_64
from mmio_bisect.domain.target import ArchitectureFacts, Target

ARCHITECTURES: dict[str, ArchitectureFacts] = {
    facts.name: facts for facts in (AARCH64, ARM, X86_64, I386, RISCV64, RISCV32)
}
TARGETS: dict[str, Target] = {target.name: target for facts in ARCHITECTURES.values() for target in facts.targets}

_TRIPLE = re.compile(r"(?P<cpu>[a-z0-9_.]+)(?P<system>(-[a-z0-9_.]+){2,3})", re.ASCII)
_NOT_ELF = re.compile(r"uefi|windows|darwin|macos|ios|cygwin|macho|coff")


def target_named(name: str) -> Target | None:
    """A target by its short name, or by a full triple as clang or rustc spell it, `thumbv7em-none-eabi`.

    A triple is handed to rustc as it is. Clang and GCC are told by flags what is rustc's own in it.
    """
    match = _TRIPLE.fullmatch(name)
    if name in TARGETS or match is None or _NOT_ELF.search(name):
        return TARGETS.get(name)
    target = _of_cpu(match["cpu"], match["system"])
    return None if target is None else replace(target, name=name, rust_triple=name)


def _of_cpu(cpu: str, system: str) -> Target | None:
    if cpu == "aarch64":
        soft = ("-mgeneral-regs-only",) if system.endswith("softfloat") else ()
        return _with_flags(TARGETS["aarch64"], cpu + system.replace("softfloat", "elf"), soft, soft)
    if cpu == "x86_64":
        # The triple that rustc means for kernels: no vector registers, and interrupts may come at any time.
        kernel = ("-mgeneral-regs-only", "-mno-red-zone") if system == "-unknown-none" else ()
        return _with_flags(TARGETS["x86_64"], cpu + system, kernel, kernel)
    if re.fullmatch(r"i[3-6]86", cpu):
        return _with_flags(TARGETS["i386"], cpu + system, (), (f"-march={cpu}",))
    if arm := re.fullmatch(r"(arm|thumb)(?:v(?P<version>\d+)(?P<profile>[a-z]*(?:\.[a-z]+)?))?", cpu):
        base = TARGETS["thumb" if arm[1] == "thumb" else "arm"]
        return _with_flags(base, cpu + system, base.clang_flags, (*base.gcc_flags, *_gcc_of_arm(arm, system)))
    if riscv := re.fullmatch(r"riscv(?P<bits>32|64)(?P<letters>[a-z]*)", cpu):
        return _of_riscv(riscv["bits"], riscv["letters"], system)
    return None


def _with_flags(base: Target, triple: str, clang: tuple[str, ...], gcc: tuple[str, ...]) -> Target:
    return replace(base, clang_triple=triple, clang_flags=clang, gcc_flags=gcc)


def _gcc_of_arm(cpu: re.Match[str], system: str) -> tuple[str, ...]:
    """GCC, “ARM Options”: an M profile has a dash before it, as others have."""
    profile = cpu["profile"] or ""
    dashed = profile if profile.startswith(("e", "te", "t")) else f"-{profile}" if profile else ""
    march = (f"-march=armv{cpu['version']}{dashed.replace('em', 'e-m')}",) if cpu["version"] else ()
    return (*march, "-mfloat-abi=hard" if system.endswith("hf") else "-mfloat-abi=soft")


def _of_riscv(bits: str, letters: str, system: str) -> Target:
    """RISC-V psABI, “Named ABIs”: F and D decide how floats are passed, E how many registers there are."""
    extensions = (letters or "gc").replace("g", "imafd")
    word = "lp64" if bits == "64" else "ilp32"
    floats = next((letter for letter in "df" if letter in extensions), "")
    abi = word + ("e" if extensions.startswith("e") else floats)
    flags = (f"-march=rv{bits}{letters or 'gc'}", f"-mabi={abi}")
    features = ",".join(f"+{letter}" for letter in extensions if letter != "i")
    base = TARGETS[f"riscv{bits}"]
    return replace(
        _with_flags(base, f"riscv{bits}{system}", flags, flags),
        llc_flags=(f"-mattr={features}", f"-target-abi={abi}"),
    )
