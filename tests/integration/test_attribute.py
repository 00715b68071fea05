"""`attribute` with real compilers: the layer and the pass, checked by hand-overs that the test makes itself."""

import struct
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from real_zigs import RealZigs
from tool_process import Tool

pytestmark = [pytest.mark.network, pytest.mark.compiler]

RECIPES = Path(__file__).parents[2] / "recipes"
FLAGS = ("--target=aarch64-unknown-linux-gnu", "-O2", "-fno-ident", "-nostdlibinc")
GOOD, BAD = "0.12.1", "0.13.0"

# A store, then a loop of polled stores: LLVM 17 hoists the loop's address with another base (LICM), and each back end
# then writes back.
POLLED = """//mmio: target=aarch64 opt=2
//mmio: fn=poll(mmio,_,_) each=store32,load32
void poll(unsigned *p, unsigned off, unsigned n) {
  *(volatile unsigned *)(p + off) = 1;
  unsigned *q = p + off + 1;
  for (unsigned i = 0; i < n; ++i) { *(volatile unsigned *)(q + i + 1) = i; if (*(volatile unsigned *)p) break; }
}
"""


def attributed(tool: Tool, recipe: str, pair: str, *words: str) -> dict[str, Any]:
    said = tool("attribute", recipe, pair, "--json", *words)
    assert said.status == 0, said.err
    (found,) = said.document["attributions"]
    assert isinstance(found, dict)
    return found


def writes_back(code: bytes) -> bool:
    """Whether a word is `str w, [x], #imm` (Arm ARM, STR (immediate), post-index, 32-bit)."""
    words = struct.unpack(f"<{len(code) // 4}I", code[: len(code) // 4 * 4])
    return any(word & 0xFFE0_0C00 == 0xB800_0400 for word in words)


def handed_over(zigs: RealZigs, folder: Path, versions: tuple[str, ...]) -> bool:
    """Front, middle and back end of these versions, by hand: whether the object has a store with writeback."""
    front, middle, back = (str(zigs.programs[version]) for version in versions)
    source, written, optimised, made = (folder / name for name in ("store_then_step.c", "f.ll", "m.ll", "b.o"))
    source.write_bytes((RECIPES / "store_then_step.c").read_bytes())
    alone = ("-Xclang", "-disable-llvm-passes")
    quiet = ("-Wno-override-module", "-x", "ir")
    ir = ("-S", "-emit-llvm")
    subprocess.run([front, "clang", *FLAGS, *alone, *ir, source, "-o", written], check=True)
    subprocess.run([middle, "clang", *FLAGS, *ir, *quiet, written, "-o", optimised], check=True)
    subprocess.run([back, "clang", *FLAGS, *alone, "-c", *quiet, optimised, "-o", made], check=True)
    return writes_back(made.read_bytes())


def test_the_back_end_and_the_load_store_optimiser_are_named(tool: Tool, zigs: RealZigs, tmp_path: Path) -> None:
    found = attributed(tool, "store_then_step", f"zig:{GOOD}..{BAD}")
    assert (found["change"], found["confidence"], found["explanations"]) == ("introduced", "proven", [[["back end"]]])
    assert found["defects"] == [{"function": "store_then_step", "access": "store32+0", "kind": "writeback-post"}]
    (search,) = found["searches"]
    assert (search["layer"], search["pass"]["title"]) == ("back end", "AArch64 load / store optimization pass")
    (function,) = found["functions"]
    assert function["forming"]["pass"]["argument"] == "aarch64-ldst-opt"
    assert "STRWpost" not in function["forming"]["before"]["text"]
    assert "STRWpost" in function["forming"]["after"]["text"]
    assert function["diverging"]["bad"]["pass"]["argument"] == "machine-sink"
    assert function["diverging"]["common"]["form"] == "mir"
    # What it claims of every mix is so when the test makes that mix itself.
    for versions in product((GOOD, BAD), repeat=3):
        layers = dict(
            zip(
                ("front end", "middle end", "back end"), ("good" if v == GOOD else "bad" for v in versions), strict=True
            )
        )
        (trial,) = [trial for trial in found["trials"] if trial["layers"] == layers]
        assert trial["verdict"] == ("bad" if handed_over(zigs, tmp_path, versions) else "good"), versions
    # And so is what it claims of the pass: the same command with one pass less.
    object_file = tmp_path / "limited.o"
    for less, bad in ((0, True), (1, False)):
        limit = f"-opt-bisect-limit={search['limit'] - less}"
        words = ("-Xclang", "-disable-llvm-passes", "-c", "-mllvm", limit, "-Wno-override-module", "-x", "ir")
        optimised = tmp_path / "m.ll"  # of the last mix: all of it by the bad compiler
        command = [str(zigs.programs[BAD]), "clang", *FLAGS, *words, str(optimised), "-o", str(object_file)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        assert writes_back(object_file.read_bytes()) is bad


def test_a_person_is_shown_the_layers_and_the_code_before_and_after_the_pass(tool: Tool) -> None:
    said = tool("attribute", "store_then_step", f"zig:{GOOD}..{BAD}", "--sandbox", "local")
    assert said.status == 0, said.err
    assert said.out.startswith("aarch64 -O2: the back end\n")
    assert "proven: every mix was tried." in said.out
    assert "takes its form in AArch64 load / store optimization pass (aarch64-ldst-opt) of zig@0.13.0" in said.out
    assert "switched off, it is good" in said.out
    assert "+   early-clobber $x0 = nuw STRWpost" in said.out
    assert " compiles in " in said.out


def test_old_and_new_agree_on_all_that_the_older_can_read(tool: Tool) -> None:
    found = attributed(tool, "store_then_step", "zig:0.8.0..0.17.1")
    assert (found["confidence"], found["explanations"][0]) == ("likely", [["back end"]])
    unread = [trial for trial in found["trials"] if trial["verdict"] == "untestable"]
    assert unread
    assert all("zig@0.8.0 does not read IR of LLVM 22.1.8: rejected" in trial["reason"] for trial in unread)
    assert not any(trial["readable"] for trial in unread)
    assert any("not always of newer ones" in note for note in found["notes"])


def test_a_change_of_the_middle_end_is_found_with_the_pass_that_leads_to_it(tool: Tool) -> None:
    (tool.folder / "polled.c").write_text(POLLED)
    found = attributed(tool, "./polled.c", "zig:0.9.1..0.12.1", "--sandbox", "local")
    assert found["explanations"][0] == [["middle end"]]
    assert {search["layer"] for search in found["searches"]} == {"middle end", "back end"}
    (function,) = found["functions"]
    assert function["diverging"]["bad"]["after"]["form"] == "ir"


def test_two_that_do_alike_have_nothing_to_attribute(tool: Tool) -> None:
    found = attributed(tool, "fill_loop", f"zig:{GOOD}..{BAD}")
    assert (found["kind"], found["reason"]) == ("nothing-to-attribute", "both have the same defects, or none")


def test_two_series_may_be_named_and_one_compiler_is_not_two(tool: Tool) -> None:
    found = attributed(tool, "store_then_step", f"zig@{BAD}..zig@{GOOD}")
    assert (found["good"]["toolchain"], found["bad"]["toolchain"]) == (f"zig@{GOOD}", f"zig@{BAD}")
    same = tool("attribute", "store_then_step", f"zig@{GOOD}..zig@{GOOD}")
    assert (same.status, same.out) == (2, "")
    assert "name two different ones" in same.err
    odd = tool("attribute", "store_then_step", "zig@0.12.1")
    assert odd.status == 2
    assert "SERIES@VERSION..SERIES@VERSION" in odd.err
