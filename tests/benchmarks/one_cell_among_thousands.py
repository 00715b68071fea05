"""What one new cell costs when thousands are known, beside what it costs in an empty history, by turns.

One recipe on one zig toolchain of a store (MMIO_BISECT_STORE, or the default one), as a whole process, on a new copy of
either database each time.

    PYTHONPATH=tests/fakes python tests/benchmarks/one_cell_among_thousands.py [OUTCOMES [ROUNDS]]
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from million_outcomes import fill
from tool_process import Tool

from mmio_bisect.composition.wiring import RealWiring, Settings

VERSION = "0.17.1"


def main() -> None:
    outcomes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    given = os.environ.get("MMIO_BISECT_STORE")
    store = RealWiring(Settings(store=Path(given) if given else None)).store_folder().absolute()
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.db"
        fill(full, outcomes)
        took: dict[str, list[float]] = {"empty": [], "full": []}
        for count in range(rounds + 1):  # the first round only warms the page cache
            for kind, times in took.items():
                seconds = _one_cell(Path(folder) / f"{kind}-{count}", store, full if kind == "full" else None)
                if count:
                    times.append(seconds)
    ratio = statistics.median(full / empty for full, empty in zip(took["full"], took["empty"], strict=True))
    print(f"one cell in an empty history {statistics.median(took['empty']):.2f} s")
    print(f"one cell beside {outcomes} outcomes {statistics.median(took['full']):.2f} s, ratio {ratio:.2f}")


def _one_cell(root: Path, store: Path, known: Path | None) -> float:
    tool = Tool(root=root, elsewhere=store)
    tool.lists("zig", (VERSION,))
    tool.database.parent.mkdir()
    if known is not None:
        shutil.copy(known, tool.database)
    begun = time.perf_counter()
    said = tool("sweep", "store_then_step", "zig", "--opt", "2", "--sandbox", "local", "--json")
    took = time.perf_counter() - begun
    if said.status != 0 or said.document["cost"]["cells_compiled"] != 1:
        raise SystemExit(said.err or "the cell was known")
    return took


if __name__ == "__main__":
    main()
