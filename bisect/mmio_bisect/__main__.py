"""The entry point: `python -m mmio_bisect`, and the script. `--version` alone waits for no command line to load."""

import sys

from mmio_bisect import __version__
from mmio_bisect.cli import commands


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"mmio-bisect {__version__}\n")
        return 0
    return commands.run_command_line()


if __name__ == "__main__":
    raise SystemExit(main())
