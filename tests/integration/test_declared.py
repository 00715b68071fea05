"""Calls of other files' functions, of which the source or debug information says what they take."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from held_functions import OBJECTS, TARGET_NAMES, Compiler, clang, gcc
from real_zigs import RealZigs

from mmio_bisect.adapters.recipes.prototypes import declared_prototypes
from mmio_bisect.adapters.recipes.recipe_directives import parse_case, parse_function
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.domain.recipe import Language
from mmio_bisect.workflow.probing.objects import judge_object

pytestmark = pytest.mark.compiler

SOURCE = """
typedef unsigned u32; typedef volatile u32 *reg; struct two { long a, b; };
void relax(void); u32 ticks(void); void delay(u32); void lock(u32 *, unsigned long long); int trace(const char *, ...);
void late(u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, reg); void given(reg); void old(); struct two pair(int);
void wide(unsigned long long, unsigned char, reg);
u32 nothing(reg w, u32 *m) { w[0] = 1; relax(); w[1] = ticks(); return 0; }
u32 number(reg w, u32 *m) { w[0] = 1; delay(4); w[1] = 2; lock(m, 1); w[2] = 3; return 0; }
u32 beyond(u32 a, u32 b, reg w) { *w = 1; delay(a); *w = b; return 0; }
u32 given_it(reg w, u32 *m) { w[0] = 1; given(w + 1); return 0; }
u32 on_the_stack(reg w, u32 *m) { w[0] = 1; late(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, w); return 0; }
u32 beside_two(reg w, u32 *m) { w[0] = 1; wide(1, 2, w); return 0; }
u32 perhaps(reg w, u32 *m) { w[0] = 1; old(); return 0; }
u32 any_number(u32 *m, reg w) { w[0] = 1; trace("x"); return 0; }
u32 in_a_structure(u32 *m, reg w) { w[0] = 1; return pair(3).b; }
"""
SEEN = ("nothing(mmio,_)", "number(mmio,_)", "beyond(_,_,mmio)")
LOST = ("given_it(mmio,_)", "on_the_stack(mmio,_)", "beside_two(mmio,_)", "perhaps(mmio,_)")
NOT_CERTAIN = ("any_number(_,mmio)", "in_a_structure(_,mmio)")


def compilers(zigs: RealZigs) -> list[Compiler]:
    return [*(clang(version, zigs.programs[version]) for version in ("0.8.0", "0.13.0", "0.17.1")), gcc()]


def compiled(compiler: Compiler, target: str, folder: Path, flags: Sequence[str]) -> bytes:
    (folder / "case.c").write_text(SOURCE)
    words = (*compiler.words[target], *flags, "-ffreestanding", "-w", "-c", "case.c", "-o", "case.o")
    subprocess.run(words, check=True, cwd=folder)
    return (folder / "case.o").read_bytes()


def lost(judged: Sequence[FunctionJudgement]) -> set[str]:
    return {one.function for one in judged if one.unseen}


def names(functions: Sequence[str]) -> set[str]:
    return {one.partition("(")[0] for one in functions}


@pytest.mark.parametrize("target", TARGET_NAMES)
def test_what_is_declared_is_handed_over_and_nothing_else(zigs: RealZigs, tmp_path: Path, target: str) -> None:
    directives = "".join(f"//mmio: fn={one} each=load32,store32\n" for one in (*SEEN, *LOST, *NOT_CERTAIN))
    case = parse_case((directives + SOURCE).encode(), path="", recipe="case", language=Language.C, shipped=False)
    for compiler in compilers(zigs):
        for level in "012s" if target in compiler.words else "":
            made = compiled(compiler, target, tmp_path, [f"-O{level}"])
            found = lost(judge_object(case, made, ARM_ISV, OBJECTS).functions)
            assert found - names(NOT_CERTAIN) == names(LOST), (compiler.name, level)


@pytest.mark.parametrize("target", TARGET_NAMES)
def test_debug_information_says_what_the_source_says(zigs: RealZigs, tmp_path: Path, target: str) -> None:
    functions = [parse_function(one) for one in (*SEEN, *LOST, *NOT_CERTAIN)]
    for compiler in compilers(zigs):
        silent = target == "thumb" and not compiler.name.startswith("gcc")  # clang describes no callees there
        for flags in (("-O2", "-g"), ("-O1", "-gdwarf-4")) if target in compiler.words and not silent else ():
            image = OBJECTS.read(compiled(compiler, target, tmp_path, flags))
            assert {"relax", "ticks", "delay", "late", "given", "wide"} <= set(image.prototypes), compiler.name
            source = image.declaring(declared_prototypes(SOURCE, Language.C, ()))
            assert image.prototypes.items() <= source.prototypes.items(), compiler.name
            found = lost(judge_image(image, functions, (), ARM_ISV).functions)
            assert found - names(NOT_CERTAIN) == names(LOST), compiler.name
