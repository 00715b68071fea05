"""Full triples: what each compiler family is told of them."""

import pytest

from mmio_bisect.classify.isa.targets import TARGETS, target_named
from mmio_bisect.domain.target import Target


def named(triple: str) -> Target:
    target = target_named(triple)
    assert target is not None
    return target


@pytest.mark.parametrize(
    ("triple", "short", "clang", "gcc"),
    [
        (
            "aarch64-unknown-none-softfloat",
            "aarch64",
            "aarch64-unknown-none-elf -mgeneral-regs-only",
            "-mgeneral-regs-only",
        ),
        ("aarch64-unknown-none", "aarch64", "aarch64-unknown-none", ""),
        ("aarch64-unknown-linux-musl", "aarch64", "aarch64-unknown-linux-musl", ""),
        (
            "thumbv7em-none-eabi",
            "thumb",
            "thumbv7em-none-eabi -mthumb",
            "-mthumb -march=armv7e-m -mfloat-abi=soft",
        ),
        ("thumbv6m-none-eabi", "thumb", "thumbv6m-none-eabi -mthumb", "-mthumb -march=armv6-m -mfloat-abi=soft"),
        (
            "thumbv8m.main-none-eabihf",
            "thumb",
            "thumbv8m.main-none-eabihf -mthumb",
            "-mthumb -march=armv8-m.main -mfloat-abi=hard",
        ),
        ("armv7r-none-eabihf", "arm", "armv7r-none-eabihf -marm", "-marm -march=armv7-r -mfloat-abi=hard"),
        (
            "armv5te-unknown-linux-gnueabi",
            "arm",
            "armv5te-unknown-linux-gnueabi -marm",
            "-marm -march=armv5te -mfloat-abi=soft",
        ),
        ("arm-none-eabi", "arm", "arm-none-eabi -marm", "-marm -mfloat-abi=soft"),
        (
            "x86_64-unknown-none",
            "x86_64",
            "x86_64-unknown-none -mgeneral-regs-only -mno-red-zone",
            "-mgeneral-regs-only -mno-red-zone",
        ),
        ("i586-unknown-linux-gnu", "i386", "i586-unknown-linux-gnu", "-march=i586"),
        (
            "riscv64gc-unknown-none-elf",
            "riscv64",
            "riscv64-unknown-none-elf -march=rv64gc -mabi=lp64d",
            "-march=rv64gc -mabi=lp64d",
        ),
        (
            "riscv32imac-unknown-none-elf",
            "riscv32",
            "riscv32-unknown-none-elf -march=rv32imac -mabi=ilp32",
            "-march=rv32imac -mabi=ilp32",
        ),
        (
            "riscv32emc-unknown-none-elf",
            "riscv32",
            "riscv32-unknown-none-elf -march=rv32emc -mabi=ilp32e",
            "-march=rv32emc -mabi=ilp32e",
        ),
    ],
)
def test_a_triple_is_a_target_of_its_architecture(triple: str, short: str, clang: str, gcc: str) -> None:
    target, base = named(triple), TARGETS[short]
    assert (target.name, target.rust_triple) == (triple, triple)
    assert (target.architecture, target.elf, target.gcc_triple) == (base.architecture, base.elf, base.gcc_triple)
    assert " ".join([target.clang_triple, *target.clang_flags]) == clang
    assert " ".join(target.gcc_flags) == gcc


def test_llc_is_told_the_extensions_of_a_triple() -> None:
    assert named("riscv32imac-unknown-none-elf").llc_flags == ("-mattr=+m,+a,+c", "-target-abi=ilp32")


def test_a_short_name_is_what_it_was() -> None:
    assert all(target_named(name) is target for name, target in TARGETS.items())


@pytest.mark.parametrize(
    "name",
    ["", "arch64", "aarch64-", "aarch64-apple-darwin", "x86_64-unknown-uefi", "mips-unknown-linux-gnu", "riscv64"],
)
def test_what_is_no_target_is_none(name: str) -> None:
    assert (target_named(name) is not None) == (name in TARGETS)
