"""What the watch is told: a configuration as a value, whichever file and variables it came from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSeries:
    """One series: points from `first` (None: from the newest of the first tick on) to `last` (None: all to come).

    `recipes` are globs over names and file names; an empty `targets` or `opts` means each recipe's own.
    """

    name: str
    first: str | None
    last: str | None
    recipes: tuple[str, ...]
    targets: tuple[str, ...]
    opts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where something secret is: in a variable of the environment or in a file. The secret itself is in no value."""

    variable: str | None
    file: Path | None

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
    within a tick.
    """

    file: Path | None
    database: str | None
    store: Path | None
    recipes: Path | None
    series_files: tuple[Path, ...]
    sandbox: str
    schedule: str
    timezone: str
    profile: str
    jobs: int
    patience: int
    points_per_tick: int
    pauses: tuple[float, ...]
    disk: int | None
    reports: Path
    page: Path | None
    series: tuple[WatchedSeries, ...]
    channels: tuple[Channel, ...]
