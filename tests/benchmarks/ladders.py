"""Debian's whole ladders with real compilers: does what is known of each come out? Says so rung by rung; 1 if not.

Takes a quarter of an hour and 20 GB for some fifty images the first time, which stay in the store: `make ladders`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """A command, and what its answers must be."""

    words: tuple[str, ...]
    expected: tuple[tuple[object, ...], ...]


def culprit(change: str, last: str, first: str) -> tuple[object, ...]:
    return ("culprit", change, last, first)


RUNS = (
    Rung(
        ("run", "store_then_step", "clang:11..19", "--opt", "2"),
        (culprit("introduced", "clang@17.0.6+trixie", "clang@18.1.8+trixie"),),
    ),
    Rung(
        ("run", "fill_loop", "clang:9..24", "--opt", "2"),
        (culprit("fixed", "clang@22.1.8+sid", "clang@23.1.4+sid"),),
    ),
    Rung(
        ("run", "store_then_step.ll", "llc:15..19", "--opt", "2"),
        (culprit("introduced", "llc@17.0.6+trixie", "llc@18.1.8+trixie"),),
    ),
    Rung(
        ("run", "store_then_step.rs", "rustc:1.48..1.98", "--opt", "2"),
        (culprit("introduced", "rustc@1.78.0+bullseye", "rustc@1.85.0+bookworm"),),
    ),
    Rung(
        ("run", "store_then_step", "gcc:9..16", "--opt", "2"),
        (("no-change", None, None, None),),
    ),
)

# Each of these objects is judged alike by whichever of the three LLVMs 18 makes it.
SAME = ("store_then_step.ll", "slice_fill.ll")
LLVM_18 = ("zig:0.13.0..0.13.0", "clang:18..18", "llc:18..18")


def said(words: Sequence[str]) -> dict[str, object]:
    ended = subprocess.run([sys.executable, "-m", "mmio_bisect", *words, "--json"], stdout=subprocess.PIPE, check=True)
    document: dict[str, object] = json.loads(ended.stdout)
    return document


def climb() -> int:
    wrong = 0
    for rung in RUNS:
        begun = time.monotonic()
        answers = said(rung.words)["answers"]
        assert isinstance(answers, list)
        found = tuple((one["kind"], one.get("change"), one.get("last"), one.get("first")) for one in answers)
        wrong += found != rung.expected
        print("ok   " if found == rung.expected else "WRONG", *rung.words, found, f"{time.monotonic() - begun:.0f} s")
    transitions = said(("sweep", "store_then_step", "clang:9..24", "--transitions", "--opt", "2"))["transitions"]
    assert isinstance(transitions, list)
    both = [(one["change"], one["last"], one["first"]) for one in transitions]
    expected = [
        ("introduced", "clang@17.0.6+trixie", "clang@18.1.8+trixie"),
        ("fixed", "clang@22.1.8+sid", "clang@23.1.4+sid"),
    ]
    wrong += both != expected
    print("ok   " if both == expected else "WRONG", "sweep --transitions", both)
    for recipe in SAME:
        verdicts = {extent: verdicts_of(said(("sweep", recipe, extent, "--opt", "1,2,3"))) for extent in LLVM_18}
        same = len(set(verdicts.values())) == 1
        wrong += not same
        print("ok   " if same else "WRONG", recipe, "on LLVM 18:", verdicts)
    return 1 if wrong else 0


def verdicts_of(document: dict[str, object]) -> tuple[str, ...]:
    cells = document["cells"]
    assert isinstance(cells, list)
    return tuple(f"-O{cell['opt']} {cell['verdict']}" for cell in cells)


if __name__ == "__main__":
    sys.exit(climb())
