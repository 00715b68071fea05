"""`run` over all versions of zig, for generated functions, beside what running each version's code says.

Prints one line for each function and how many answers are right, rest on what was not seen, or are wrong; 1 if one is
wrong or too many were not seen. Six minutes with two processes; all versions take 3 GB in
the store, and are fetched the first time.

    PYTHONPATH=tests/fakes python tests/benchmarks/brute_force.py [--functions N] [--jobs N]
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

from executed_verdicts import Agreement, Compared, compare, question
from real_zigs import PUBLISHED, RealZigs, fetch_zigs

MOST_LOST = 0.1
"""How large a share of the answers may rest on what was not seen. When this was written it was 5 of 60."""


def compare_number(zigs: RealZigs, number: int) -> Compared:
    with tempfile.TemporaryDirectory() as folder:
        return compare(question(number), zigs, Path(folder))


def compared(zigs: RealZigs, functions: int, jobs: int) -> Iterator[Compared]:
    """As many functions as are asked for of which the runs tell."""
    numbers, told = count(), 0
    with ProcessPoolExecutor(jobs) as pool:
        while told < functions:
            batch = [next(numbers) for _ in range(functions - told)]
            for one in pool.map(partial(compare_number, zigs), batch):
                told += one.agreement is not Agreement.UNTOLD
                yield one


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--functions", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    before, tally, changes = time.monotonic(), Counter[Agreement](), 0
    with tempfile.TemporaryDirectory() as folder:
        zigs = fetch_zigs(Path(folder), PUBLISHED)
    fetched = time.monotonic()
    for one in compared(zigs, options.functions, options.jobs):
        print(one, flush=True)
        if one.agreement is Agreement.WRONG:
            print(one.question.function.text)
        tally[one.agreement] += 1
        changes += one.changes and one.agreement is not Agreement.UNTOLD
    print(f"{options.functions} functions over {len(PUBLISHED)} versions, of which {changes} change:")
    print(", ".join(f"{number} {agreement}" for agreement, number in tally.items()))
    print(f"{fetched - before:.0f} s to fetch, {time.monotonic() - fetched:.0f} s to compare")
    return 1 if tally[Agreement.WRONG] or tally[Agreement.LOST] > MOST_LOST * options.functions else 0


if __name__ == "__main__":
    sys.exit(main())
