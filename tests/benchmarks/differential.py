"""Driver-shaped functions over five LLVMs and GCC, five targets and levels: run, and held against what is said of them.

Prints objects a second, what was lost by cause, and each function of which something was missed without a word; 1 if
there is one. `make differential` makes over 20,000 objects; two processes take an hour for that.

    PYTHONPATH=tests/fakes python tests/benchmarks/differential.py [--objects N] [--seed S] [--shape NAME] [--jobs N]
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from driver_shapes import SHAPES, function
from held_functions import LEVELS, TARGET_NAMES, Builder, Cell, Compiler, Held, Tally, clang, describe, gcc
from real_zigs import RealZigs, fetch_zigs

ZIGS = ("0.8.0", "0.9.1", "0.12.1", "0.13.0", "0.15.1", "0.17.1")
FUNCTIONS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Every `step`-th object from `first` on."""

    zigs: RealZigs
    objects: int
    first: int
    step: int
    seed: int
    shape: str | None


def compilers(zigs: RealZigs) -> list[Compiler]:
    return [*(clang(f"clang of zig {version}", zigs.programs[version]) for version in ZIGS), gcc()]


def cells(zigs: RealZigs) -> list[Cell]:
    return [
        Cell(compiler=compiler, target=target, level=level)
        for compiler in compilers(zigs)
        for target in TARGET_NAMES
        if target in compiler.words
        for level in LEVELS
    ]


def hold_part(part: Part) -> list[Held]:
    return list(_held(part))


def _held(part: Part) -> Iterator[Held]:
    every = cells(part.zigs)
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(Path(folder), part.zigs.programs["0.13.0"])
        for number in range(part.first, part.objects, part.step):
            seed = f"{part.seed}/{number}"
            chosen = random.Random(seed).choice(every)  # noqa: S311  the same cells each time are what is wanted
            functions = [function(f"{seed}/{index}", f"f{index}", only=part.shape) for index in range(FUNCTIONS)]
            yield from builder.hold(chosen, functions)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", choices=list(SHAPES))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    tally, before = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(options.jobs) as pool:
        zigs = fetch_zigs(Path(folder))
        step = max(options.jobs, options.objects // 50)
        parts = [
            Part(zigs=zigs, objects=options.objects, first=first, step=step, seed=options.seed, shape=options.shape)
            for first in range(min(step, options.objects))
        ]
        for held in pool.map(hold_part, parts):
            for one in held:
                tally.add(one)
    tell(tally, options.objects, time.monotonic() - before)
    return 1 if tally.silent or tally.trouble else 0


def tell(tally: Tally, objects: int, seconds: float) -> None:
    for held in (*tally.silent, *tally.trouble):
        print(describe(held))
    print(f"{objects} objects, {tally.functions.total()} functions, {objects / seconds:.1f} objects a second")
    for outside, name in ((False, "without external calls"), (True, "with external calls that nothing declares")):
        print(f"untestable {name}: {100 * tally.share_lost(outside=outside):.1f} % of {tally.functions[outside]}")
    for cause, count in tally.causes.most_common():
        print(f"{count:>8}  {cause}")
    if tally.slowest is not None:
        print(f"the slowest judgement took {tally.slowest.seconds:.2f} s: {tally.slowest.cell}")
    print(f"{len(tally.silent)} missed without a word, {len(tally.trouble)} did not run to their end")


if __name__ == "__main__":
    sys.exit(main())
