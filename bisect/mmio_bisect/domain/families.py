"""The families of compilers: the one list of them, and all that is known of each.

No compiler's name goes into an object: equal code makes equal objects. No header of the host is seen.

Compiler Explorer's names are those of its configuration (compiler-explorer/compiler-explorer,
etc/config/c.amazon.properties and rust.amazon.properties, read in November 2026). How layers run alone: clang's
UsersManual, `-Xclang -disable-llvm-passes`; rustc's book, "Codegen options", `-C no-prepopulate-passes` and
`-C llvm-args`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from mmio_bisect.domain.family import FamilyDescriptor, LlvmLayers, Part
from mmio_bisect.domain.recipe import Case, Language, OptLevel
from mmio_bisect.domain.target import Target

_NO_NAME: Final = "-Wno-override-module"
"""IR names another target's triple than clang is given, or another's clang: it need not say so."""


_LAST_PASSES: Final = (
    "-print-after=unpack-mi-bundles,arm-low-overhead-loops,riscv-expand-atomic-pseudo,pseudo-probe-inserter,x86-lvi-ret"
)
"""After one of them machine code is final, for each target and version from LLVM 12 to 22: `addPreEmitPass` and
`addPreEmitPass2` in llvm/lib/Target/*/*TargetMachine.cpp. A name that a version lacks is ignored."""


def _clang_flags(case: Case, target: Target, opt: OptLevel) -> tuple[str, ...]:
    language = _NO_NAME if case.language is Language.LLVM_IR else "-nostdlibinc"
    return (f"--target={target.clang_triple}", *target.clang_flags, f"-O{opt}", "-fno-ident", language, "-c")


_CLANGS: Final = {9: "900", 10: "1000", 11: "1100", 12: "1200", 13: "1300", 14: "1400", 15: "1500", 16: "1600"} | {
    17: "1701", 18: "1810", 19: "1910", 20: "2010", 21: "2110"
}  # fmt: skip


def _clang_of_explorer(compiler_version: str, _version_text: str) -> str | None:
    """By the major version, trunk where ours is newer."""
    major = compiler_version.partition(".")[0]
    if not major.isdecimal() or len(major) > 9:
        return None
    name = _CLANGS.get(int(major))
    return "cclang_trunk" if int(major) > max(_CLANGS) else name and f"cclang{name}"


_CLANG: Final = FamilyDescriptor(
    languages=(Language.C, Language.LLVM_IR),
    version=r"clang version (?P<version>\d[^\s(]*)",
    triple=lambda target: target.clang_triple,
    flags=_clang_flags,
    program="clang",
    explorer=_clang_of_explorer,
    llvm=LlvmLayers(
        options=lambda options: tuple(word for option in options for word in ("-mllvm", option)),
        object_words=("-c",),
        text=("-S", "-emit-llvm"),
        bitcode=("-c", "-emit-llvm"),
        front_end=("-Xclang", "-disable-llvm-passes"),
        front_end_bitcode=("-Xclang", "-disable-llvm-passes"),
        back_end=("-c", "-Xclang", "-disable-llvm-passes"),
        ir_input=(_NO_NAME, "-x", "ir"),
    ),
    word=("-mllvm", _LAST_PASSES),
)


def _gcc_flags(_case: Case, target: Target, opt: OptLevel) -> tuple[str, ...]:
    return (*target.gcc_flags, f"-O{opt}", "-fno-ident", "-c")


_GCC: Final = FamilyDescriptor(
    languages=(Language.C,),
    version=r"\A\S*gcc\S* .*?(?P<version>\d+\.\d+\.\d+)",
    triple=lambda target: target.gcc_triple,
    flags=_gcc_flags,
    program="aarch64-linux-gnu-gcc",
    parts=(Part(words=("-print-prog-name=cc1",)), Part(words=("-print-prog-name=as",))),
    word=("-fdump-rtl-final=stderr",),
)


def _rustc_flags(case: Case, target: Target, opt: OptLevel) -> tuple[str, ...]:
    edition = (f"--edition={case.edition}",) if case.edition else ()
    single = ("-Ccodegen-units=1", "--crate-type=lib", "--emit=obj")
    return (f"--target={target.rust_triple}", f"-Copt-level={opt}", *single, *edition)


def _rustc_of_explorer(compiler_version: str, version_text: str) -> str | None:
    """By the release, nightly where ours is one."""
    if "nightly" in version_text:
        return "nightly"
    numbers = compiler_version.split(".")
    return f"r1{numbers[1]}0" if numbers[0] == "1" and len(numbers) > 1 and numbers[1].isdigit() else None


def _rustc_llvm_options(options: Sequence[str]) -> tuple[str, ...]:
    return (f"-Cllvm-args={' '.join(options)}",) if options else ()


_RUSTC: Final = FamilyDescriptor(
    languages=(Language.RUST,),
    version=r"^rustc (?P<version>\d\S*)",
    version_words=("--version", "--verbose"),
    triple=lambda target: target.rust_triple,
    flags=_rustc_flags,
    program="rustc",
    explorer=_rustc_of_explorer,
    parts=(Part(words=("--print", "sysroot"), files="lib/rustlib/*/lib/libcore-*.rlib"),),
    llvm=LlvmLayers(
        version=r"^LLVM version: (?P<version>\S+)",
        options=_rustc_llvm_options,
        object_words=("--emit=obj",),
        text=("--emit=llvm-ir",),
        bitcode=("--emit=llvm-bc",),
        front_end=("-Cno-prepopulate-passes",),
        # Without names for what has none some rustcs write no bitcode; the pass touches nothing else.
        front_end_bitcode=("-Cno-prepopulate-passes", "-Cpasses=name-anon-globals"),
    ),
    word=_rustc_llvm_options((_LAST_PASSES,)),
)


