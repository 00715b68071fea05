"""What real compilers say of their instructions: it changes no code, matches it, and agrees with what is seen in it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from held_functions import gcc
from real_zigs import RealZigs
from requirements import fixture_path

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_files import read_case
from mmio_bisect.adapters.word.reader import read_lines
from mmio_bisect.classify.dataflow.entry import entry_state
from mmio_bisect.classify.dataflow.flow import follow
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.word.matching import MatchedFunction, Unread, match_word
from mmio_bisect.classify.word.values import Word
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import Case, FunctionExpectation, OptLevel
from mmio_bisect.workflow.probing.objects import Objects

RECIPES = Path(__file__).parents[2] / "recipes"
OBJECTS = Objects(read_object, DISASSEMBLERS)
TARGET_NAMES = ("aarch64", "arm", "thumb", "x86_64", "riscv64")
OLDEST, NEWEST = "0.8.0", "0.17.1"

NOT_VOLATILE = {
    ("asm_accessor", "asm_accessor"): "the window is accessed by inline assembly",
    ("asm_accessor", "asm_accessor_fill"): "the window is accessed by inline assembly",
    ("block_write", "block_write"): "a library routine accesses the window",
    ("poll_hoisted", "wait_ready"): "the source forgets to say volatile",
}
"""Functions whose accesses to the window the compiler does not call volatile, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    case: Case
    image: CodeImage
    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """`program` is called with the flags of its family."""

    family: CompilerFamily
    program: tuple[str, ...]
    folder: Path

    def make(self, case: Case, target: str, opt: str, *, word: bool) -> tuple[bytes, str]:
        descriptor = self.family.descriptor
        flags = (*descriptor.flags(case, TARGETS[target], OptLevel(opt)), *case.compile_flags)
        (self.folder / case.file_name).write_bytes(case.source)
        words = (*self.program, *flags, *(descriptor.word if word else ()), case.file_name, "-o", "made.o")
        made = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=True)
        return (self.folder / "made.o").read_bytes(), made.stderr

    def compiled(self, case: Case, target: str, opt: str) -> Compiled:
        object_code, printed = self.make(case, target, opt, word=True)
        word = read_lines(self.family, printed.splitlines(keepends=True))
        return Compiled(case=case, image=OBJECTS.read(object_code), word=word)


def clang(zigs: RealZigs, version: str, folder: Path) -> Compiler:
    program = (str(zigs.programs[version]), "clang")
    return Compiler(family=CompilerFamily.CLANG, program=program, folder=folder)


def rustc(folder: Path) -> Compiler:
    program = (str(fixture_path("test-rustc/rust/rustc")),)
    return Compiler(family=CompilerFamily.RUSTC, program=program, folder=folder)


def gcc_for(target: str, folder: Path) -> Compiler:
    return Compiler(family=CompilerFamily.GCC, program=gcc().words[target][:1], folder=folder)


def cases(pattern: str, target: str) -> list[Case]:
    found = [read_case(path) for path in sorted(RECIPES.glob(pattern))]
    return [case for case in found if target in case.targets]


def assert_same_object(compiler: Compiler, case: Case, target: str, levels: Sequence[str]) -> None:
    for level in levels:
        without, _ = compiler.make(case, target, level, word=False)
        told, printed = compiler.make(case, target, level, word=True)
        assert told == without, (target, level)
        assert len(printed) > 100


def differences(compiled: Compiled, where: str) -> set[tuple[str, str]]:
    """Recipe and function where what the compiler calls volatile is not what the data flow sees in the window."""
    found = set()
    for function in compiled.case.functions:
        for code in compiled.image.functions_named(function.symbol):
            seen, said = seen_and_said(compiled, function, code, where)
            if seen != said:
                assert (compiled.case.recipe, code.name) in NOT_VOLATILE, (where, code.name, seen, said)
                found.add((compiled.case.recipe, code.name))
    return found


def seen_and_said(
    compiled: Compiled, function: FunctionExpectation, code: FunctionCode, where: str
) -> tuple[set[str], set[str]]:
    """The instructions that access the window, and those that are volatile and not on the stack, by place and text."""
    image = compiled.image.declaring(compiled.case.prototypes)
    called = replace(image, isa=image.isa.under(function.convention))
    flow = follow(called, code, entry_state(function, compiled.case.windows, called), function.calls)
    assert not flow.escapes, (where, code.name, flow.escapes)
    seen = {f"{touch.code}+{touch.instruction.position:#x} {touch.instruction.text}" for touch in flow.touches}
    said: set[str] = set()
    for followed in flow.followed:
        matched = match_word(image.isa, followed, compiled.word.get(followed.name))
        assert isinstance(matched, MatchedFunction), (where, matched)
        said |= {
            f"{followed.name}+{position:#x} {one.instruction.text}"
            for position, one in matched.instructions.items()
            if one.volatile
        }
    return seen, said


