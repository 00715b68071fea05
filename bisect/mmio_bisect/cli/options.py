"""Options that mean the same in every command, and what their words become."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE, PROFILES
from mmio_bisect.composition.wiring import RealWiring, Settings
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.sizes import parse_size
from mmio_bisect.errors import UsageError
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.ports.sandbox import Bounds
from mmio_bisect.workflow.probing.selection import Selection

_WHERE = "Where things are"
_WHAT = "What is judged"
_HOW = "How compilers run"


def series_names(incomplete: str) -> list[str]:
    return [name for name in RealWiring(Settings()).series() if name.startswith(incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    return [name for name in RealWiring(Settings()).recipes().names() if name.startswith(incomplete)]


def topic_names(incomplete: str) -> list[str]:
    return [kind.value for kind in DefectKind if kind.value.startswith(incomplete)]


def _option(flag: str, metavar: str, text: str, panel: str | None = None, **more: Any) -> Any:  # noqa: ANN401 - Typer's own
    """An option that takes its default from the variable of its name: `--series-file` from MMIO_BISECT_SERIES_FILE."""
    variable = f"MMIO_BISECT_{flag.removeprefix('--').replace('-', '_').upper()}"
    return typer.Option(flag, metavar=metavar, envvar=variable, help=text, rich_help_panel=panel, **more)


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Database = Annotated[
    str | None,
    _option(
        "--database",
        "URL",
        "The history. Default: results/history.db in a checkout, else in the user's data folder.",
        _WHERE,
    ),
]
Store = Annotated[
    Path | None,
    _option("--store", "DIR", "The toolchain store. Default: in the user's cache folder.", _WHERE),
]
Recipes = Annotated[
    Path | None,
    _option("--recipes", "DIR", "A folder of recipes to use instead of those shipped.", _WHERE),
]
SeriesFiles = Annotated[
    list[Path] | None,
    _option("--series-file", "FILE", "A TOML file with series of your own, see README. Repeatable.", _WHERE),
]
RustRepo = Annotated[
    Path | None,
    _option(
        "--rust-repo",
        "DIR",
        "A clone of Rust's repository for the series rust-ci. Default: one of our own beside the store.",
        _WHERE,
    ),
]
Repository = Annotated[
    Path | None,
    _option(
        "--repository",
        "DIR",
        "A clone that is there, for a series of commits: read, never written. Default: one of our own.",
        _WHERE,
    ),
]
Keep = Annotated[
    Path | None,
    _option(
        "--keep", "DIR", "Write source, object, command line and compiler output of every probe below DIR.", _WHERE
    ),
]
SandboxName = Annotated[
    str,
    _option(
        "--sandbox",
        "auto|docker|local",
        "Where compilers run. auto: in docker where it answers, else locally if the recipes ship with the tool.",
        _HOW,
    ),
]
Memory = Annotated[
    str | None, _option("--memory", "SIZE", "What one compile may use, as in 2GiB. Default: 4GiB.", _HOW)
]
Time = Annotated[
    float | None,
    _option(
        "--time",
        "SECONDS",
        "What one compile may take, by the clock and of the processor. Default: 120 by the clock, 60 of the processor.",
        _HOW,
        min=0.1,
    ),
]
Targets = Annotated[
    list[str] | None,
    _option(
        "--target",
        "NAME",
        f"Targets ({', '.join(TARGETS)}, or a full triple), repeated or with commas; all: every one that the recipe "
        "names. Default: the first that it names.",
        _WHAT,
    ),
]
Opts = Annotated[
    list[str] | None,
    _option(
        "--opt",
        "LEVEL",
        "Optimisation levels (0, 1, 2, 3, s, z), repeated or with commas. Default: the recipe's.",
        _WHAT,
    ),
]
ProfileName = Annotated[
    str, _option("--profile", "NAME", f"What the hypervisor can emulate: {', '.join(PROFILES)}.", _WHAT)
]
Defects = Annotated[
    list[str] | None,
    _option(
        "--defect",
        "KIND",
        "Only these kinds make a verdict bad, repeated or with commas. Default: all (see `explain`).",
        _WHAT,
        autocompletion=topic_names,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="KIND:FUNCTION[:ACCESS]",
        help="Only this defect of this function and access counts, as in writeback-post:store_then_step:store32+0; "
        "without ACCESS, of any. Repeatable.",
        rich_help_panel=_WHAT,
    ),
]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, envvar="MMIO_BISECT_JOBS", help="Probes at the same time.")
]
Prefetch = Annotated[
    int | None,
    _option(
        "--prefetch",
        "N",
        "Toolchains fetched ahead of their probes, in both halves. Default: 2; with --jobs 1 none.",
        min=0,
    ),
]
DiskBudget = Annotated[
    str | None,
    _option("--disk-budget", "SIZE", "Fetch nothing ahead that would make the store larger than this, as in 20GiB."),
]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask the series' source again: for its listing, and for what it did not have.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]

DEFAULT_PROFILE_NAME = DEFAULT_PROFILE.name
DEFAULT_SANDBOX = "auto"

_LEAST_MEMORY = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlaces:
    """Where compilers come from, and where they are kept."""

    store: Store = None
    series_file: SeriesFiles = None
    rust_repo: RustRepo = None
    repository: Repository = None

    def settings(self) -> Settings:
        return Settings(
            store=self.store,
            series_files=tuple(self.series_file or ()),
            rust_repo=self.rust_repo,
            repository=self.repository,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Where(SeriesPlaces):
    """Where all things are."""

    database: Database = None
    recipes: Recipes = None

    def settings_for(self, sandbox: str) -> Settings:
        return replace(self.settings(), database=self.database, recipes=self.recipes, sandbox=sandbox)


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """What is judged, and by what."""

    target: Targets = None
    opt: Opts = None
    defect: Defects = None
    profile: ProfileName = DEFAULT_PROFILE_NAME

    def selection(self) -> Selection:
        """Raises `UsageError`."""
        return Selection.of(self.target, self.opt, self.defect, self.profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """Where a compiler runs, and what it may use."""

    sandbox: SandboxName = DEFAULT_SANDBOX
    memory: Memory = None
    time: Time = None

    def bounds(self) -> Bounds:
        """Raises `UsageError`."""
        count = None if self.memory is None else size(self.memory)
        if count is not None and count < _LEAST_MEMORY:
            raise UsageError("No compiler runs in less than 64 MiB: give --memory more.")
        return Bounds(memory=count, seconds=self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing(How):
    """How many compilers run, after which listing, and what is kept of them."""

    jobs: Jobs = 2
    refresh: Refresh = False
    keep: Keep = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What is printed while it works, and at the end."""

    quiet: Quiet = False
    as_json: AsJson = False

    @property
    def say(self) -> Callable[[str], None] | None:
        """Where remarks go while it works; None: nowhere."""
        return None if self.quiet else output.note


def size(text: str) -> int:
    """Bytes. Raises `UsageError`."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
