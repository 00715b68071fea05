"""`attribute` on Debian's rustc and clang in docker: each layer and pass that it names is tried by hand.

What the tool says of a mix is held against what `rustc`, `clang` and a shell make of it in plain containers, as the
code's words show it.
"""

import struct
import subprocess
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from tool_process import Tool

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.compiler]

RECIPES = Path(__file__).parents[2] / "recipes"
TRIPLE = "--target=aarch64-unknown-linux-gnu"
SUITE = '[series.clang]\nsuites = ["trixie"]\n[series.rustc]\nsuites = ["trixie"]\n'
LAYERS = ("front end", "middle end", "back end")


@dataclass(frozen=True, slots=True)
class Attributor:
    """Containers of the images that the tool made, around one folder."""

    tool: Tool
    folder: Path
    images: dict[str, str] = field(default_factory=dict)

    def image(self, point: str) -> str:
        if point not in self.images:
            stored = self.tool("toolchains", "list", "--json").document["toolchains"]
            self.images.update({name: entry["image"] for entry in stored for name in entry["points"]})
        return self.images[point]

    def run(self, point: str, script: str) -> bool:
        """Whether a shell in the point's image gets through the script."""
        docker = (
            "docker",
            "run",
            "--rm",
            "--network=none",
            "--entrypoint=sh",
            "-v",
            f"{self.folder}:/bench",
            "-w/bench",
        )
        words = (*docker, self.image(point), "-ec", script)
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    def rustc(self, point: str, name: str, opt: str, *words: str, product: str) -> None:
        flags = f"{TRIPLE} -Copt-level={opt} -Ccodegen-units=1 --crate-type=lib --edition=2018 {' '.join(words)}"
        (self.folder / name).write_bytes((RECIPES / name).read_bytes())
        assert self.run(point, f"rustc {flags} {name} -o {product}")

    def clang(self, point: str, opt: str, *words: str) -> bool:
        major = point.partition("@")[2].partition(".")[0]
        return self.run(point, f"clang-{major} {TRIPLE} -O{opt} -nostdlibinc -Wno-override-module {' '.join(words)}")

    def back(self, point: str, opt: str, ir: str, *words: str) -> bool | None:
        """Whether a clang's back end makes a store with writeback of the IR; None where it takes it not."""
        alone = ("-Xclang", "-disable-llvm-passes", *words, "-c", "-x", "ir")
        return self.writes_back("back.o") if self.clang(point, opt, *alone, ir, "-o", "back.o") else None

    def writes_back(self, product: str) -> bool:
        """Whether a word is `str w, [x], #imm` (Arm ARM, STR (immediate), post-index, 32-bit)."""
        code = (self.folder / product).read_bytes()
        words = struct.unpack(f"<{len(code) // 4}I", code[: len(code) // 4 * 4])
        return any(word & 0xFFE0_0C00 == 0xB800_0400 for word in words)


@pytest.fixture
def attributor(tmp_path: Path, docker_host: str) -> Attributor:
    """The tool with one suite's compilers, whose images are kept between test runs."""
    store = platformdirs.user_cache_path("mmio-bisect") / "test-images"
    series = tmp_path / "trixie.toml"
    series.write_text(SUITE)
    extra = {
        "DOCKER_HOST": docker_host,
        "XDG_CACHE_HOME": str(store.parent / "test-images-cache"),
        "MMIO_BISECT_SERIES_FILE": str(series),
    }
    (tmp_path / "bench").mkdir()
    return Attributor(Tool(root=tmp_path, elsewhere=store, extra=extra), tmp_path / "bench")


def attributed(attributor: Attributor, recipe: str, pair: str, *words: str, status: int = 0) -> dict[str, Any]:
    said = attributor.tool("attribute", recipe, pair, "--json", *words, timeout=600)
    assert said.status == status, said.err
    (found,) = said.document["attributions"]
    assert isinstance(found, dict)
    return found


def verdicts(found: dict[str, Any]) -> dict[tuple[str, ...], str]:
    """Of each mix: `not readable` where that is what is said."""
    return {
        tuple(trial["layers"][layer] for layer in LAYERS): trial["verdict"] if trial["readable"] else "not readable"
        for trial in found["trials"]
    }


def told(*, bad: bool | None) -> str:
    return "not readable" if bad is None else "bad" if bad else "good"


def test_two_rustcs_are_told_apart_by_clangs_that_do_as_they_do(attributor: Attributor) -> None:
    """Rustc 1.96 has LLVM 22, whose middle end leaves other loops at -O1; LLVM 19 reads only some of its IR."""
    found = attributed(attributor, "fill_loop.rs", "rustc:1.85.1..1.96.0", "--opt", "1")
    rustcs = {"good": "rustc@1.85.1+trixie", "bad": "rustc@1.96.0+trixie"}
    clangs = {"good": "clang@19.1.7+trixie", "bad": "clang@22.1.8+trixie"}
    assert {side: found[side]["toolchain"] for side in rustcs} == rustcs
    assert (found["change"], found["confidence"]) == ("introduced", "likely")
    assert found["explanations"][0] == [["middle end"]]
    assert [(one["stands_for"], one["toolchain"]) for one in found["stand_ins"]] == [
        (rustcs[side], clangs[side]) for side in rustcs
    ]
    assert all(set(one["makes"].values()) == {"the same code"} for one in found["stand_ins"])

    def by_hand(front: str, middle: str, back: str) -> bool | None:
        alone = ("-Cno-prepopulate-passes",) if front != middle else ()
        attributor.rustc(rustcs[front], "fill_loop.rs", "1", "--emit=llvm-ir", *alone, product="optimised.ll")
        if front != middle and not attributor.clang(
            clangs[middle], "1", "-S", "-emit-llvm", "-x", "ir", "optimised.ll", "-o", "again.ll"
        ):
            return None
        return attributor.back(clangs[back], "1", "again.ll" if front != middle else "optimised.ll")

    said = verdicts(found)
    assert len(said) == 8
    assert said == {mix: told(bad=by_hand(*mix)) for mix in product(("good", "bad"), repeat=3)}

    middle, back = (search for search in found["searches"] if search["pass"])
    assert (middle["layer"], back["layer"]) == ("middle end", "back end")
    for search, emitted in ((middle, "llvm-ir"), (back, "obj")):
        assert search["option"] == f"-Cllvm-args=-opt-bisect-limit={search['limit']}"
        for less in (0, 1):
            words = (f"--emit={emitted}", f"-Cllvm-args=-opt-bisect-limit={search['limit'] - less}")
            attributor.rustc(rustcs["bad"], "fill_loop.rs", "1", *words, product="limited")
            bad = (
                attributor.writes_back("limited") if search is back else attributor.back(clangs["bad"], "1", "limited")
            )
            assert bad is (less == 0), (search["layer"], less)

    (function,) = found["functions"]
    assert function["forming"]["pass"]["argument"] == "aarch64-isel"
    assert "STRWpost" in function["forming"]["after"]["text"]
    assert function["diverging"]["given"] == "the IR of rustc@1.85.1+trixie's front end"
    assert function["diverging"]["bad"]["pass"]["title"] == "SimplifyCFGPass"
    assert (function["diverging"]["common"]["form"], function["diverging"]["bad"]["after"]["form"]) == ("ir", "ir")


def test_a_rustcs_ir_in_a_clangs_back_end_tells_that_it_is_the_back_end(attributor: Attributor) -> None:
    found = attributed(attributor, "store_then_step", "clang@17..rustc@1.85.1")
    assert (found["confidence"], found["explanations"]) == ("likely", [[["back end"]]])
    assert (found["good"]["case"], found["bad"]["case"]) == ("store_then_step.c", "store_then_step.rs")
    (function,) = found["functions"]
    assert function["forming"]["pass"]["argument"] == "aarch64-ldst-opt"
    said = verdicts(found)
    attributor.rustc("rustc@1.85.1+trixie", "store_then_step.rs", "2", "--emit=llvm-ir", product="rust.ll")
    assert said["bad", "bad", "good"] == told(bad=attributor.back("clang@17.0.6+trixie", "2", "rust.ll")) == "good"
    (attributor.folder / "case.c").write_bytes((RECIPES / "store_then_step.c").read_bytes())
    assert attributor.clang("clang@17.0.6+trixie", "2", "-S", "-emit-llvm", "case.c", "-o", "c.ll")
    assert said["good", "good", "bad"] == told(bad=attributor.back("clang@19.1.7+trixie", "2", "c.ll")) == "bad"


def test_two_of_one_llvm_differ_in_what_their_front_ends_write(attributor: Attributor) -> None:
    found = attributed(attributor, "fill_loop.c", "rustc@1.85.1..clang@19.1.7", "--opt", "1")
    assert found["explanations"] == [[["front end"]]]
    (function,) = found["functions"]
    assert function["diverging"]["bad"]["pass"]["title"] == "the front end"
    assert any("two files, fill_loop.rs and fill_loop.c" in note for note in found["notes"])
    # A clang of another LLVM is not a stand-in, and without one there is no telling.
    words = ("--opt", "1", "--stand-in", "clang@17.0.6+trixie")
    alone = attributed(attributor, "fill_loop.c", "rustc@1.85.1..clang@19.1.7", *words)
    assert alone["stand_ins"] == []
    assert len(alone["explanations"]) > 1
    assert any("has LLVM 17.0.6, so it cannot stand in" in note for note in alone["notes"])


def test_debians_clang_18_differs_in_its_back_end(attributor: Attributor) -> None:
    found = attributed(attributor, "store_then_step", "clang:17..18")
    assert (found["confidence"], found["explanations"]) == ("proven", [[["back end"]]])
    (search,) = found["searches"]
    (function,) = found["functions"]
    assert function["forming"]["pass"]["argument"] == "aarch64-ldst-opt"
    (attributor.folder / "case.c").write_bytes((RECIPES / "store_then_step.c").read_bytes())
    points = {"good": "clang@17.0.6+trixie", "bad": "clang@18.1.8+trixie"}
    said = verdicts(found)
    for middle, compiler in points.items():
        assert attributor.clang(compiler, "2", "-S", "-emit-llvm", "case.c", "-o", f"{middle}.ll")
        for back, other in points.items():
            assert said[middle, middle, back] == told(bad=attributor.back(other, "2", f"{middle}.ll")), (middle, back)
    for less in (0, 1):
        limit = ("-mllvm", f"-opt-bisect-limit={search['limit'] - less}")
        assert attributor.back(points["bad"], "2", "bad.ll", *limit) is (less == 0)
