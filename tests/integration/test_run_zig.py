"""`run` with real compilers: what the first user is promised, as a process, from the command line to the answer."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from real_zigs import PUBLISHED
from tool_process import Tool

from mmio_bisect.errors import NothingTestableError

pytestmark = [pytest.mark.network, pytest.mark.compiler]

WHOLE = ("run", "store_then_step", "zig:0.8.0..0.17.1", "--opt", "2")
INTRODUCED = {
    "target": "aarch64",
    "opt": "2",
    "kind": "culprit",
    "change": "introduced",
    "last": "zig@0.12.1",
    "first": "zig@0.13.0",
    "suspects": ["zig@0.13.0"],
}
# Versions that are in the store, as a listing: then it makes no difference which of them a search likes to probe.
AT_HAND = ("0.9.1", "0.12.1", "0.13.0", "0.13.0.post1", "0.15.1", "0.17.1")


def ends(tool: Tool, recipe: str, extent: str = "zig:0.9.1..0.17.1", *words: str) -> dict[str, Any]:
    said = tool("run", recipe, extent, "--opt", "2", "--json", *words)
    assert said.status == 0, said.err
    return said.document


def kinds(document: dict[str, Any]) -> dict[str, set[str]]:
    """Of each toolchain that was probed, the kinds of its defects."""
    return {probe["toolchain"]: {defect["kind"] for defect in probe["defects"]} for probe in document["probes"]}


def functions(tool: Tool, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each probe, all that history keeps of its one function."""
    cells = [tool("history", "show", probe["cell"], "--json").document for probe in document["probes"]]
    return [cell["judgements"][0]["functions"][0] for cell in cells]


def accesses(function: dict[str, Any]) -> list[tuple[str, int, int | None]]:
    return [
        ("/".join(access["directions"]), access["width"], access["window_offset"]) for access in function["accesses"]
    ]


# --- the slice's own question


