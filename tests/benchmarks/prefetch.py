"""Bisecting 64 toolchains from a server that gives each connection little: fetching ahead against not, by turns.

The toolchains are scripts in wheels of 1 MiB, from an index on the loopback device at 1 MiB/s a connection. Printed are
the wall time of `run --jobs 1` without and with `--prefetch 2`, their ratio, and how many toolchains were fetched,
beside ⌈log2 n⌉.

    PYTHONPATH=tests/fakes python tests/benchmarks/prefetch.py [ROUNDS]
"""

import random
import statistics
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from loopback_index import FILES, head, serving, wheel
from tool_process import Tool

POINTS = 64
SIZE = RATE = 1 << 20
PIECES = 20
# In the one object the function is what it should be, in the other it is not there.
RECIPE = "//mmio: target=aarch64 opt=2\n//mmio: fn=store(mmio) accesses=store32+0\nvoid f(void);\n"
OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    chance = random.Random(64)  # noqa: S311 - the same changes each time
    changes = [chance.randrange(1, POINTS) for _ in range(rounds)]
    pairs = [(_bisect(change, "0"), _bisect(change, "2")) for change in changes]
    print(f"{POINTS} toolchains of 1 MiB at 1 MiB/s a connection; ⌈log2 n⌉ is {(POINTS - 1).bit_length()}")
    for place, ahead in enumerate("02"):
        seconds = statistics.median(pair[place][0] for pair in pairs)
        print(f"--prefetch {ahead}  {seconds:6.2f} s   toolchains fetched: {[pair[place][1] for pair in pairs]}")
    print(f"ratio         {statistics.median(ahead[0] / plain[0] for plain, ahead in pairs):6.2f}")


def _bisect(change: int, ahead: str) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder, serving() as index:
        for place in range(POINTS):
            index.add(f"0.{place + 10}.0", _wheel(place, bad=place >= change))
        index.serve_wheel = _slowly
        tool = Tool(root=Path(folder), index=index.url)
        (tool.folder / "shape.c").write_text(RECIPE)
        begun = time.perf_counter()
        words = ("--jobs", "1", "--prefetch", ahead, "--sandbox", "local", "--no-verify", "--json")
        said = tool("run", "shape.c", "zig:..", "--opt", "2", *words)
        seconds = time.perf_counter() - begun
        if said.status != 0 or said.document["answers"][0]["first"] != f"zig@0.{change + 10}.0":
            raise SystemExit(said.err or said.out)
        return seconds, said.document["cost"]["toolchains_fetched"]


def _wheel(place: int, *, bad: bool) -> bytes:
    made = OBJECTS / ("flows.o" if bad else "shapes.o")
    script = (
        f'#!/bin/sh\ncase "$*" in *--version*) echo "clang version {place}.0.0"; exit;; esac\ncat {made} > case.o\n'
    )
    padding = random.Random(place).randbytes(SIZE)  # noqa: S311 - what does not shrink
    return wheel(f"0.{place + 10}.0", {**FILES, "ziglang/zig": script.encode(), "ziglang/lib/padding": padding})


def _slowly(request: BaseHTTPRequestHandler, content: bytes) -> None:
    head(request, len(content))
    step = -(-len(content) // PIECES)
    for at in range(0, len(content), step):
        request.wfile.write(content[at : at + step])
        time.sleep(step / RATE)


if __name__ == "__main__":
    main()
