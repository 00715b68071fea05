"""Looks for input that crashes or hangs the reader or the judge, for as long as it is given: `make fuzz SECONDS=600`.

Each try has a seed, counted up from `--from`. A seed that raises what nobody declared, or takes longer than ten
seconds, is said with the way to try it again; damaged objects and recipes are written to `tests/fixtures/corpus`,
streams as their seed. Exits 1 if any was found, at the twentieth at the latest.
"""

import argparse
import random
import signal
import time
import traceback
from pathlib import Path
from types import FrameType

from damage import any_recipe, any_stream, damaged_object
from judged_whole import judge_file, judge_stream, read_recipe

from mmio_bisect.domain.recipe import Language

FIXTURES = Path(__file__).parents[1] / "fixtures"
HANGS = 10  # seconds
MOST = 20


def attempt(seed: int, objects: list[bytes]) -> tuple[str, bytes, str] | None:
    """The kind of file that keeps the input, the input, and what was raised; None if all is well."""
    draw = random.Random(seed)  # noqa: S311  a sample, not a secret
    kind, data = "seed", str(seed).encode()
    try:
        match seed % 3:
            case 0:
                kind, data = "o", damaged_object(draw.choice(objects), draw)
                judge_file(data)
            case 1:
                judge_stream(any_stream(draw))
            case _:
                kind, data = "txt", any_recipe(draw)
                for language in Language:
                    read_recipe(data, language)
    except Exception:  # noqa: BLE001 - any that comes out here is what is looked for
        return kind, data, traceback.format_exc()
    return None


def too_long(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"not done after {HANGS} seconds")


def main() -> int:
    signal.signal(signal.SIGALRM, too_long)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--from", type=int, default=0, dest="first")
    options = parser.parse_args()
    objects = [path.read_bytes() for path in sorted((FIXTURES / "objects").glob("*.o"))]
    end, seed, found = time.monotonic() + options.seconds, options.first, 0
    while time.monotonic() < end and found < MOST:
        signal.alarm(HANGS)
        wrong = attempt(seed, objects)
        if wrong is not None:
            kind, data, what = wrong
            kept = FIXTURES / "corpus" / f"seed-{seed}.{kind}"
            kept.write_bytes(data)
            print(f"{what}\nseed {seed}, kept as {kept}: try again with --from {seed}\n")  # noqa: T201 - what it is for
            found += 1
        seed += 1
    signal.alarm(0)
    print(f"seeds {options.first} to {seed - 1}: {found} found")  # noqa: T201 - for the same reason
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
