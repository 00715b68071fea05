"""Targets: the short names that users write, and the triple that each compiler family wants."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Architecture(StrEnum):
    """The names of the architectures that are shipped; tests and extensions may register others."""

    AARCH64 = "aarch64"
    X86_64 = "x86_64"
    I386 = "i386"
    RISCV64 = "riscv64"
    RISCV32 = "riscv32"
    ARM = "arm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One architecture to compile for. The triple, not the short name, is part of a cell's key.

    The flags say what the triple leaves to the compiler's version; they are part of the key too. `elf` is what the
    header of an object says (System V gABI, “ELF Header”): the class, 1 for 32 and 2 for 64 bits, and `e_machine`.
    """

    name: str
    architecture: Architecture
    elf: tuple[int, int]
    clang_triple: str
    rust_triple: str
    gcc_triple: str
    clang_flags: tuple[str, ...] = ()
    gcc_flags: tuple[str, ...] = ()
    llc_flags: tuple[str, ...] = ()

    def made(self, object_code: bytes) -> bool:
        """Whether an ELF object's header is this target's; what is no ELF object is for its reader to refuse."""
        if len(object_code) < 20 or object_code[:4] != b"\x7fELF":
            return True
        order: Literal["little", "big"] = "big" if object_code[5] == 2 else "little"
        return (object_code[4], int.from_bytes(object_code[18:20], order)) == self.elf


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            name="aarch64",
            architecture=Architecture.AARCH64,
            elf=(2, 183),
            clang_triple="aarch64-unknown-linux-gnu",
            rust_triple="aarch64-unknown-linux-gnu",
            gcc_triple="aarch64-linux-gnu",
        ),
        Target(
            name="arm",
            architecture=Architecture.ARM,
            elf=(1, 40),
            clang_triple="armv7a-unknown-linux-gnueabihf",
            rust_triple="armv7-unknown-linux-gnueabihf",
            gcc_triple="arm-linux-gnueabihf",
            clang_flags=("-marm",),
            gcc_flags=("-marm",),
        ),
        Target(
            name="thumb",
            architecture=Architecture.ARM,
            elf=(1, 40),
            clang_triple="thumbv7a-unknown-linux-gnueabihf",
            rust_triple="thumbv7neon-unknown-linux-gnueabihf",
            gcc_triple="arm-linux-gnueabihf",
            clang_flags=("-mthumb",),
            gcc_flags=("-mthumb",),
        ),
        Target(
            name="x86_64",
            architecture=Architecture.X86_64,
            elf=(2, 62),
            clang_triple="x86_64-unknown-linux-gnu",
            rust_triple="x86_64-unknown-linux-gnu",
            gcc_triple="x86_64-linux-gnu",
        ),
        Target(
            name="i386",
            architecture=Architecture.I386,
            elf=(1, 3),
            clang_triple="i686-unknown-linux-gnu",
            rust_triple="i686-unknown-linux-gnu",
            gcc_triple="i686-linux-gnu",
        ),
        Target(
            name="riscv64",
            architecture=Architecture.RISCV64,
            elf=(2, 243),
            clang_triple="riscv64-unknown-linux-gnu",
            rust_triple="riscv64gc-unknown-linux-gnu",
            gcc_triple="riscv64-linux-gnu",
            clang_flags=("-march=rv64gc", "-mabi=lp64d"),
            llc_flags=("-mattr=+m,+a,+f,+d,+c", "-target-abi=lp64d"),
        ),
        Target(
            name="riscv32",
            architecture=Architecture.RISCV32,
            elf=(1, 243),
            clang_triple="riscv32-unknown-linux-gnu",
            rust_triple="riscv32gc-unknown-linux-gnu",
            gcc_triple="riscv32-linux-gnu",
            clang_flags=("-march=rv32gc", "-mabi=ilp32d"),
            llc_flags=("-mattr=+m,+a,+f,+d,+c", "-target-abi=ilp32d"),
        ),
    )
}
