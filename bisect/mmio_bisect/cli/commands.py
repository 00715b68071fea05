"""All commands: what each is called, where it is, and the line that help shows of it.

A module is imported when its command is asked for, so that `--help` costs little more than Typer does. Nothing but this
table and `composition` imports by name or inside a function.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

_LOOK = "Look things up"


class Command(NamedTuple):
    """A function of a module below this package, or a Typer application; `examples` is the module's constant.

    `for_git_bisect`: made for `git bisect run`, which wants other exit codes (see `codes`).
    """

    name: str
    module: str
    function: str
    help: str
    examples: str = ""
    panel: str | None = None
    for_git_bisect: bool = False

    def load(self) -> Any:  # noqa: ANN401 - a function or an application
        return _from_module(self.module, self.function)

    def epilog(self) -> str | None:
        return _from_module(self.module, self.examples) if self.examples else None


class Group(NamedTuple):
    """Commands under one name; the module's `EXAMPLES` are those of them all."""

    name: str
    module: str
    help: str
    commands: tuple[Command, ...]
    panel: str | None = _LOOK

    def epilog(self) -> str:
        return str(_from_module(self.module, "EXAMPLES"))


def run_command_line() -> int:
    """As `main` of `app`, which loads Typer."""
    code: int = _from_module("app", "main")()
    return code


def _from_module(module: str, name: str) -> Any:  # noqa: ANN401 - see `Command.load`
    return getattr(import_module(f"{__package__}.{module}"), name)


_HISTORY = (
    Command(
        "list",
        "history.listing",
        "list_history",
        "List runs, newest first; or outcomes, which is what any but the first three filters are about.",
    ),
    Command(
        "show",
        "history.listing",
        "show",
        "Show a run's answer again in full, or everything that is kept of one cell, or of those that fit.",
    ),
    Command(
        "rejudge",
        "history.rejudge",
        "rejudge",
        "Judge stored objects again with the current rules; say which verdicts flipped.",
        "EXAMPLES",
    ),
    Command(
        "matrix",
        "history.queries",
        "matrix",
        "Show recipes down and versions across, a glyph a verdict.",
        "MATRIX_EXAMPLES",
    ),
    Command(
        "transitions",
        "history.queries",
        "transitions",
        "Show everything introduced and fixed, by recipe, function, access and defect, with the LLVM versions shared.",
        "TRANSITION_EXAMPLES",
    ),
    Command("fingerprint", "history.queries", "fingerprint", "Show where the code changed though the verdict did not."),
    Command("stats", "history.queries", "stats", "Count what is in the history."),
    Command("sql", "history.queries", "sql", "Ask in SQL what nothing else here answers.", "SQL_EXAMPLES"),
    Command(
        "diff",
        "history.diff",
        "diff",
        "Show a recipe's code on two compilers side by side, and whether both do the same to the device.",
        "EXAMPLES",
    ),
    Command(
        "report",
        "history.page",
        "report",
        "Write a page: answers, timelines, transitions, and the matrix with the code behind every cell.",
        "EXAMPLES",
    ),
    Command(
        "export",
        "history.upkeep",
        "export",
        "Write everything that was measured or said as JSON Lines.",
        "EXPORT_EXAMPLES",
    ),
    Command(
        "import",
        "history.upkeep",
        "import_",
        "Take an export in: all of it, or nothing where it contradicts what is here.",
    ),
    Command(
        "note",
        "history.upkeep",
        "note",
        "Say something of a regression: `history transitions`, reports and pages show it.",
        "NOTE_EXAMPLES",
    ),
    Command(
        "backup", "history.upkeep", "backup", "Copy the database into a file of its own, while others may write to it."
    ),
    Command("check", "history.upkeep", "check", "Look whether the database is whole."),
)
_RECIPES = (
    Command("list", "recipes", "list_recipes", "List the recipes and the languages of their cases."),
    Command("show", "recipes", "show", "Show a recipe: what each case asks for, and its source."),
    Command(
        "check",
        "recipes",
        "check",
        "Read the directives of files, or of all recipes, and print every problem; exits with 12 if there is one.",
    ),
)
_SERIES = (
    Command("list", "series", "list_series", "List the series."),
    Command(
        "show",
        "series",
        "show",
        "List the points of a series, oldest first: the compiler of those that were fetched, what would be of the "
        "rest.",
    ),
)
_TOOLCHAINS = (
    Command("list", "toolchains", "list_toolchains", "List the toolchains in the store, most recently used first."),
    Command("fetch", "toolchains", "fetch", "Fetch toolchains into the store, so that later runs need no network."),
    Command(
        "prune",
        "toolchains",
        "prune",
        "Remove toolchains, least recently used first, until the rest fits in SIZE; never one in use.",
    ),
    Command(
        "verify",
        "toolchains",
        "verify",
        "Read every file of the stored toolchains; what is not as it was stored is thrown out.",
    ),
)
_CONFIG = (
    Command(
        "show",
        "configuration",
        "show",
        "Print what counts, variables and defaults included; secrets only by where they are.",
        "EXAMPLES",
    ),
    Command("check", "configuration", "check", "Say whether the configuration can be.", "EXAMPLES"),
    Command("init", "configuration", "init", "Write a commented configuration to begin with.", "EXAMPLES"),
)

