"""What the watch is told: a configuration as a value, whichever file and variables it came from."""

from dataclasses import dataclass
from pathlib import Path

from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE
from mmio_bisect.workflow.ports.sandbox import Bounds
from mmio_bisect.workflow.probing.budget import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSeries:
    """One series: points from `first` (None: from the newest of the first tick on) to `last` (None: all to come).

    `recipes` are globs over names and file names; an empty `targets` or `opts` means each recipe's own. `descend`: what
    is found is followed into the finer series.
    """

    name: str
    first: str | None = None
    last: str | None = None
    recipes: tuple[str, ...] = ("*",)
    targets: tuple[str, ...] = ()
    opts: tuple[str, ...] = ()
    profile: str = DEFAULT_PROFILE.name
    descend: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how many seconds what is used no more is kept; None: for ever. `count` is of toolchains."""

    toolchains: float | None = None
    count: int | None = None
    runs: float | None = None
    ticks: float | None = None
    notices: float | None = None
    reports: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where something secret is: in a variable of the environment or in a file. The secret itself is in no value."""

    variable: str | None = None
    file: Path | None = None

    def __str__(self) -> str:
        return f"${self.variable}" if self.variable else str(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A place that notices go to; `address` holds its URL as Apprise writes them."""

    name: str
    address: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """`file` is where it stands, None: nowhere, all is default. Sizes in bytes; None: the tool's default, or no bound.

    `patience`: for how many ticks trouble, and for how many toolchains a flapping verdict, must last to be news.
    `points_per_tick`: so many new toolchains of a series are probed at most. `pauses`: seconds before further tries
    within a tick. `source_pauses`: seconds for which a source is left alone after its first failure, its second, …; the
    last counts for all that follow. `budget` is of a tick.
    """

    file: Path | None
    database: str | None = None
    store: Path | None = None
    recipes: Path | None = None
    series_files: tuple[Path, ...] = ()
    rust_repo: Path | None = None
    repository: Path | None = None
    sandbox: str = "auto"
    limits: Bounds
    schedule: str = "30 6 * * *"
    timezone: str = "UTC"
    profile: str = DEFAULT_PROFILE.name
    jobs: int = 2
    patience: int = 3
    points_per_tick: int = 14
    pauses: tuple[float, ...] = (1.0, 4.0)
    source_pauses: tuple[float, ...] = (0.0, 0.0, *(86400.0 * days for days in (1, 2, 4, 7)))
    budget: Allowance
    retention: Retention
    disk: int | None = None
    reports: Path
    page: Path | None = None
    series: tuple[WatchedSeries, ...] = ()
    channels: tuple[Channel, ...] = ()
