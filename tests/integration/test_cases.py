"""Inputs on which a verdict was wrong once, and what is right of each.

The files in `tests/fixtures/cases` say in their first lines what they are about. Truth was read from a disassembler, or
trapped in an emulator. A row is a file, the targets of its objects, and the findings: what is wrong, `unseen` where
something cannot be known, or nothing.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from held_functions import gcc
from real_zigs import RealZigs
from requirements import fixture_path

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_files import read_case
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE
from mmio_bisect.domain.outcome import Judgement
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.workflow.probing.objects import Objects, judge_object

FOLDER = Path(__file__).parents[1] / "fixtures" / "cases"
OBJECTS = Objects(read_object, DISASSEMBLERS)
UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Row:
    """`wrong` are the kinds of defects; `accesses` how many there are, None: not said.

    `said` is text of the file and what stands there instead: what the recipe says more, or the source has different.
    """

    file: str
    targets: str
    wrong: frozenset[str] = frozenset()
    accesses: int | None = None
    levels: str | None = None
    said: tuple[str, str] = ("", "")


def row(
    file: str,
    targets: str,
    *wrong: str,
    accesses: int | None = None,
    levels: str | None = None,
    said: tuple[str, str] = ("", ""),
) -> Row:
    return Row(file, targets, frozenset(wrong), accesses, levels, said)


WORD = ("holds(8)", "holds(1w)")
WIDE_CASE = ("v += r[8] * r[9];", "*(volatile unsigned long long *)(r + 8) = v; v += r[9];")


CLANG = (
    row("const_devs.c", "aarch64 x86_64 riscv64", "extra", accesses=3, levels="0123s"),
    row("const_devs.c", "i386 riscv32", accesses=4),
    row("const_devs.c", "arm thumb", "pair"),
    row("tab_idx_fixed.c", "aarch64 x86_64 riscv64", "extra"),
    row("tab_idx_fixed.c", "arm thumb", "extra", "pair"),
    row("tab_idx_fixed.c", "i386 riscv32", "extra"),
    row("chan_table.c", "aarch64 arm thumb x86_64 i386 riscv64 riscv32", accesses=4),
    row("const_index.c", "arm", "pair", "writeback-pre", accesses=3),
    row("const_index.c", "thumb", "pair", accesses=3),
    row("const_index.c", "x86_64 riscv64 aarch64", accesses=3),
    row("xchg_ptr.c", "aarch64", accesses=3),
    row("xchg_ptr.c", "x86_64", accesses=3),
    row("x86_directions.c", "x86_64 i386", accesses=2),
    row("x86_directions.c", "arm thumb", "exclusive"),
    row("x86_directions.c", "riscv64 riscv32", "atomic", accesses=1),
    row("x_nt.c", "x86_64"),
    row("copy_falsebad.c", "aarch64", "writeback-post"),
    row("copy_falsebad.c", "x86_64"),
    row("min_orr.c", "aarch64 riscv64"),
    row("min_umaddl.c", "aarch64 arm thumb x86_64 i386 riscv64 riscv32"),
    row("x_zone.c", "aarch64 x86_64 riscv64 arm"),
    row("x8_udelay.c", "aarch64 x86_64 riscv64", accesses=8),
    row("x8_udelay.c", "arm", "writeback-pre", UNSEEN, accesses=6, levels="12s"),
    row("x8_udelay.c", "thumb i386 riscv32", UNSEEN, accesses=6, levels="02"),
    row("x8_udelay.c", "arm", "writeback-pre", accesses=8, levels="12s", said=WORD),
    row("x8_udelay.c", "thumb i386 riscv32", accesses=8, levels="02", said=WORD),
    row("cold_table.c", "x86_64 aarch64", accesses=14),
    row("sw_false_intro.c", "aarch64"),
    row("table_beside.c", "x86_64 riscv64", levels="02"),
    row("state_machine.c", "aarch64 x86_64 riscv64 thumb i386 riscv32", accesses=9, levels="02"),
    row("indexed_field.c", "aarch64 x86_64 riscv64"),
    row("helper_out.c", "aarch64 x86_64 riscv64"),
    row("gcc_switch.c", "aarch64"),
    row("min_ld1r.c", "aarch64", "structure", accesses=1, levels="23s"),
    row("min_ld1r.c", "aarch64", accesses=1, levels="01"),
    row("min_ld1r.c", "arm thumb", "structure", accesses=1, levels="s"),
    row("avx512sel.ll", "x86_64 i386", "missing", "simd-fp", accesses=2),
    row("avx512sel.ll", "x86_64", "simd-fp", accesses=2, levels="0"),
    row("min_torn2.c", "riscv32 i386", "torn", accesses=4),
    row("min_narrow_each.c", "aarch64", "narrowed"),
    row("min_noinline.c", "aarch64 x86_64 riscv64", accesses=3, levels="012sz"),
    row("zilsd.c", "riscv32", UNSEEN),
    row("min_cond.c", "aarch64 x86_64 riscv64"),
    row("min_early.c", "aarch64 x86_64 riscv64"),
    row("min_fifo.c", "aarch64 x86_64", "extra"),
    row("abi_efi.c", "x86_64", accesses=1),
    row("abi_regparm.c", "i386", accesses=1),
    row("vanished.c", "aarch64", UNSEEN),
)


GCC = (
    row("const_devs.c", "aarch64 x86_64 riscv64", "extra", accesses=3, levels="012"),
    row("tab_idx_fixed.c", "aarch64 x86_64 riscv64", "extra"),
    row("tab_idx_fixed.c", "arm thumb", "extra", "pair"),
    row("const_index.c", "x86_64 riscv64", accesses=3),
    row("const_index.c", "arm thumb", "pair", accesses=3),
    row("x86_directions.c", "x86_64", accesses=2),
    row("x86_directions.c", "arm thumb", "exclusive"),
    row("copy_falsebad.c", "aarch64 x86_64 arm thumb", accesses=1, levels="012s"),
    row("thumb_bx_lr.c", "thumb", "pair", accesses=7, levels="01"),
    row("thumb_bx_lr.c", "x86_64 riscv64", accesses=7, levels="02"),
    row("gcc_switch.c", "aarch64 x86_64 riscv64 thumb", accesses=17, levels="02"),
    row("cold_table.c", "x86_64 aarch64 thumb riscv64", accesses=14, levels="02"),
    row("cold_table.c", "x86_64 aarch64 riscv64", "extra", accesses=14, said=WIDE_CASE),
    row("x8_udelay.c", "aarch64 x86_64 riscv64", accesses=8, levels="02"),
    row("x8_udelay.c", "thumb arm", UNSEEN, accesses=6, levels="02"),
    row("state_machine.c", "aarch64 x86_64 riscv64 thumb", accesses=9, levels="012"),
    row("sw_false_intro.c", "aarch64 x86_64", levels="12s"),
    row("table_beside.c", "x86_64 riscv64 thumb", accesses=8, levels="02"),
    row("min_orr.c", "aarch64 riscv64"),
    row("min_noinline.c", "aarch64 x86_64 riscv64", accesses=3, levels="012s"),
)
"""By Debian's GCC 12."""


