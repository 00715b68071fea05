"""What `mmio-bisect.toml` may say: its tables and keys, and how sizes and times are written."""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticKnownError

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.sizes import parse_size

_DURATION = re.compile(r"(?=\d)(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+(?:\.\d+)?)s?)?")
_UNITS: Final = (86400, 3600, 60, 1)
_LEAST_MEMORY: Final = 64 << 20
_MOST_SECONDS: Final = 36500 * 86400
"""A century: more is beyond what a calendar can add to, or take from, today."""

_KEYS: Final[Mapping[str, str]] = {
    "first": "from", "last": "to", "opts": "opt", "seconds": "time", "count": "toolchain_count",
    "variable": "url_env", "file": "url_file",
}  # fmt: skip
"""The file's keys for fields that have another name."""


def _one_of(allowed: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"“{value}” is not one of {', '.join(allowed)}")
        return value

    return AfterValidator(check)


def _text(parse: Callable[[str], float]) -> BeforeValidator:
    def read(value: object) -> float:
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return parse(value)

    return BeforeValidator(read)


def _seconds(value: str) -> float:
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"“{value}” is not a time: write one with d, h, m and s, as in 1h 30m")
    seconds = sum(float(count or 0) * unit for count, unit in zip(found.groups(), _UNITS, strict=True))
    if seconds > _MOST_SECONDS:
        raise ValueError(f"“{value}” is more than a century (36500d): leave the key out where it is for ever")
    return seconds


def _below(path: Path, info: ValidationInfo) -> Path:
    return Path(info.context or "") / path


def database_below(url: str, base: Path) -> str:
    """A relative path of SQLite's, `sqlite:///history.db`, is relative to `base`."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.removeprefix(prefix) in {"", ":memory:"}:
        return url
    return f"{prefix}{base / url.removeprefix(prefix)}"


def _database(url: str, info: ValidationInfo) -> str:
    return database_below(url, Path(info.context or ""))


Place = Annotated[Path, AfterValidator(_below)]
"""Relative to the folder that is given as the context of the validation."""

Size = Annotated[int, _text(parse_size)]
Duration = Annotated[float, _text(_seconds)]
Positive = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """A table of the file, with the names and the defaults of the value that it becomes.

    None, which TOML cannot say, stands for what the file leaves out.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=lambda name: _KEYS.get(name, name)
    )

    def given(self, fields: Collection[str] | None = None) -> dict[str, Any]:
        """What the file says of these fields, or of all."""
        return {name: getattr(self, name) for name in self.model_fields_set if fields is None or name in fields}


class SeriesDefaults(Table):
    recipes: tuple[str, ...] | None = None
    targets: tuple[Annotated[str, _one_of(tuple(TARGETS))], ...] | None = None
    opts: tuple[Annotated[str, _one_of(tuple(OptLevel))], ...] | None = None
    profile: Annotated[str, _one_of(tuple(PROFILES))] | None = None
    descend: bool | None = None


class SeriesTable(SeriesDefaults):
    first: str | None = None
    last: str | None = None


class WatchTable(SeriesDefaults):
    schedule: str | None = None
    timezone: str | None = None
    jobs: Positive | None = None
    patience: Positive | None = None
    points_per_tick: Positive | None = None
    pauses: tuple[Annotated[float, Field(ge=0)], ...] | None = None
    source_pauses: tuple[Duration, ...] | None = None
    seconds: Duration | None = None
    downloads: Size | None = None
    builds: Annotated[int, Field(ge=0)] | None = None
    disk: Size | None = None
    reports: Place | None = None
    page: Place | None = None
    series: dict[str, SeriesTable] = {}


class LimitsTable(Table):
    memory: Size | None = None
    seconds: Duration | None = None
    output: Size | None = None
    object: Size | None = None
    processes: Positive | None = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.memory is not None and self.memory < _LEAST_MEMORY:
            raise ValueError("no compiler runs in less than 64MiB of memory")
        if self.seconds == 0:
            raise ValueError("no compiler runs in no time")
        return self


class RetentionTable(Table):
    toolchains: Duration | None = None
    count: Annotated[int, Field(ge=0)] | None = None
    runs: Duration | None = None
    ticks: Duration | None = None
    notices: Duration | None = None
    reports: Duration | None = None


class SecretTable(Table):
    variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: Place | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.variable is None) == (self.file is None):
            raise ValueError("write either url_env, the name of a variable, or url_file; an address itself is a secret")
        if re.search(r":/{1,2}", str(self.file or "")):  # a path has lost the second one
            raise ValueError("url_file is the path of a file that holds the address; an address itself is a secret")
        return self


class File(Table):
    database: Annotated[str, AfterValidator(_database)] | None = None
    store: Place | None = None
    recipes: Place | None = None
    series_files: tuple[Place, ...] | None = None
    rust_repo: Place | None = None
    repository: Place | None = None
    sandbox: Literal["auto", "docker", "local"] | None = None
    limits: LimitsTable = LimitsTable()
    retention: RetentionTable = RetentionTable()
    watch: WatchTable = WatchTable()
    notify: dict[str, SecretTable] = {}


def keys_at(path: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of the table at that place of the file."""
    table: type[Table] = File
    match path:
        case ("watch", "series", _):
            table = SeriesTable
        case ("watch", *_):
            table = WatchTable
        case ("limits",):
            table = LimitsTable
        case ("retention",):
            table = RetentionTable
        case ("notify", _):
            table = SecretTable
    return tuple(_KEYS.get(name, name) for name in table.model_fields)