def _llc_flags(_case: Case, target: Target, opt: OptLevel) -> tuple[str, ...]:
    """With clang's relocation model on Linux, and so its code for addresses."""
    linux = ("-relocation-model=pic", "-filetype=obj")
    return (f"-mtriple={target.clang_triple}", *target.llc_flags, f"-O{opt}", *linux)


_LLC: Final = FamilyDescriptor(
    languages=(Language.LLVM_IR,),
    version=r"LLVM version (?P<version>\d\S*)",
    triple=lambda target: target.clang_triple,
    flags=_llc_flags,
    program="llc",
    # To llc, optimising for size is an attribute of a function, and no level.
    opt_levels=(OptLevel.O0, OptLevel.O1, OptLevel.O2, OptLevel.O3),
    llvm=LlvmLayers(options=tuple, has_middle=False, ir_input=()),
    word=(_LAST_PASSES,),
)


def _tcc_flags(_case: Case, _target: Target, opt: OptLevel) -> tuple[str, ...]:
    """Its target is built in, and all levels are alike to it."""
    return ("-nostdinc", f"-O{opt}", "-c")


_TCC: Final = FamilyDescriptor(
    languages=(Language.C,),
    version=r"^tcc version (?P<version>\d\S*)",
    version_words=("-v",),
    triple=lambda target: target.gcc_triple,
    flags=_tcc_flags,
    program="arm64-tcc",
    only_target="aarch64",
)


class CompilerFamily(StrEnum):
    """Compilers that are called alike, by their name in files, in the history and in a program's own name."""

    CLANG = "clang"
    GCC = "gcc"
    RUSTC = "rustc"
    LLC = "llc"
    TCC = "tcc"

    @property
    def descriptor(self) -> FamilyDescriptor:
        return _DESCRIPTORS[self]


_DESCRIPTORS: Final = {
    CompilerFamily.CLANG: _CLANG,
    CompilerFamily.GCC: _GCC,
    CompilerFamily.RUSTC: _RUSTC,
    CompilerFamily.LLC: _LLC,
    CompilerFamily.TCC: _TCC,
}


def family_of(text: str) -> CompilerFamily | None:
    """Whose compiler printed the text when it was asked for its version; None: not one that is known."""
    return next((family for family in CompilerFamily if family.descriptor.version_in(text)), None)


def guess_family(program: str) -> CompilerFamily:
    """What a program of that name probably is; which it is, it says itself."""
    return next((family for family in CompilerFamily if family.value in program), CompilerFamily.CLANG)
