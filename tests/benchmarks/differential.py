"""Driver-shaped functions over five LLVMs and GCC, five targets and levels: run, and held against what is said of them.

Prints objects a second, what was lost by cause, and each function of which something was missed without a word; 1 if
there is one. `make differential` makes over 20,000 objects; two processes take an hour for that. With a log it goes on
where it was stopped, and `--again` tells all of one function by the name that is printed with it.

    PYTHONPATH=tests/fakes python tests/benchmarks/differential.py \
        [--objects N] [--seed S] [--shape NAME] [--jobs N] [--log FILE] [--again SEED/OBJECT/FUNCTION]
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from driver_c import Function
from driver_shapes import SHAPES, function
from held_functions import LEVELS, TARGET_NAMES, Builder, Cell, Compiler, Result, Tally, clang, describe, gcc
from real_zigs import RealZigs, fetch_zigs

ZIGS = ("0.8.0", "0.9.1", "0.12.1", "0.13.0", "0.15.1", "0.17.1")
FUNCTIONS = 6
_TOGETHER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Objects by their numbers."""

    zigs: RealZigs
    numbers: Sequence[int]
    seed: str
    shape: str | None

    def functions(self, number: int) -> list[Function]:
        return [function(f"{self.seed}/{number}/{index}", f"f{index}", only=self.shape) for index in range(FUNCTIONS)]

    def cell(self, number: int) -> Cell:
        return random.Random(f"{self.seed}/{number}").choice(cells(self.zigs))  # noqa: S311  the same one each time


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


def hold_part(part: Part) -> list[tuple[int, list[Result]]]:
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(Path(folder), part.zigs.programs["0.13.0"])
        return [
            (number, [Result.of(held) for held in builder.hold(part.cell(number), part.functions(number))])
            for number in part.numbers
        ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--shape", choices=list(SHAPES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--again", metavar="SEED/OBJECT/FUNCTION")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(options.jobs) as pool:
        zigs = fetch_zigs(Path(folder))
        if options.again:
            return tell_again(zigs, options.again, options.shape)
        known = read_log(options.log) if options.log else {}
        missing = [number for number in range(options.objects) if number not in known]
        parts = [
            Part(zigs=zigs, numbers=missing[first : first + _TOGETHER], seed=options.seed, shape=options.shape)
            for first in range(0, len(missing), _TOGETHER)
        ]
        before = time.monotonic()
        for made in pool.map(hold_part, parts):
            known.update(made)
            if options.log:
                write_log(options.log, made)
    results = [result for number in sorted(known) for result in known[number]]
    return tell(results, len(known), len(missing) / (time.monotonic() - before))


def read_log(path: Path) -> dict[int, list[Result]]:
    """A line that was not written to its end is of an object to be made again."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    read = [json.loads(line) for line in lines]
    return {number: [Result(**result) for result in results] for number, results in read}


def write_log(path: Path, made: Iterable[tuple[int, Sequence[Result]]]) -> None:
    with path.open("a") as file:
        for number, results in made:
            file.write(json.dumps([number, [result.as_json() for result in results]]) + "\n")


def tell(results: Iterable[Result], objects: int, speed: float) -> int:
    tally = Tally()
    for result in results:
        tally.add(result)
    for result in tally.wrong:
        print(result.text)
    print(f"{objects} objects, {tally.functions.total()} functions, {speed:.1f} objects a second")
    for outside, name in ((False, "without external calls"), (True, "with external calls that no directive declares")):
        print(f"untestable {name}: {100 * tally.share_lost(outside=outside):.1f} % of {tally.functions[outside]}")
    for cause, count in tally.causes.most_common():
        print(f"{count:>8}  {cause} (such as {tally.examples[cause]})")
    if tally.slowest is not None:
        print(f"the slowest judgement took {tally.slowest.seconds:.2f} s: {tally.slowest.name}")
    print(f"{tally.silent} missed without a word, {len(tally.wrong) - tally.silent} did not run to their end")
    return 1 if tally.wrong else 0


def tell_again(zigs: RealZigs, name: str, shape: str | None) -> int:
    """One function with its code."""
    seed, number, index = name.rsplit("/", 2)
    part = Part(zigs=zigs, numbers=[int(number)], seed=seed, shape=shape)
    one = part.functions(int(number))[int(index)]
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(Path(folder), zigs.programs["0.13.0"])
        built = builder.build(part.cell(int(number)), part.functions(int(number)))
        if built is None:
            print("the compiler refuses the object")
            return 1
        for code in built[0].functions:
            if code.name.split("_")[0] == one.name:
                print(f"{code.name}:", *(f"{line.position:>6x}  {line.text}" for line in code.instructions), sep="\n")
        for held in builder.hold(part.cell(int(number)), part.functions(int(number))):
            if held.function == one:
                print(describe(held))
    return 0


if __name__ == "__main__":
    sys.exit(main())