STATIC = ("window=0x9000000..0x9001000", "window=0x9000000..0x9001000 static=window:r12_static_base::BASE")
RUST = (
    row("r08_uart_atomicptr.rs", "aarch64", accesses=2, levels="12s"),
    row("r12_static_base.rs", "aarch64", UNSEEN, accesses=2, levels="12s"),
    row("r12_static_base.rs", "aarch64", accesses=3, levels="12s", said=STATIC),
    row("r15_poll_hoisted_u8.rs", "aarch64", "missing", accesses=1, levels="12s"),
    row("r15_poll_hoisted_u8.rs", "aarch64", accesses=1, levels="0"),
    row("r20_move_struct.rs", "aarch64", levels="012s"),
    row("r22_move_q.rs", "aarch64", accesses=2, levels="012s"),
    row("r24_result_then_loop.rs", "aarch64", "writeback-post", accesses=2, levels="12s"),
    row("r24_result_then_loop.rs", "aarch64", accesses=2, levels="0"),
    row("r30_leftover_arg.rs", "aarch64", accesses=3),
    row("r31_page_mask.rs", "aarch64", accesses=1, levels="012s"),
    row("sret.rs", "aarch64", accesses=1, levels="012s"),
)
"""By Debian's rustc 1.63, which has LLVM 14."""


