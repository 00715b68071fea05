"""Exit codes: what answers and errors become, and the text of `--help` that lists them.

`git bisect run` takes 1 to 127 (but 125) as “bad” and stops at 128 and above, where a shell has the signals (128 + its
number). A command made for it (`Command.for_git_bisect`) adds 200 to the code of every error, wrong usage included: it
stops, and looks like no signal.
"""

import re
from collections.abc import Iterator

from mmio_bisect.cli.commands import commands_for_git_bisect
from mmio_bisect.errors import CancelledError, MmioBisectError, UsageError

ANSWERED = 0
SUSPECTS_ONLY = 3
CONTRADICTED = 4
INTERRUPTED = CancelledError.exit_code
# A crash of this tool must look neither like a bad commit, nor like `watch`'s regression, nor like any error.
CRASHED = 255

GIT_BISECT_OFFSET = 200


def of_error(code: int, *, for_git_bisect: bool) -> int:
    """What the process exits with for an error of that code."""
    return code + GIT_BISECT_OFFSET if for_git_bisect and code != INTERRUPTED else code


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
        CRASHED: "a defect of this tool, with its traceback",
    }
    listed = ", ".join(f"{code} {codes[code]}" for code in sorted(codes))
    made_for_it = " and ".join(f"`{name}`" for name in commands_for_git_bisect())
    return (
        f"Exit codes: {listed}. {made_for_it}, made for `git bisect run`: 0 good, 1 bad, 125 untestable, "
        f"{GIT_BISECT_OFFSET} + the code for every error, and {INTERRUPTED} interrupted."
    )


def _words(found: type[MmioBisectError]) -> str:
    """`UnknownRecipeError` → `unknown recipe`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found.__name__.removesuffix("Error")).lower()
