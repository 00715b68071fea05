"""`mmio-bisect.toml`: found as pyproject.toml is, read strictly, overridden by the environment.

The nearest one in the current folder or above it counts, or else the one in the user's configuration folder. Paths in
it are relative to it. An error names file, line and key, and what is allowed. Addresses of notices are secrets: the
file says in which variable or file they are, and nothing here reads them.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mmio_bisect.classify.profiles import PROFILES
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.target import TARGETS
from mmio_bisect.errors import InvalidConfigurationError
from mmio_bisect.workflow.configuration import Channel, Configuration, Secret, WatchedSeries

NAME: Final = "mmio-bisect.toml"

OVERRIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "MMIO_BISECT_DATABASE": ("database",),
    "MMIO_BISECT_STORE": ("store",),
    "MMIO_BISECT_RECIPES": ("recipes",),
    "MMIO_BISECT_SERIES_FILE": ("series_files",),
    "MMIO_BISECT_SANDBOX": ("sandbox",),
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
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)

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
# reports = "watch-reports"   # a folder for the report of each bisection
# page = "index.html"         # the history as a page, written anew after each tick
disk = "20GiB"                # the store is pruned to this after each tick

[watch.series.rust-nightly]
from = "2026-11-01"           # without it: from the newest on

# [notify.mail]               # an address as Apprise has them, such as mailtos://user:password@example.org
# url_env = "MAIL_URL"        # the name of a variable, or url_file = "path"
"""


def _list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _floats(value: object) -> object:
    """TOML's whole numbers too."""
    return tuple(float(one) if isinstance(one, int) else one for one in value) if isinstance(value, list) else value


def _one_of(allowed: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"“{value}” is none of {', '.join(allowed)}")
        return value

    return AfterValidator(check)


def _bytes(value: str) -> str:
    if _SIZE.fullmatch(value.strip()) is None:
        raise ValueError(f"“{value}” is no size: write one with K, M, G or T, as in 20GiB")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_list)]
Targets = Annotated[tuple[Annotated[str, _one_of(tuple(TARGETS))], ...], BeforeValidator(_list)]
Opts = Annotated[tuple[Annotated[str, _one_of(tuple(OptLevel))], ...], BeforeValidator(_list)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class _Series(_Strict):
    """None: as `[watch]` says."""

    first: str | None = Field(default=None, alias="from")
    last: str | None = Field(default=None, alias="to")
    recipes: Words | None = None
    targets: Targets | None = None
    opt: Opts | None = None


class _Watch(_Strict):
    schedule: str = "30 6 * * *"
    timezone: str = "UTC"
    recipes: Words = ("*",)
    targets: Targets = ()
    opt: Opts = ()
    profile: Annotated[str, _one_of(tuple(PROFILES))] = "arm-isv"
    jobs: Annotated[int, Field(ge=1)] = 2
    patience: Annotated[int, Field(ge=1)] = 3
    points_per_tick: Annotated[int, Field(ge=1)] = 14
    pauses: Annotated[tuple[Annotated[float, Field(ge=0)], ...], BeforeValidator(_floats)] = (1.0, 4.0)
    disk: Annotated[str, AfterValidator(_bytes)] | None = None
    reports: str = "watch-reports"
    page: str | None = None
    series: dict[str, _Series] = {}


class _Notify(_Strict):
    url_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    url_file: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("write either url_env, the name of a variable, or url_file; an address itself is a secret")
        return self


class _File(_Strict):
    database: str | None = None
    store: str | None = None
    recipes: str | None = None
    series_files: Words = ()
    sandbox: Literal["auto", "docker", "local"] = "auto"
    watch: _Watch = _Watch()
    notify: dict[str, _Notify] = {}


def find(start: Path, user_folder: Path) -> Path | None:
    """The file that counts for a process in the folder `start`, if there is one."""
    places = [*(folder / NAME for folder in (start, *start.parents)), user_folder / NAME]
    return next((place for place in places if place.is_file()), None)


def load(file: Path | None, environment: Mapping[str, str]) -> Configuration:
    """Raises `InvalidConfigurationError`."""
    text = _text(file)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfigurationError(f"{file} is no TOML: {error}.") from error
    named = _override(document, environment)
    try:
        return _configuration(_File.model_validate(document), file)
    except ValidationError as error:
        raise InvalidConfigurationError(_said(error, file, text, named)) from error


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
            words = [word.strip() for word in value.split(",")]
            inner[path[-1]] = words if path[-1] in _LISTS else int(value) if value.isdigit() else value
            named[path] = variable
    return named


def _configuration(read: _File, file: Path | None) -> Configuration:
    base = file.parent if file else Path()
    watch = read.watch
    return Configuration(
        file=file,
        database=_database(read.database, base),
        store=base / read.store if read.store else None,
        recipes=base / read.recipes if read.recipes else None,
        series_files=tuple(base / name for name in read.series_files),
        sandbox=read.sandbox,
        schedule=watch.schedule,
        timezone=watch.timezone,
        profile=watch.profile,
        jobs=watch.jobs,
        patience=watch.patience,
        points_per_tick=watch.points_per_tick,
        pauses=watch.pauses,
        disk=None if watch.disk is None else _size(watch.disk),
        reports=base / watch.reports,
        page=base / watch.page if watch.page else None,
        series=tuple(
            WatchedSeries(
                name=name,
                first=one.first,
                last=one.last,
                recipes=watch.recipes if one.recipes is None else one.recipes,
                targets=watch.targets if one.targets is None else one.targets,
                opts=watch.opt if one.opt is None else one.opt,
            )
            for name, one in watch.series.items()
        ),
        channels=tuple(
            Channel(
                name=name,
                address=Secret(variable=one.url_env, file=base / one.url_file if one.url_file else None),
            )
            for name, one in read.notify.items()
        ),
    )


def _database(url: str | None, base: Path) -> str | None:
    """A relative path of SQLite's, `sqlite:///history.db`, is relative to the file too."""
    prefix = "sqlite:///"
    if url is None or not url.startswith(prefix) or url.removeprefix(prefix) in {"", ":memory:"}:
        return url
    return f"{prefix}{base / url.removeprefix(prefix)}"


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    assert found is not None  # noqa: S101 - `_bytes` has looked
    return int(float(found[1]) * 1024 ** "_KMGT".index(found[2].upper() or "_"))


def _said(error: ValidationError, file: Path | None, text: str, named: Mapping[tuple[str, ...], str]) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    path = tuple(str(part) for part in problem["loc"] if isinstance(part, str))
    key = ".".join(path)
    variable = next((name for place, name in named.items() if path[: len(place)] == place), None)
    line = line_of(text, path)
    where = variable or f"{file}{f', line {line}' if line else ''}: {key}"
    if problem["type"] == "extra_forbidden":
        return f"{where} is no key that is known: there are {', '.join(_keys_at(path[:-1]))}."
    return f"{where}: {problem['msg'].removeprefix('Value error, ').replace('tuple', 'list')}."


def _keys_at(path: tuple[str, ...]) -> tuple[str, ...]:
    model: type[BaseModel] = _File
    for place, key in enumerate(path):
        if key == "watch":
            model = _Watch
        elif path[0] == "notify" and place == 1:
            model = _Notify
        elif path[0] == "watch" and place == 2:
            model = _Series
    return tuple(field.alias or name for name, field in model.model_fields.items())


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
