"""What `mmio-bisect.toml` may say: its tables and keys, and how sizes and times are written."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.sizes import parse_size

_DURATION = re.compile(r"(?=\d)(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+(?:\.\d+)?)s?)?")
_UNITS: Final = (86400, 3600, 60, 1)
_LEAST_MEMORY: Final = 64 << 20
_SOURCE_PAUSES: Final = (0.0, 0.0, *(86400.0 * days for days in (1, 2, 4, 7)))
_MOST_SECONDS: Final = 36500 * 86400
"""A century: more is beyond what a calendar can add to, or take from, today."""


def _list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _floats(value: object) -> object:
    """TOML's whole numbers too."""
    return tuple(float(one) if isinstance(one, int) else one for one in value) if isinstance(value, list) else value


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


Size = Annotated[int, _text(parse_size)]
Duration = Annotated[float, _text(_seconds)]
Words = Annotated[tuple[str, ...], BeforeValidator(_list)]
Targets = Annotated[tuple[Annotated[str, _one_of(tuple(TARGETS))], ...], BeforeValidator(_list)]
Opts = Annotated[tuple[Annotated[str, _one_of(tuple(OptLevel))], ...], BeforeValidator(_list)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Series(_Strict):
    """None: as `[watch]` says."""

    first: str | None = Field(default=None, alias="from")
    last: str | None = Field(default=None, alias="to")
    recipes: Words | None = None
    targets: Targets | None = None
    opt: Opts | None = None
    profile: Annotated[str, _one_of(tuple(PROFILES))] | None = None
    descend: bool | None = None


class Watch(_Strict):
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
    source_pauses: Annotated[tuple[Duration, ...], BeforeValidator(_list)] = _SOURCE_PAUSES
    descend: bool = False
    time: Duration | None = None
    downloads: Size | None = None
    builds: Annotated[int, Field(ge=0)] | None = None
    disk: Size | None = None
    reports: str = "watch-reports"
    page: str | None = None
    series: dict[str, Series] = {}


class Limits(_Strict):
    """The fields are those of `Bounds`."""

    memory: Size | None = None
    seconds: Duration | None = Field(default=None, alias="time")
    output: Size | None = None
    object: Size | None = None
    processes: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.memory is not None and self.memory < _LEAST_MEMORY:
            raise ValueError("no compiler runs in less than 64MiB of memory")
        if self.seconds == 0:
            raise ValueError("no compiler runs in no time")
        return self


class RetentionTable(_Strict):
    """The fields are those of `Retention`."""

    toolchains: Duration | None = None
    count: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="toolchain_count")
    runs: Duration | None = None
    ticks: Duration | None = None
    notices: Duration | None = None
    reports: Duration | None = None


class Notify(_Strict):
    url_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    url_file: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("write either url_env, the name of a variable, or url_file; an address itself is a secret")
        return self


class File(_Strict):
    database: str | None = None
    store: str | None = None
    recipes: str | None = None
    series_files: Words = ()
    rust_repo: str | None = None
    repository: str | None = None
    sandbox: Literal["auto", "docker", "local"] = "auto"
    limits: Limits = Limits()
    retention: RetentionTable = RetentionTable()
    watch: Watch = Watch()
    notify: dict[str, Notify] = {}


_TABLES: Final[Mapping[str, type[BaseModel]]] = {"watch": Watch, "limits": Limits, "retention": RetentionTable}


def keys_at(path: tuple[str, ...]) -> tuple[str, ...]:
    model: type[BaseModel] = File
    for place, key in enumerate(path):
        if place == 0 and key in _TABLES:
            model = _TABLES[key]
        elif path[0] == "notify" and place == 1:
            model = Notify
        elif path[0] == "watch" and place == 2:
            model = Series
    return tuple(field.alias or name for name, field in model.model_fields.items())
