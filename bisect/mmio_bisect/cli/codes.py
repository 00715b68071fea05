"""Exit codes: what answers and errors become, and the text of `--help` that lists them.

`check` is made for `git bisect run`, which takes 1 to 127 (but 125) as “bad” and stops at 128 and above: so every
error of `check`, wrong usage included, is moved up by 128.
"""

import re
from collections.abc import Iterator

from mmio_bisect.errors import CancelledError, MmioBisectError, UsageError

ANSWERED = 0
SUSPECTS_ONLY = 3
CONTRADICTED = 4
INTERRUPTED = CancelledError.exit_code

CHECK_OFFSET = 128
# A crash of this tool must not look like a bad commit, nor like any error that has a number of its own.
CHECK_CRASHED = 255


def in_check(code: int) -> int:
    """An error's code, moved to where `git bisect run` stops."""
    return code if code >= CHECK_OFFSET else code + CHECK_OFFSET


def error_classes() -> Iterator[type[MmioBisectError]]:
    """Every class of errors, the base included."""
    waiting: list[type[MmioBisectError]] = [MmioBisectError]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.__subclasses__())


def help_text() -> str:
    """The paragraph that `--help` ends with."""
    codes = {found.exit_code: _words(found) for found in error_classes()}
    codes |= {
        ANSWERED: "answered",
        UsageError.exit_code: "wrong usage",
        SUSPECTS_ONLY: "suspects only",
        CONTRADICTED: "contradiction",
        MmioBisectError.exit_code: "other trouble",
        INTERRUPTED: "interrupted",
    }
    listed = ", ".join(f"{code} {codes[code]}" for code in sorted(codes))
    return (
        f"Exit codes: {listed}. `check` exits with 0 good, 1 bad, 125 untestable, and 128 + the code for every error, "
        "as `git bisect run` wants it."
    )


def _words(found: type[MmioBisectError]) -> str:
    """`UnknownRecipeError` → `unknown recipe`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found.__name__.removesuffix("Error")).lower()
