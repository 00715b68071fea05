"""Series as data: which there are, of what kind, and what makes each different, read from TOML.

What stands at the top of a file holds for all its series, `[series.NAME]` overrides it, and a user's files override
what ships (`user_files`). Adding a kind of series is one line in `KINDS`; adding a series is none. A kind's module is
imported when one of its series is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from mmio_bisect.adapters.foreign_input import MALFORMED, read_toml, why
from mmio_bisect.adapters.series.kind import Builds, Read, SeriesConfig, SourceContext
from mmio_bisect.adapters.series.rust_endpoints import RustEndpoints
from mmio_bisect.errors import InvalidSeriesFileError, from_os_error
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.series import SeriesSource

SHIPPED: Final = Path(__file__).with_name("shipped")

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "zig": ("zig", "ZigConfig"),
    "debian": ("debian", "DebianConfig"),
    "git": ("git_commits", "GitConfig"),
    "image": ("image", "ImageConfig"),
    "installed": ("installed", "InstalledConfig"),
    "rust-releases": ("rust_releases", "RustReleasesConfig"),
    "rust-nightly": ("rust_nightly", "RustNightlyConfig"),
    "rust-ci": ("rust_ci", "RustCiConfig"),
}
"""The module of each kind, and the name of its configuration in it."""

_T = TypeVar("_T")


def config_type(kind: str) -> type[SeriesConfig]:
    module, name = KINDS[kind]
    found: type[SeriesConfig] = getattr(import_module(f"{__package__}.{module}"), name)
    return found


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Series by name: `tables` are what files say of them; `configs` are those that are made already."""

    tables: Mapping[str, Mapping[str, Any]]
    configs: dict[str, SeriesConfig] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.tables))

    def config(self, name: str) -> SeriesConfig:
        if name not in self.configs:
            values = dict(self.tables[name])
            self.configs[name] = trusted(config_type(values.pop("kind")), values)
        return self.configs[name]

    def source(
        self,
        name: str,
        *,
        folder: Path,
        image_builder: ImageBuilder,
        warn: Callable[[str], None],
        rust: RustEndpoints,
        builds: Builds,
    ) -> SeriesSource:
        kind = self.tables[name]["kind"]
        context = SourceContext(
            folder=folder,
            image_builder=image_builder,
            warn=warn,
            rust=rust,
            builds=builds,
            siblings=lambda: tuple(self.config(one) for one in self.names() if self.tables[one]["kind"] == kind),
        )
        return self.config(name).source(name, context)


@cache
def shipped_catalogue() -> Catalogue:
    return Catalogue(tables={name: table for path in sorted(SHIPPED.glob("*.toml")) for name, table in tables_of(path)})


def tables_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each series of a file with the file's own level below it. Raises `InvalidSeriesFileError`."""
    try:
        document = read_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise from_os_error(
            error, f"The series file {path} cannot be read", InvalidSeriesFileError, "give another with --series-file"
        ) from error
    except MALFORMED as error:
        raise InvalidSeriesFileError(f"{path} is not valid TOML: {why(error)}.") from error
    series = document.pop("series", None)
    if not isinstance(series, dict) or not series:
        raise InvalidSeriesFileError(f"{path} has no series: write `[series.NAME]` and below it what the series is.")
    for name, values in series.items():
        if not isinstance(values, dict):
            raise InvalidSeriesFileError(f"{path}: series.{name} is not a table: write `[series.{name}]`.")
        yield name, merged(document, values)


def merged(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Inner values in place of outer ones; tables key by key."""
    both = dict(outer)
    for key, value in inner.items():
        tables = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if tables else value
    return both


def trusted(target: type[_T], values: Mapping[str, Any]) -> _T:
    """The dataclass of a table that ships with the tool, whose values have the types that its fields say."""
    hints = get_type_hints(target, include_extras=True)
    return target(**{key: _converted(value, hints[key]) for key, value in values.items()})


def _converted(value: Any, hint: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """TOML has lists, tables and texts where a field has a tuple, a dataclass, an enum or what `Read` makes."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        reader = next((part for part in parts if isinstance(part, Read)), None)
        return _converted(value, parts[0]) if reader is None else reader.function(value)
    if origin in {Union, UnionType}:
        return _converted(value, next(part for part in parts if part is not NoneType))
    if isinstance(value, list):
        return tuple(_converted(one, parts[0]) for one in value)
    if origin is not None:
        return {key: _converted(one, parts[1]) for key, one in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return trusted(hint, value)
    return hint(value) if issubclass(hint, Enum) else value
