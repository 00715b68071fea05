"""A compiler taken apart: which words each family is given for which layer."""

from dataclasses import replace

import pytest
from report_values import CASE, request, toolchain

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Cell
from mmio_bisect.domain.recipe import Language
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.probing.compile import cell_of

LIMIT = ("-opt-bisect-limit=7",)


def cell(family: CompilerFamily) -> Cell:
    (language, *_) = family.descriptor.languages
    wanted = replace(request(), case=replace(CASE, language=language, compile_flags=("-flag-of-the-case",)))
    return cell_of(wanted, replace(toolchain("18.1.8"), family=family, tool=(family.value,)))


@pytest.mark.parametrize(
    ("family", "told"),
    [
        (CompilerFamily.CLANG, ("-mllvm", "-opt-bisect-limit=7")),
        (CompilerFamily.RUSTC, ("-Cllvm-args=-opt-bisect-limit=7",)),
        (CompilerFamily.LLC, ("-opt-bisect-limit=7",)),
    ],
)
def test_each_family_is_told_llvms_options_in_its_own_way(family: CompilerFamily, told: tuple[str, ...]) -> None:
    words = layer_commands.whole(cell(family), LIMIT).argv
    assert words[-len(told) - 3 :] == (*told, f"{CASE.recipe}.{family.descriptor.languages[0]}", "-o", "stage.o")


def test_a_back_end_is_handed_ir_and_runs_no_pass_of_the_middle_end() -> None:
    clang, llc = (
        layer_commands.back(cell(family), b"ir", LIMIT) for family in (CompilerFamily.CLANG, CompilerFamily.LLC)
    )
    assert {"-disable-llvm-passes", "-c", "-Wno-override-module"} <= set(clang.argv)
    assert clang.argv[-5:] == ("-x", "ir", "handed.ll", "-o", "stage.o")
    assert "-filetype=obj" in llc.argv
    assert llc.argv[-4:] == (*LIMIT, "handed.ll", "-o", "stage.o")
    assert clang.inputs == llc.inputs == (("handed.ll", b"ir"),)


def test_a_stand_in_is_not_given_the_flags_of_anothers_source() -> None:
    rustc = cell(CompilerFamily.RUSTC)
    lent = layer_commands.ir_cell(rustc.request, cell(CompilerFamily.CLANG).toolchain)
    assert rustc.request.case.language is Language.RUST
    assert "-flag-of-the-case" in rustc.flags
    assert "-flag-of-the-case" not in lent.flags
    assert "--target=aarch64-unknown-linux-gnu" in lent.flags
