"""The entry point: `python -m mmio_bisect`, and the script. `--version` alone waits for no command line to load."""

import gc
import sys

from mmio_bisect import __version__
from mmio_bisect.cli import commands


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"mmio-bisect {__version__}\n")
        return 0
    code = commands.run_command_line()
    _forget_interrupts()
    gc.freeze()  # the memory is the system's at once: looking for what might be collected takes as long as 100 modules
    return code


def _forget_interrupts() -> None:
    """Keep an interrupt that was dealt with from becoming how the process ends.

    Under `python -m` an interrupt that left the `exec` of a string ends the process by SIGINT, whatever its code, even
    if it was caught further out; `dataclasses` makes methods by `exec` while modules load. The next `exec` of a string
    forgets it (measured with CPython 3.11.7 and 3.13.0).
    """
    exec("")  # noqa: S102 - nothing is executed


if __name__ == "__main__":
    raise SystemExit(main())