@pytest.mark.compiler
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_clang_makes_the_same_object(zigs: RealZigs, tmp_path: Path, version: str) -> None:
    for target in TARGET_NAMES:
        case = read_case(RECIPES / "xhci_halt.c")
        assert_same_object(clang(zigs, version, tmp_path), case, target, "0123s")


@pytest.mark.cross_gcc
def test_gcc_makes_the_same_object(tmp_path: Path) -> None:
    for target in TARGET_NAMES:
        case = read_case(RECIPES / "xhci_halt.c")
        assert_same_object(gcc_for(target, tmp_path), case, target, "0123s")


@pytest.mark.rustc
def test_a_rustc_makes_the_same_object(tmp_path: Path) -> None:
    assert_same_object(rustc(tmp_path), read_case(RECIPES / "uart_ports.rs"), "aarch64", "0123s")


UNSAID = {
    (OLDEST, "aarch64"): {"copy_in", "fifo_put", "read_sum"},
    (OLDEST, "arm"): {"dma_ring", "reset_delay"},
    (NEWEST, "arm"): {"dma_ring", "reset_delay", "timer_static"},
}
"""Recipes with functions that are unread, by version and target. LLVM leaves memory operands out: 12 where a load moves
its base register on AArch64, all versions where Arm's optimiser of loads and stores merges some or moves the base."""


@pytest.mark.compiler
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("target", TARGET_NAMES)
def test_a_clangs_word_matches_and_agrees(zigs: RealZigs, tmp_path: Path, version: str, target: str) -> None:
    compiler, found = clang(zigs, version, tmp_path), set[tuple[str, str]]()
    for case in cases("*.c", target):
        if case.recipe not in UNSAID.get((version, target), ()):
            found |= differences(compiler.compiled(case, target, "2"), f"{case.file_name} {version} {target}")
    assert found == {(recipe, name) for recipe, name in NOT_VOLATILE if target == "aarch64" or "asm" not in recipe}


@pytest.mark.compiler
@pytest.mark.parametrize(("version", "target"), UNSAID)
def test_what_a_clang_does_not_say_is_unread(zigs: RealZigs, tmp_path: Path, version: str, target: str) -> None:
    for recipe in sorted(UNSAID[version, target]):
        compiled = clang(zigs, version, tmp_path).compiled(read_case(RECIPES / f"{recipe}.c"), target, "2")
        tested = {code.name for one in compiled.case.functions for code in compiled.image.functions_named(one.symbol)}
        codes = [code for code in compiled.image.functions if code.name in tested]
        matches = [match_word(compiled.image.isa, code, compiled.word.get(code.name)) for code in codes]
        assert any("does not match its code" in one.why for one in matches if isinstance(one, Unread)), recipe


@pytest.mark.cross_gcc
@pytest.mark.parametrize("target", TARGET_NAMES)
def test_gccs_word_matches_and_agrees(tmp_path: Path, target: str) -> None:
    for case in cases("*.c", target):
        for level in "0s":
            where = f"{case.file_name} gcc {target} -O{level}"
            differences(gcc_for(target, tmp_path).compiled(case, target, level), where)


@pytest.mark.rustc
def test_a_rustcs_word_matches_and_agrees(tmp_path: Path) -> None:
    for case in cases("*.rs", "aarch64"):
        differences(rustc(tmp_path).compiled(case, "aarch64", "2"), case.file_name)


SWITCH = b"""\
//mmio: target=aarch64,arm,thumb,x86_64,riscv64
//mmio: fn=dispatch(mmio,_) each=store32
int dispatch(volatile unsigned *p, unsigned key) {
  switch (key) {
    case 0: p[1] = 3; return 7; case 1: p[2] = 9; return 1; case 2: p[7] = 1; p[3] = 2; return 8;
    case 3: p[9] = 4; return 2; case 4: p[11] = key * 3; return 5; case 5: p[2] = 77; return 3;
    case 6: p[1] = key; p[0] = 1; return 11; case 7: p[5] = 12; return 12; case 8: p[6] = 13; return 99;
  }
  p[20] = 1;
  return 0;
}
"""


@pytest.mark.compiler
@pytest.mark.cross_gcc
@pytest.mark.parametrize("target", TARGET_NAMES)
def test_jump_tables_are_told_from_memory(zigs: RealZigs, tmp_path: Path, target: str) -> None:
    source = tmp_path / "dispatch.c"
    source.write_bytes(SWITCH)
    case = read_case(source)
    for compiler in (clang(zigs, OLDEST, tmp_path), clang(zigs, NEWEST, tmp_path), gcc_for(target, tmp_path)):
        for level in "2s":
            assert not differences(compiler.compiled(case, target, level), f"{compiler.program} {target} -O{level}")
