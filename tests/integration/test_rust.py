"""The Rust cases with a real rustc for AArch64: 1.63 with LLVM 14, from before the report, as Debian 12 has it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from requirements import fixture_path
from tool_process import Tool

pytestmark = pytest.mark.compiler

RECIPES = Path(__file__).parents[2] / "recipes"

# What the code is, case by case: its verdict, its window accesses (direction, width, offset), its kinds of defects.
Found = tuple[str, list[tuple[str, int, int | None]], set[str]]
EXPECTED: dict[tuple[str, str], Found] = {
    ("asm_accessor", "2"): ("good", [("store", 32, 0), ("store", 32, 4), ("store", 32, None)], set()),
    ("block_write", "2"): ("bad", [("store", 8192, 0)], {"libcall"}),
    ("copy_in", "1"): ("good", [("store", 32, None)], set()),
    ("copy_in", "2"): ("bad", [("store", 32, None)], {"writeback-post"}),
    ("device_struct", "2"): ("good", [("store", 32, 16), ("load", 32, 4)], set()),
    ("fill_loop", "1"): ("good", [("store", 32, None)], set()),
    ("fill_loop", "2"): ("bad", [("store", 32, None)], {"writeback-post"}),
    ("fixed_address", "2"): ("good", [("store", 32, 0x30), ("store", 32, 0)], set()),
    ("float_register", "2"): ("bad", [("store", 32, 0)], {"simd-fp"}),
    ("handle_returned", "2"): ("good", [("store", 32, 0), ("load", 32, 8)], set()),
    ("method", "2"): ("good", [("load", 8, 5), ("store", 8, 0)], set()),
    ("packed_field", "2"): (
        "bad",
        [("store", 8, 1), ("store", 8, 4), ("store", 8, 3), ("store", 8, 2)],
        {"torn", "writeback-pre"},
    ),
    ("poll_hoisted", "2"): ("bad", [("load", 8, 5)], {"missing"}),
    ("read_sum", "2"): ("bad", [("load", 32, None)], {"writeback-post"}),
    ("slice_fill", "1"): ("good", [("store", 32, None)], set()),
    ("slice_fill", "2"): ("bad", [("store", 32, None)], {"writeback-post"}),
    ("store_then_step", "1"): ("good", [("store", 32, 0), ("store", 32, 4)], set()),
    ("store_then_step", "2"): ("good", [("store", 32, 0), ("store", 32, 4)], set()),
    ("uart_ports", "2"): ("good", [("load", 8, 0), ("store", 8, 0)], set()),
    ("virtio_open", "2"): (
        "good",
        [("store", 32, 112), ("store", 32, 112), ("load", 32, 0), ("load", 32, 4)],
        set(),
    ),
    ("u128_register", "2"): ("bad", [("store", 128, 0)], {"pair"}),
    ("u64_register", "2"): ("good", [("store", 64, 0), ("load", 64, 8)], set()),
}
STATUS = {"good": 0, "bad": 1}


@pytest.fixture
def rustc() -> Path:
    return fixture_path("test-rustc/rust/rustc")


@pytest.fixture
def alone(tmp_path: Path) -> Tool:
    """The tool without any toolchain of its own."""
    return Tool(root=tmp_path)


def test_every_rust_case_has_its_expectation_here() -> None:
    assert {recipe for recipe, _ in EXPECTED} == {path.stem for path in RECIPES.glob("*.rs")}


@pytest.mark.parametrize(("recipe", "opt"), EXPECTED, ids=[f"{recipe}-O{opt}" for recipe, opt in EXPECTED])
def test_a_rust_case_is_judged_for_what_its_code_is(alone: Tool, rustc: Path, recipe: str, opt: str) -> None:
    verdict, accesses, kinds = EXPECTED[recipe, opt]
    said = alone("check", f"{recipe}.rs", "--compiler", str(rustc), "--opt", opt, "--json")
    assert said.status == STATUS[verdict], said.err
    (checked,) = said.document["checks"]
    functions: list[dict[str, Any]] = checked["judgement"]["functions"]
    assert checked["toolchain"]["family"] == "rustc"
    assert [
        ("/".join(access["directions"]), access["width"], access["window_offset"])
        for function in functions
        for access in function["accesses"]
    ] == accesses
    assert {defect["kind"] for function in functions for defect in function["defects"]} == kinds


def test_a_rustc_is_given_the_rust_case_of_a_recipe_unasked(alone: Tool, rustc: Path) -> None:
    said = alone("check", "store_then_step", "--compiler", str(rustc), "--opt", "2", "--json")
    assert (said.status, said.document["case"]) == (0, "store_then_step.rs")


def test_an_object_can_be_judged_where_only_it_is_at_hand(alone: Tool, rustc: Path) -> None:
    target = ("--target=aarch64-unknown-linux-gnu", "--crate-type=lib", "--emit=obj", "-Copt-level=2")
    made = alone.folder / "fill.o"
    subprocess.run([rustc, *target, RECIPES / "fill_loop.rs", "-o", made], check=True, cwd=alone.folder)
    said = alone("check", "--object", str(made), "--fn", "fill_loop(mmio,_,_) each=store32")
    assert said.status == 1
    assert "writeback-post" in said.out
    assert alone("check", "fill_loop", "--object", str(made), "--defect", "torn").status == 0


def test_a_source_that_rustc_refuses_is_untestable(alone: Tool, rustc: Path) -> None:
    case = alone.folder / "wrong.rs"
    case.write_text("//mmio: fn=wrong(mmio) accesses=store32+0\n#![no_std]\nfn wrong( {}\n")
    said = alone("check", str(case), "--compiler", str(rustc), "--opt", "2", "--sandbox", "local")
    assert said.status == 125
    assert "untestable" in said.out
    assert "error" in said.out