def test_the_change_is_found_in_seven_probes_and_then_remembered(tool: Tool) -> None:
    first = tool(*WHOLE, "--jobs", "1", "--json")
    assert first.status == 0, first.err
    assert first.document["answers"] == [INTRODUCED]
    assert len(first.document["probes"]) <= 7
    assert first.document["cost"] == {"toolchains_fetched": 0, "cells_compiled": len(first.document["probes"])}
    assert not any(probe["from_history"] for probe in first.document["probes"])
    at = kinds(first.document)
    assert (at["zig@0.12.1"], at["zig@0.13.0"]) == (set(), {"writeback-post"})

    again = tool(*WHOLE, "--jobs", "1", "--json")
    assert again.document["answers"] == [INTRODUCED]
    assert again.document["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}
    assert all(probe["from_history"] for probe in again.document["probes"])


def test_a_person_is_shown_both_neighbours_code_with_the_instruction_marked(tool: Tool) -> None:
    said = tool("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2")
    claim = "-O2: introduced in zig@0.13.0 (clang 18.1.6); last good zig@0.12.1 (clang 17.0.6)\n"
    assert said.out.startswith(claim)
    assert "good: zig@0.12.1 (clang 17.0.6) │ bad: zig@0.13.0 (clang 18.1.6)" in said.out
    assert "▶    8  str     w9, [x0], #8" in said.out
    assert "▶ 0x8 str w9, [x0], #8  writeback-post of store32+0: register writeback: ISV = 0" in said.out
    assert "To resume or repeat" in said.out


def test_the_kept_command_line_makes_the_same_object_by_hand(tool: Tool, tmp_path: Path) -> None:
    ends(tool, "store_then_step", "zig:0.12.1..0.13.0", "--keep", str(tmp_path / "kept"))
    shown = tool("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2").out
    for version in ("0.12.1", "0.13.0"):
        (kept,) = (tmp_path / "kept" / f"zig@{version}").rglob("store_then_step.o")
        line = next(line for line in shown.splitlines() if line.startswith(f"    zig@{version}  "))
        subprocess.run(line.split()[1:], cwd=kept.parent, check=True)
        assert (kept.parent / "case.o").read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("jobs", ["2", "4"])
def test_several_jobs_give_the_same_answer(tool: Tool, jobs: str) -> None:
    tool.lists("zig", AT_HAND)
    document = ends(tool, "store_then_step", "zig:..", "--jobs", jobs)
    assert document["answers"] == [INTRODUCED]


def test_history_keeps_who_compiled_what_with_which_words(tool: Tool) -> None:
    document = ends(tool, "store_then_step", "zig:0.12.1..0.13.0")
    cell = tool("history", "show", document["probes"][-1]["cell"], "--json").document
    assert cell["points"] == ["zig@0.13.0"]
    assert cell["toolchain"]["version"].startswith("clang version 18.1.6")
    assert (cell["triple"], cell["opt"]) == ("aarch64-unknown-linux-gnu", "2")
    assert cell["outcome"]["argv"][0].endswith("/ziglang/zig")
    assert "*(volatile unsigned *)p = 1" in cell["case_text"]
    assert (cell["outcome"]["kind"], cell["outcome"]["sandbox"]) == ("object", "local")
    run = tool("history", "show", str(document["run"]), "--json").document
    assert run["document"]["answers"] == document["answers"]


# --- the other recipes

GOOD: list[str] = ["asm_accessor", "device_struct", "fixed_address", "u64_register"]
BAD: list[tuple[str, str]] = [
    ("fill_loop", "writeback-post"),
    ("copy_in", "writeback-post"),
    ("read_sum", "writeback-post"),
    ("float_register", "simd-fp"),
    ("u128_register", "pair"),
    ("packed_field", "torn"),
    ("block_write", "libcall"),
]


@pytest.mark.parametrize("recipe", GOOD)
def test_what_can_be_emulated_is_good_at_both_ends(tool: Tool, recipe: str) -> None:
    document = ends(tool, recipe)
    (answer,) = document["answers"]
    assert (answer["kind"], answer["verdict"], answer["unprobed"]) == ("no-change", "good", 15)
    assert kinds(document) == {"zig@0.9.1": set(), "zig@0.17.1": set()}


@pytest.mark.parametrize(("recipe", "kind"), BAD)
def test_what_cannot_is_bad_at_both_ends_for_its_own_reason(tool: Tool, recipe: str, kind: str) -> None:
    document = ends(tool, recipe)
    (answer,) = document["answers"]
    assert (answer["kind"], answer["verdict"], answer["unprobed"]) == ("no-change", "bad", 15)
    found = kinds(document)
    assert set(found) == {"zig@0.9.1", "zig@0.17.1"}
    assert all(kind in of_one for of_one in found.values())
    assert "escapes" not in set.union(*found.values())


def test_no_change_says_where_to_look_for_the_fix(tool: Tool) -> None:
    said = tool("run", "fill_loop", "zig:0.9.1..0.17.1", "--opt", "2")
    assert said.out.startswith(
        "-O2: no change: bad at both ends, zig@0.9.1 (clang 13.0.1) and zig@0.17.1 (clang 22.1.8); "
        "15 between not probed\n"
        "    For the fix look at compilers newer than zig@0.17.1"
    )


def test_of_a_copy_only_the_stores_to_the_window_are_counted(tool: Tool) -> None:
    for function in functions(tool, ends(tool, "copy_in")):
        assert any(line["text"].startswith("ldr") and "[x1], #4" in line["text"] for line in function["listing"])
        assert {direction for direction, _, _ in accesses(function)} == {"store"}
        assert {defect["instruction"] for defect in function["defects"]} <= {"str w8, [x0], #4"}


FOLLOWED: list[tuple[str, list[tuple[str, int, int]]]] = [
    ("device_struct", [("store", 32, 16), ("load", 32, 4)]),
    ("fixed_address", [("store", 32, 0x30), ("store", 32, 0)]),
]


@pytest.mark.parametrize(("recipe", "expected"), FOLLOWED)
def test_the_window_is_followed_through_a_field_and_to_a_constant(
    tool: Tool, recipe: str, expected: list[tuple[str, int, int]]
) -> None:
    for function in functions(tool, ends(tool, recipe)):
        assert accesses(function) == expected
        assert all(access["syndrome_valid"] for access in function["accesses"])


def test_an_end_that_cannot_read_the_case_is_untestable_with_the_compilers_words(tool: Tool) -> None:
    tool.lists("zig", ("0.8.0", *AT_HAND))
    document = ends(tool, "slice_fill.ll", "zig:0.8.0..0.13.0", "--jobs", "1")
    probes = {probe["toolchain"]: probe for probe in document["probes"]}
    assert probes["zig@0.8.0"]["verdict"] == "untestable"
    assert "expected type" in probes["zig@0.8.0"]["reason"]  # opaque pointers came with LLVM 15
    (answer,) = document["answers"]
    assert (answer["kind"], answer["verdict"]) == ("no-change", "bad")
    assert (answer["oldest"], answer["newest"]) == ("zig@0.12.1", "zig@0.13.0")


# --- what is asked for

ASKED: list[tuple[str, str, Sequence[str], dict[str, str]]] = [
    ("a change of code", "zig:0.12.1..0.13.0.post1", ["--changed"], {"kind": "culprit", "first": "zig@0.13.0"}),
    ("no change of code", "zig:0.13.0..0.13.0.post1", ["--changed"], {"kind": "no-change"}),
    ("its defect", "zig:0.12.1..0.13.0", ["--defect", "writeback-post"], {"kind": "culprit", "first": "zig@0.13.0"}),
    ("another defect", "zig:0.12.1..0.13.0", ["--defect", "pair,torn"], {"kind": "no-change", "verdict": "good"}),
]


@pytest.mark.parametrize(("extent", "words", "expected"), [case[1:] for case in ASKED], ids=[case[0] for case in ASKED])
def test_the_predicate_can_be_chosen(tool: Tool, extent: str, words: Sequence[str], expected: dict[str, str]) -> None:
    (answer,) = ends(tool, "store_then_step", extent, *words)["answers"]
    assert {key: answer[key] for key in expected} == expected


def test_a_reversed_range_is_accepted_and_said(tool: Tool) -> None:
    said = tool("run", "store_then_step", "zig:0.13.0..0.12.1", "--opt", "2", "--json")
    assert said.document["range"] == {"first": "zig@0.12.1", "last": "zig@0.13.0", "reversed": True}
    assert said.document["answers"] == [INTRODUCED]
    assert "note: the range was given newest first" in said.err


def test_prefixes_mean_the_oldest_and_the_newest_version_that_they_match(tool: Tool) -> None:
    document = ends(tool, "asm_accessor", "zig:0.13..0.17")
    assert document["range"] == {"first": "zig@0.13.0", "last": "zig@0.17.1", "reversed": False}
    assert set(kinds(document)) == {"zig@0.13.0", "zig@0.17.1"}


def test_the_index_lists_every_version_from_0_8_on(tmp_path: Path) -> None:
    """Asked as pip is configured here; newer versions may have come."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "mmio_bisect", "series", "show", "zig", "--json"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    listed = json.loads(said.stdout)["points"]
    assert listed[0] == "zig@0.8.0"
    assert set(listed) >= {f"zig@{version}" for version in PUBLISHED}
    assert [point for point in listed if point.removeprefix("zig@") in PUBLISHED] == [f"zig@{one}" for one in PUBLISHED]


# --- a recipe of one's own


@pytest.mark.parametrize("word", ["here", "gone"])
def test_a_recipe_is_compiled_once_before_anyone_bisects(tool: Tool, word: str) -> None:
    lines = (
        f"//mmio: fn={word}(mmio) accesses=store32+0",
        "static void gone(volatile unsigned *p) { *p = 1; }",
        "void here(volatile unsigned *p) { gone(p); }",
    )
    (tool.folder / "mine.c").write_text("\n".join((*lines, "")))
    said = tool("recipes", "check", "mine.c", "--sandbox", "local", "--json")
    (note,) = said.document["notes"].values()
    if word == "here":
        assert (said.status, said.document["problems"]) == (0, [])
        assert note.startswith("good with clang ")
    else:
        (problem,) = said.document["problems"]
        assert said.status == 12
        assert problem.startswith("mine.c: the object defines no function gone; it defines here: it may be static")


def test_without_a_toolchain_for_it_a_recipe_is_only_read(tool: Tool) -> None:
    (tool.folder / "mine.rs").write_text("//mmio: fn=f(mmio) each=store32\n")
    said = tool("recipes", "check", "mine.rs", "--json", "--store", str(tool.folder / "empty"))
    assert said.status == 0
    assert said.document["notes"] == {"mine.rs": "not compiled: the store has no toolchain for .rs files"}


RENAMED = """//mmio: target=aarch64 opt=2
//mmio: fn=put_*(mmio) accesses=store32+0
#if __clang_major__ < 17
void put_one(volatile unsigned *r) { *r = 1; }
#else
void one_put(volatile unsigned *r) { *r = 1; }
#endif
"""


def test_a_pattern_that_fits_nothing_any_more_makes_no_culprit(tool: Tool) -> None:
    tool.lists("zig", AT_HAND)
    (tool.folder / "renamed.c").write_text(RENAMED)
    found = tool("run", "./renamed.c", "zig:..", "--opt", "2", "--sandbox", "local", "--json")
    (answer,) = found.document["answers"]
    assert (found.status, answer["kind"], answer["verdict"]) == (0, "no-change", "good")
    assert all("defines no function put_*; it defines one_put" in one["reason"] for one in answer["untestable"])


def test_a_pattern_that_fits_nothing_anywhere_is_an_error(tool: Tool) -> None:
    tool.lists("zig", AT_HAND)
    (tool.folder / "misspelt.c").write_text(RENAMED.replace("put_*(", "putt_*("))
    found = tool("run", "./misspelt.c", "zig:..", "--opt", "2", "--sandbox", "local", "--json")
    assert found.status == NothingTestableError.exit_code
    assert "putt_*; it defines put_one" in found.err or "putt_*; it defines one_put" in found.err
    (answer,) = found.document["answers"]
    assert answer["kind"] == "nothing-testable"
    assert len(answer["untestable"]) == answer["probed"]
