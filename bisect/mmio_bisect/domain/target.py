"""Targets: the short names that users write, and the triple that each compiler family wants.

`classify.isa.targets` lists them: an architecture brings its own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mmio_bisect.domain.profile import Profile


class Architecture(StrEnum):
    """The names of the architectures that are shipped; tests and extensions may register others."""

    AARCH64 = "aarch64"
    X86_64 = "x86_64"
    I386 = "i386"
    RISCV64 = "riscv64"
    RISCV32 = "riscv32"
    ARM = "arm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfHeader:
    """What the header of an object says (System V gABI, “ELF Header”): the class, 32 or 64 bits, and `e_machine`."""

    bits: int
    machine: int

    def fits(self, object_code: bytes) -> bool:
        """Whether an ELF object's header is like this; what is not ELF is for its reader to refuse."""
        if len(object_code) < 20 or object_code[:4] != b"\x7fELF":
            return True
        order: Literal["little", "big"] = "big" if object_code[5] == 2 else "little"
        machine = int.from_bytes(object_code[18:20], order)
        return (32 * object_code[4], machine) == (self.bits, self.machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One architecture to compile for. The triple, not the short name, is part of a cell's key.

    The flags say what the triple leaves to the compiler's version; they are part of the key too.
    """

    name: str
    architecture: str
    elf: ElfHeader
    clang_triple: str
    rust_triple: str
    gcc_triple: str
    clang_flags: tuple[str, ...] = ()
    gcc_flags: tuple[str, ...] = ()
    llc_flags: tuple[str, ...] = ()

    @classmethod
    def of_linux(
        cls,
        architecture: str,
        elf: ElfHeader,
        cpu: str,
        *,
        rust_cpu: str | None = None,
        clang_flags: tuple[str, ...] = (),
        llc_flags: tuple[str, ...] = (),
    ) -> "Target":
        """The one target of an architecture, under its name. Rust's `cpu` says the extensions too, where it differs."""
        return cls(
            name=str(architecture),
            architecture=architecture,
            elf=elf,
            clang_triple=f"{cpu}-unknown-linux-gnu",
            rust_triple=f"{rust_cpu or cpu}-unknown-linux-gnu",
            gcc_triple=f"{cpu}-linux-gnu",
            clang_flags=clang_flags,
            llc_flags=llc_flags,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureFacts:
    """What is known of an architecture to those who do not read its code.

    `title` is the name as people write it. `default_profile` is the one whose rule holds where none is chosen: the
    syndrome's on Arm, KVM's elsewhere. A target is a way to compile for it.
    """

    name: str
    title: str
    elf: ElfHeader
    default_profile: Profile
    targets: tuple[Target, ...]
