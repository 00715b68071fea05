"""How long an answer from history takes as a whole process, beside the least that it could take.

Run it with `make benchmark`. It bisects once to fill a history of its own, then runs the same command again and again,
in turn with a Python that only imports SQLAlchemy and leaves. Prints the medians and their ratio, pair by pair.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = ("-m", "mmio_bisect", "run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--json")
FLOOR = ("-c", "import sqlalchemy")
PAIRS = 15


def seconds(words: tuple[str, ...], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, env=environment, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"MMIO_BISECT_DATABASE": f"sqlite:///{Path(folder) / 'history.db'}"}
        seconds(RUN, environment)
        pairs = [(seconds(RUN, environment), seconds(FLOOR, environment)) for _ in range(PAIRS)]
    answer, floor = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(ours / least for ours, least in pairs)
    print(f"answer from history {answer:.3f} s, importing SQLAlchemy {floor:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
