"""One tick of the watch with a year of nightlies in the history, beside one with a week of them, by turns.

All Rust recipes at all their levels, one new nightly of a loopback server, whose compilers are scripted: so the time is
the tool's own. Prints medians of time and peak memory of the whole process, their ratios, and how much was probed.

    PYTHONPATH=tests/fakes python tests/benchmarks/year_of_nightlies.py [ROUNDS]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from loopback_dist import DistServer, serving_dist
from nights_on_record import record, requests
from rust_artefacts import publish_nightly, scripted
from tool_process import Tool

from mmio_bisect.domain.outcome import CellRequest

FIRST = date(2023, 2, 1)
KINDS = {"week": 7, "year": 365}
CONFIG = """
[watch]
pauses = []
[watch.series.rust-nightly]
from = "{first}"
to = "{day}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Seconds, and MiB at the peak."""

    seconds: float
    memory: float


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    asked = requests()
    ticks: dict[str, list[Tick]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, serving_dist() as server:
        tools = {kind: _tool(Path(folder) / kind, server, days, asked) for kind, days in KINDS.items()}
        for count in range(rounds + 1):
            day = FIRST + timedelta(days=max(KINDS.values()) + count)
            publish_nightly(server, str(day), scripted(str(day), bad=True))
            for kind, tool in tools.items():
                tick = _tick(tool, FIRST + timedelta(days=365 - KINDS[kind]), day, asked)
                if count:  # the first round only begins to watch
                    ticks[kind].append(tick)
    week, year = ticks["week"], ticks["year"]
    time_ratio = statistics.median(one.seconds / other.seconds for one, other in zip(year, week, strict=True))
    memory_ratio = statistics.median(one.memory / other.memory for one, other in zip(year, week, strict=True))
    for kind, found in ticks.items():
        print(
            f"one tick with a {kind} of nightlies on record: {statistics.median(one.seconds for one in found):.2f} s, "
            f"{statistics.median(one.memory for one in found):.0f} MiB at the peak"
        )
    print(f"ratio of times {time_ratio:.2f}, of memory {memory_ratio:.2f}; {len(asked)} cells probed by each")


def _tool(root: Path, server: DistServer, days: int, asked: Sequence[CellRequest]) -> Tool:
    """Its record ends with the same day whatever its length."""
    tool = Tool(root=root, extra={"MMIO_BISECT_RUST_DIST": server.url})
    tool.database.parent.mkdir()
    record(f"sqlite:///{tool.database}", FIRST + timedelta(days=365 - days), days, asked)
    return tool


def _tick(tool: Tool, first: date, day: date, asked: Sequence[CellRequest]) -> Tick:
    (tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(first=first, day=day))
    words = (sys.executable, "-m", "mmio_bisect", "watch", "--once", "--json")
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        running = subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL, env=tool.environment, cwd=tool.folder)
        _, status, used = os.wait4(running.pid, 0)
        took = time.perf_counter() - begun
        running.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        (series,) = json.load(out)["series"]
    if series["cost"] != {"toolchains_fetched": 1, "cells_compiled": len(asked)} or running.returncode != 0:
        raise SystemExit(f"not one probe a recipe: {series}")
    return Tick(seconds=took, memory=used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
