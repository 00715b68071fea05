"""The recipes in drivers' shapes say the right thing of what one clang makes of them."""

import subprocess
from pathlib import Path

import pytest
from real_zigs import RealZigs

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_files import read_case
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.domain.recipe import Case
from mmio_bisect.workflow.probing.objects import Objects, judge_object

RECIPES = Path(__file__).parents[2] / "recipes"
OBJECTS = Objects(read_object, DISASSEMBLERS)
LEVELS = ("1", "2", "s")
COMPILED = (
    "uart_ports",
    "poll_hoisted",
    "fifo_put",
    "virtio_probe",
    "gic_enable",
    "ecam_read",
    "dma_ring",
    "xhci_halt",
    "container_of",
    "timer_static",
    "reset_delay",
    "ioremap_probe",
    "locked_update",
    "efi_mmio",
    "regparm_read",
    "port_bank",
)
HOISTED = {"missing load8+5"}
WRONG: dict[tuple[str, str], set[str]] = {
    **{("poll_hoisted", target): HOISTED for target in TARGETS},
    # A32 alone adds a register to the base as it stores.
    ("reset_delay", "arm"): {"writeback-pre store32+4932"},
    ("xhci_halt", "arm"): {"writeback-pre load32"},
}
"""What is wrong with them by recipe and target; with all others nothing."""


def judged(case: Case, object_code: bytes) -> tuple[FunctionJudgement, ...]:
    return judge_object(case, object_code, ARM_ISV, OBJECTS).functions


def wrong(functions: tuple[FunctionJudgement, ...]) -> set[str]:
    assert functions
    assert not [defect.why for function in functions for defect in function.unseen]
    assert all(function.accesses for function in functions)
    return {f"{defect.kind} {defect.access}" for function in functions for defect in function.defects}


@pytest.mark.compiler
@pytest.mark.parametrize("recipe", COMPILED)
def test_what_a_clang_makes_of_it_is_judged_right(zigs: RealZigs, tmp_path: Path, recipe: str) -> None:
    case = read_case(RECIPES / f"{recipe}.c")
    (tmp_path / case.file_name).write_bytes(case.source)
    for name in case.targets:
        target = TARGETS[name]
        for level in LEVELS:
            flags = (f"--target={target.clang_triple}", *target.clang_flags, f"-O{level}", *case.compile_flags)
            made = tmp_path / "made.o"
            subprocess.run(
                [zigs.programs["0.17.1"], "clang", *flags, "-c", case.file_name, "-o", made], check=True, cwd=tmp_path
            )
            found = wrong(judged(case, (tmp_path / "made.o").read_bytes()))
            assert found == WRONG.get((recipe, name), set()), (name, level)