def found(judgement: Judgement) -> set[str]:
    kinds = {defect.kind.value for defect in judgement.defects}
    return kinds | ({UNSEEN} if any(function.unseen for function in judgement.functions) else set())


def check(row: Row, folder: Path, command_for: Callable[[str], Sequence[str]], *, more: Sequence[str] = ()) -> None:
    """Compile the row's file for each target at each level, and hold what is found against the row."""
    text = (FOLDER / row.file).read_text()
    assert row.said[0] in text
    (folder / row.file).write_text(text.replace(*row.said) if row.said[0] else text)
    case = read_case(folder / row.file)
    level_flag = "-Copt-level=" if row.file.endswith(".rs") else "-O"
    for name in row.targets.split():
        for level in map(OptLevel, row.levels or case.opt_levels):
            words = [
                *command_for(name),
                f"{level_flag}{level}",
                *case.compile_flags,
                *more,
                case.file_name,
                "-o",
                "made.o",
            ]
            subprocess.run(words, check=True, cwd=folder, capture_output=True)
            judgement = judge_object(case, (folder / "made.o").read_bytes(), DEFAULT_PROFILE, OBJECTS)
            whys = [one.why for function in judgement.functions for one in (*function.defects, *function.unseen)]
            assert found(judgement) == row.wrong, (name, level, whys)
            if row.accesses is not None:
                accesses = sum(len(function.accesses) for function in judgement.functions)
                assert accesses == row.accesses, (name, level)


def rows(of: Sequence[Row]) -> list[object]:
    return [pytest.param(row, id=f"{row.file}-{row.targets}-{row.levels or ''}{row.said[1][:9]}") for row in of]


@pytest.mark.compiler
def test_an_index_that_counts_up_to_zero_leads_into_the_table_before_it(zigs: RealZigs, tmp_path: Path) -> None:
    words = (str(zigs.programs["0.9.1"]), "clang", f"--target={TARGETS['x86_64'].clang_triple}", "-nostdlibinc")
    check(row("table_end.c", "x86_64", levels="1s", accesses=1), tmp_path, lambda _: words, more=("-w", "-c"))


@pytest.mark.compiler
@pytest.mark.parametrize("row", rows(CLANG))
def test_what_clang_makes_of_it_is_judged_right(zigs: RealZigs, tmp_path: Path, row: Row) -> None:
    def clang(name: str) -> Sequence[str]:
        target = TARGETS[name]
        program = str(zigs.programs["0.17.1"])
        return (program, "clang", f"--target={target.clang_triple}", *target.clang_flags, "-nostdlibinc")

    check(row, tmp_path, clang, more=("-w", "-c"))


@pytest.mark.cross_gcc
@pytest.mark.parametrize("row", rows(GCC))
def test_what_gcc_makes_of_it_is_judged_right(tmp_path: Path, row: Row) -> None:
    check(row, tmp_path, lambda name: gcc().words[name], more=("-w", "-c"))


@pytest.mark.rustc
@pytest.mark.parametrize("row", rows(RUST))
def test_what_rustc_makes_of_it_is_judged_right(tmp_path: Path, row: Row) -> None:
    def rustc(name: str) -> Sequence[str]:
        program = str(fixture_path("test-rustc/rust/rustc"))
        return (program, f"--target={TARGETS[name].rust_triple}")

    check(row, tmp_path, rustc, more=("--crate-type=lib", "--emit=obj", "-Awarnings"))
