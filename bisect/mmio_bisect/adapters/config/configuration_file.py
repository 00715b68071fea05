"""`mmio-bisect.toml`: found as pyproject.toml is, read strictly, overridden by the environment.

The nearest one in the current folder or above it counts, or else the one in the user's configuration folder. Paths in
it are relative to it, those in variables to the current folder, as for every command. An error names file, line and
key, and what is allowed. Addresses of notices are secrets: the file says in which variable or file they are, and
nothing here reads them.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mmio_bisect.adapters.config.configuration_schema import File, SeriesDefaults, WatchTable, database_below, keys_at
from mmio_bisect.adapters.foreign_input import MALFORMED, read_toml, why
from mmio_bisect.errors import InvalidConfigurationError
from mmio_bisect.workflow.ports.sandbox import Bounds
from mmio_bisect.workflow.probing.budget import Allowance
from mmio_bisect.workflow.watch.configuration import (
    Channel,
    Configuration,
    Retention,
    Secret,
    WatchedSeries,
)

NAME: Final = "mmio-bisect.toml"

OVERRIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "MMIO_BISECT_DATABASE": ("database",),
    "MMIO_BISECT_STORE": ("store",),
    "MMIO_BISECT_RECIPES": ("recipes",),
    "MMIO_BISECT_SERIES_FILE": ("series_files",),
    "MMIO_BISECT_RUST_REPO": ("rust_repo",),
    "MMIO_BISECT_REPOSITORY": ("repository",),
    "MMIO_BISECT_SANDBOX": ("sandbox",),
    "MMIO_BISECT_MEMORY": ("limits", "memory"),
    "MMIO_BISECT_TIME": ("limits", "time"),
    "MMIO_BISECT_TARGET": ("watch", "targets"),
    "MMIO_BISECT_OPT": ("watch", "opt"),
    "MMIO_BISECT_PROFILE": ("watch", "profile"),
    "MMIO_BISECT_JOBS": ("watch", "jobs"),
    "MMIO_BISECT_SCHEDULE": ("watch", "schedule"),
    "MMIO_BISECT_TIMEZONE": ("watch", "timezone"),
    "MMIO_BISECT_REPORTS": ("watch", "reports"),
    "MMIO_BISECT_PAGE": ("watch", "page"),
}
"""Variables that stand in for keys; those that mean several values have commas."""

_LISTS: Final = frozenset({"series_files", "targets", "opt"})
_PATHS: Final = frozenset({"store", "recipes", "series_files", "rust_repo", "repository", "reports", "page"})
_NUMBERS: Final = frozenset({"jobs"})

TEMPLATE: Final = """\
# What mmio-bisect watches; `mmio-bisect config check` says whether this can be. Variables (MMIO_BISECT_DATABASE, …)
# override it.
# database = "sqlite:///history.db"
# store = "toolchains"
# sandbox = "auto"            # auto, docker or local

[watch]
schedule = "30 6 * * *"       # minute, hour, day, month, weekday, as in crontab
timezone = "UTC"
recipes = ["*"]               # names or files, with * and ?
opt = ["2"]                   # without it: each recipe's own levels
patience = 3                  # ticks that trouble lasts before it is told
points_per_tick = 14          # new toolchains of a series at most; of more, so many at even distances
pauses = [1, 4]               # seconds before a toolchain is asked for again within a tick
source_pauses = ["0s", "0s", "1d", "2d", "4d", "7d"] # how long a source is left alone after its 1st, 2nd, … failure
descend = false               # follow what was found into the finer series, down to the commit
# profile = "arm-isv"         # what the hypervisor can emulate
# reports = "watch-reports"   # a folder for the report of each bisection
# page = "index.html"         # the history as a page, written anew after each tick
time = "6h"                   # what a tick may spend at most; what is left over is done in the next one
downloads = "20GiB"
builds = 20                   # toolchains made from source, for descents
disk = "20GiB"                # the store is pruned to this after each tick

[watch.series.rust-nightly]
from = "2026-11-01"           # without it: from the newest on
# to, recipes, targets, opt, profile, descend: where they differ from [watch]

[limits]                      # of one compile
# memory = "4GiB"
# time = "2m"
# output = "1MiB"             # what the compiler may print
# object = "256MiB"           # any file that it may write
# processes = 256

[retention]                   # how long what nobody used since is kept; without it: for ever
toolchains = "90d"
# toolchain_count = 50        # of these so many, the last used ones
# runs = "730d"                 # bisections' own records; outcomes, objects and verdicts are kept, they are the history
ticks = "365d"
# notices = "730d"              # those that were delivered
# reports = "730d"              # the files in the folder of reports