COMMANDS: tuple[Command | Group, ...] = (
    Command(
        "run", "run", "run", "Bisect: find the first compiler whose verdict differs, and show the proof.", "EXAMPLES"
    ),
    Command(
        "sweep",
        "sweep",
        "sweep",
        "Compile and judge every recipe with every compiler of a series, and show where verdicts change.",
        "EXAMPLES",
    ),
    Command(
        "check",
        "check",
        "check",
        "Judge one compiler or one object: 0 good, 1 bad, 125 untestable.",
        "EXAMPLES",
        for_git_bisect=True,
    ),
    Command(
        "attribute",
        "attribute",
        "attribute",
        "Name the layer (front, middle or back end) and the pass, shown before and after.",
        "EXAMPLES",
    ),
    Command(
        "report",
        "report",
        "report",
        "Write a finished run as Markdown for the issue tracker of a compiler.",
        "EXAMPLES",
    ),
    Command("watch", "watch.commands", "app", "Watch series of compilers, and tell of what changed."),
    Command(
        "explain",
        "explain",
        "explain",
        "Explain a defect kind or A64 encodings, or print the table of profiles.",
        "EXAMPLES",
        _LOOK,
    ),
    Command(
        "guard",
        "guard",
        "guard",
        "Let sandboxes of one volume's compilers be made through a docker socket, and nothing else.",
        "EXAMPLES",
        _LOOK,
    ),
    Command(
        "doctor",
        "doctor",
        "doctor",
        "Look at this machine: what works, what is missing, what to do.",
        "EXAMPLES",
        _LOOK,
    ),
    Group("history", "history", "Ask the history of everything that was measured.", _HISTORY),
    Group("recipes", "recipes", "List, show and check recipes.", _RECIPES),
    Group("series", "series", "List the series and their compilers.", _SERIES),
    Group("toolchains", "toolchains", "List, fetch and remove compilers on this disk.", _TOOLCHAINS),
    Group("config", "configuration", "The watch's configuration, mmio-bisect.toml.", _CONFIG),
)


def is_for_git_bisect(words: Sequence[str]) -> bool:
    """Whether the command that these words call is; words that call none are not."""
    named = [word for word in words if not word.startswith("-")]
    return any(tuple(named[: len(path)]) == path and command.for_git_bisect for path, command in _paths(COMMANDS))


def commands_for_git_bisect() -> tuple[str, ...]:
    return tuple(" ".join(path) for path, command in _paths(COMMANDS) if command.for_git_bisect)


def _paths(
    entries: Sequence[Command | Group], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Command]]:
    for entry in entries:
        path = (*above, entry.name)
        if isinstance(entry, Group):
            yield from _paths(entry.commands, path)
        else:
            yield path, entry
