"""How much processor time the command line takes to start, beside what it cannot do without.

Run it with `make benchmark`. It bisects once to fill a history of its own, which compiles all modules too: an installed
tool has them compiled. Then, in turn, each command runs beside a Python that only imports the libraries that it needs.
Prints the median of all ratios, and the bound of each.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ANSWER = ("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--json")
FLOOR = "import typer, rich.console, sqlalchemy"
RACES = (
    (("--version",), "import typer", 1.5),
    (("--help",), "import typer", 2.5),
    (ANSWER, FLOOR, 1.6),
)
ROUNDS = 9


def processor_seconds(words: tuple[str, ...], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "MMIO_BISECT_DATABASE": f"sqlite:///{Path(folder) / 'history.db'}",
            "PYTHONPYCACHEPREFIX": str(Path(folder) / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        processor_seconds(("-c", FLOOR), environment)
        for command in (("--help",), ANSWER):
            processor_seconds(("-m", "mmio_bisect", *command), environment)
        for words, floor, bound in RACES:
            pairs = [
                (
                    processor_seconds(("-m", "mmio_bisect", *words), environment),
                    processor_seconds(("-c", floor), environment),
                )
                for _ in range(ROUNDS)
            ]
            ours, least = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(one / other for one, other in pairs)
            print(
                f"{words[0]:<9} {ours:.3f} s, `{floor}` {least:.3f} s, ratio {ratio:.2f}, bound {bound}"
                f"{'' if ratio <= bound else ': over'}"
            )


if __name__ == "__main__":
    main()