# [notify.mail]               # an address as Apprise has them, such as mailtos://user:password@example.org
# url_env = "MAIL_URL"        # the name of a variable, or url_file = "path"
"""


def find(start: Path, user_folder: Path) -> Path | None:
    """The file that counts for a process in the folder `start`, if there is one."""
    places = [*(folder / NAME for folder in (start, *start.parents)), user_folder / NAME]
    return next((place for place in places if place.is_file()), None)


def load(file: Path | None, environment: Mapping[str, str]) -> Configuration:
    """Raises `InvalidConfigurationError`."""
    text = _text(file)
    try:
        document = read_toml(text)
    except MALFORMED as error:
        raise InvalidConfigurationError(f"{file} is not valid TOML: {why(error)}.") from error
    named = _override(document, environment)
    base = file.parent if file else Path()
    try:
        # In strict mode pydantic takes a list for a tuple and a text for a path from JSON alone. It has no dates, and
        # neither has the file: an empty table in a date's place is refused wherever it stands.
        read = File.model_validate_json(json.dumps(document, default=lambda _: {}), context=base)
        return _configuration(read, file, base)
    except ValidationError as error:
        raise InvalidConfigurationError(_explain(error, file, text, named)) from error
    except MALFORMED as error:
        raise InvalidConfigurationError(f"{file} cannot be read: {why(error)}.") from error


def _text(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfigurationError(
            f"{file} cannot be read ({error}): mend it, or name another with MMIO_BISECT_CONFIG."
        ) from error


def _override(document: dict[str, Any], environment: Mapping[str, str]) -> Mapping[tuple[str, ...], str]:
    """Put the variables' values into the document; which variable each key came from."""
    named = {}
    for variable, path in OVERRIDES.items():
        value = environment.get(variable)
        if not value:
            continue
        inner: object = document
        for key in path[:-1]:
            inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = _meant(path[-1], value)
            named[path] = variable
    return named


def _meant(key: str, value: str) -> object:
    """A variable's value as the file would have it."""
    if key in _LISTS:
        words = [word.strip() for word in value.split(",")]
        return [_here(word) for word in words] if key in _PATHS else words
    if key == "database":
        return database_below(value, Path.cwd())
    if key in _PATHS:
        return _here(value)
    return int(value) if key in _NUMBERS and value.isdecimal() else value


def _here(path: str) -> str:
    return str(Path(path).absolute())


def _configuration(read: File, file: Path | None, base: Path) -> Configuration:
    """What the file leaves out is as the values have it."""
    watch = read.watch
    of_series, budget = SeriesDefaults.model_fields.keys(), {"seconds", "downloads", "builds"}
    of_watch = WatchTable.model_fields.keys() - of_series - budget - {"series"} | {"profile"}
    return Configuration(
        file=file,
        **read.given(File.model_fields.keys() - {"limits", "retention", "watch", "notify"}),
        **{"reports": base / "watch-reports"} | watch.given(of_watch),
        limits=Bounds(**read.limits.given()),
        budget=Allowance(**watch.given(budget)),
        retention=Retention(**read.retention.given()),
        series=tuple(
            WatchedSeries(name=name, **watch.given(of_series) | one.given()) for name, one in watch.series.items()
        ),
        channels=tuple(Channel(name=name, address=Secret(**one.given())) for name, one in read.notify.items()),
    )


def _explain(error: ValidationError, file: Path | None, text: str, named: Mapping[tuple[str, ...], str]) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    path = tuple(str(part) for part in problem["loc"] if isinstance(part, str))
    key = ".".join(path)
    variable = next((name for place, name in named.items() if path[: len(place)] == place), None)
    line = line_of(text, path)
    where = variable or f"{file}{f', line {line}' if line else ''}: {key}"
    if problem["type"] == "extra_forbidden":
        return f"{where} is not a known key: there are {', '.join(keys_at(path[:-1]))}."
    said = problem["msg"].removeprefix("Value error, ").replace("array", "list").replace("an object", "a table")
    return f"{where}: {said}."


_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+(?:\s*\.\s*[A-Za-z0-9_\"'-]+)*)\s*=")


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Where a key, or else the nearest table around it, is written; tomllib does not say. Lines count from 1."""
    table: tuple[str, ...] = ()
    found: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            here = table = _parts(header[1])
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if path[: len(here)] == here and (found is None or len(here) > found[0]):
            found = (len(here), number)
    return None if found is None else found[1]


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
