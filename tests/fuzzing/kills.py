"""Kills every command that writes, at random moments: `python tests/fuzzing/kills.py [ROUNDS [SEED]]`.

PYTHONPATH=tests/fakes. Docker's part is left out where no daemon answers. Exits 1 if anything was lost, done twice or
left behind; says how long a killed command's last process lived, by command.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from killed_commands import Kills, compilers
from loopback_index import serving
from requirements import is_there


def main() -> int:
    rounds, seed = (*map(int, sys.argv[1:]), *(200, 14)[len(sys.argv) - 1 :])[:2]
    chance, begun, wrong = random.Random(seed), time.monotonic(), 0  # noqa: S311 - the same moments each time
    docker = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock") if is_there("docker") else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, serving() as index:
        compilers(index)
        kills = Kills(root=Path(folder), index=index, chance=chance, docker_host=docker)
        for number in range(rounds):
            name = kills.scenarios[number % len(kills.scenarios)]
            try:
                kills.round(name)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                wrong += 1
                print(f"{number} {name}: {error}", flush=True)
    for name, seconds in kills.figures.items():
        print(f"{name}: {len(seconds)} kills, the last process ended after {max(seconds):.2f} s at most")
    print(f"{rounds} rounds, {kills.early} over before the kill, {wrong} wrong, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
