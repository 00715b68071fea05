"""Series as data: which there are, of what kind, and what makes each different, read from TOML with a strict schema.

What stands at the top of a file holds for all its series, `[series.NAME]` overrides it, and a user's files override
what ships. A key that no schema knows is an error that names the file and the key. Adding a kind of series is one line
in `KINDS`; adding a series is none.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mmio_bisect.adapters.series.debian_index import SuiteIndex
from mmio_bisect.adapters.series.rust_endpoints import ELSEWHERE, RustPlaces
from mmio_bisect.adapters.series.schema import (
    DebianSchema,
    GitSchema,
    ImageSchema,
    InstalledSchema,
    RustCiSchema,
    RustNightlySchema,
    RustSchema,
    SeriesSchema,
    ZigSchema,
    index_names,
)
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.errors import InvalidSeriesFileError
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.sandbox import BuildSandbox
from mmio_bisect.workflow.ports.series import RunsIn, SeriesSource
from mmio_bisect.workflow.probing.ranges import nearest

SHIPPED: Final = Path(__file__).with_name("shipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Builds:
    """What series of commits are built with: `folder` has clones, work trees and logs; `given` is a user's clone."""

    build_sandbox: BuildSandbox
    folder: Path
    given: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What sources are made with: `warn` is given sentences for the user, `folder` is where listings are kept."""

    folder: Path
    image_builder: ImageBuilder
    warn: Callable[[str], None]
    index: Callable[[], SuiteIndex]
    rust: RustPlaces
    builds: Builds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of series: the schema of its data, where it runs, and how its source is made of them.

    `costs_to_list`: the first listing takes half a minute and more, or clones a repository.
    """

    schema: type[SeriesSchema]
    runs_in: RunsIn
    make: Callable[[str, Any, SourceContext], SeriesSource]
    costs_to_list: bool = False


def _zig(_name: str, _schema: ZigSchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.zig import ZigSeries  # noqa: PLC0415 - only what is asked for is loaded

    return ZigSeries(bench.folder, warn=bench.warn)


def _debian(name: str, schema: DebianSchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.debian import DebianSeries  # noqa: PLC0415 - imported on demand

    return DebianSeries(schema.config(name), bench.index(), bench.image_builder, warn=bench.warn)


def _git(name: str, schema: GitSchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.git.repository import Repository  # noqa: PLC0415
    from mmio_bisect.adapters.series.git_commits import GitSeries  # noqa: PLC0415 - imported on demand

    builds = bench.builds
    assert builds is not None  # noqa: S101 - whoever asks for a series that is built says where
    place = f"{name}-{digest_of(str(builds.given.resolve() if builds.given else schema.url).encode())[7:15]}"
    repository = Repository(
        own=builds.folder / "clones" / place,
        url=schema.url,
        trees=builds.folder / "trees" / place,
        given=builds.given,
        ref=schema.ref,
        say=bench.warn,
    )
    return GitSeries(schema.config(name), repository, builds.build_sandbox, builds.folder, cache=place)


def _image(name: str, schema: ImageSchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.image import ImageSeries  # noqa: PLC0415 - imported on demand

    return ImageSeries(schema.config(name), bench.image_builder)


def _installed(name: str, schema: InstalledSchema, _bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.installed import InstalledSeries  # noqa: PLC0415 - imported on demand

    return InstalledSeries(schema.config(name))


def _rust_releases(name: str, schema: RustSchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.rust_dist import RustReleaseSeries  # noqa: PLC0415 - imported on demand

    return RustReleaseSeries(name, schema.summary, schema.dist(bench.rust), bench.folder, warn=bench.warn)


def _rust_nightly(name: str, schema: RustNightlySchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.rust_dist import RustNightlySeries  # noqa: PLC0415 - imported on demand

    def day_of_commit(word: str) -> date | None:
        merges = bench.rust.log(schema.repository).merges()
        return next((merge.merged.date() for merge in merges if merge.commit.startswith(word)), None)

    return RustNightlySeries(name, schema.summary, schema.dist(bench.rust), day_of_commit=day_of_commit)


def _rust_ci(name: str, schema: RustCiSchema, bench: SourceContext) -> SeriesSource:
    from mmio_bisect.adapters.series.rust_ci import RustCiSeries  # noqa: PLC0415 - imported on demand

    web = schema.repository.removesuffix(".git") if schema.repository.startswith("http") else None
    return RustCiSeries(name, schema.summary, schema.ci(bench.rust), lambda: bench.rust.log(schema.repository), web=web)


KINDS: Final[Mapping[str, Kind]] = {
    "zig": Kind(schema=ZigSchema, runs_in=RunsIn.ANY, make=_zig),
    "debian": Kind(schema=DebianSchema, runs_in=RunsIn.DOCKER, make=_debian, costs_to_list=True),
    "git": Kind(schema=GitSchema, runs_in=RunsIn.ANY, make=_git, costs_to_list=True),
    "image": Kind(schema=ImageSchema, runs_in=RunsIn.DOCKER, make=_image, costs_to_list=True),
    "installed": Kind(schema=InstalledSchema, runs_in=RunsIn.HOST, make=_installed),
    "rust-releases": Kind(schema=RustSchema, runs_in=RunsIn.ANY, make=_rust_releases),
    "rust-nightly": Kind(schema=RustNightlySchema, runs_in=RunsIn.ANY, make=_rust_nightly),
    "rust-ci": Kind(schema=RustCiSchema, runs_in=RunsIn.ANY, make=_rust_ci, costs_to_list=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One series of the catalogue, its data checked."""

    name: str
    kind: Kind
    schema: SeriesSchema

    @property
    def family(self) -> CompilerFamily:
        return self.schema.family


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The series of the shipped files and of `files`, which override them. Raises `InvalidSeriesFileError`."""

    files: Sequence[Path] = ()
    shipped: Path = field(default=SHIPPED)

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        levels: dict[str, dict[str, Any]] = {}
        for path in (*sorted(self.shipped.glob("*.toml")), *self.files):
            for name, values in _read(path):
                levels[name] = _merged(levels.get(name, {}), values)
                _entry(path, name, levels[name])
        return {name: _entry(None, name, values) for name, values in sorted(levels.items())}

    def source(
        self,
        name: str,
        *,
        folder: Path,
        image_builder: ImageBuilder,
        warn: Callable[[str], None],
        rust: RustPlaces = ELSEWHERE,
        builds: Builds | None = None,
    ) -> SeriesSource:
        entry = self.entries[name]
        bench = SourceContext(
            folder=folder,
            image_builder=image_builder,
            warn=warn,
            index=lambda: self._index(folder, image_builder, warn),
            rust=rust,
            builds=builds,
        )
        return entry.kind.make(name, entry.schema, bench)

    def _index(self, folder: Path, image_builder: ImageBuilder, warn: Callable[[str], None]) -> SuiteIndex:
        """One for all series, so that a suite is asked once."""
        names, foreign = index_names(
            entry.schema for entry in self.entries.values() if isinstance(entry.schema, DebianSchema)
        )
        return SuiteIndex(image_builder, folder, names=names, foreign=foreign, warn=warn)


@cache
def catalogue_of(files: tuple[Path, ...]) -> Catalogue:
    """The shipped series and those files' in one catalogue, read once."""
    return Catalogue(files=files)


def _read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each series of a file with the file's own level below it."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSeriesFileError(
            f"The series file {path} cannot be read ({error.strerror}): give another with --series-file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSeriesFileError(f"{path} is no TOML: {error}.") from error
    series = document.pop("series", None)
    if not isinstance(series, dict) or not series:
        raise InvalidSeriesFileError(f"{path} has no series: write `[series.NAME]` and below it what the series is.")
    for name, values in series.items():
        if not isinstance(values, dict):
            raise InvalidSeriesFileError(f"{path}: series.{name} is not a table: write `[series.{name}]`.")
        yield name, _merged(document, values)


def _merged(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Inner values in place of outer ones; tables key by key."""
    merged = dict(outer)
    for key, value in inner.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _entry(path: Path | None, name: str, values: Mapping[str, Any]) -> Entry:
    where = f"{path}: series.{name}"
    known = dict(values)
    word = known.pop("kind", None)
    kind = KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        raise InvalidSeriesFileError(
            f"{where} has no kind that is known ({word!r}): write kind = one of {', '.join(KINDS)}."
        )
    if ":" in name or "@" in name or not name.isprintable() or " " in name:
        raise InvalidSeriesFileError(f"{where}: a name has no space, colon or @: ranges are written SERIES:FROM..TO.")
    try:
        return Entry(name=name, kind=kind, schema=kind.schema.model_validate(known))
    except ValidationError as error:
        raise InvalidSeriesFileError(f"{where}{_first_problem(error, kind.schema)}") from error


def _first_problem(error: ValidationError, schema: type[SeriesSchema]) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        if len(problem["loc"]) > 1:
            return f".{key} is not a key of a {problem['loc'][0]}: see the README for those that are."
        near = nearest(str(problem["loc"][-1]), tuple(schema.model_fields))
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(('kind', *schema.model_fields))}."
        return f".{key} is not a key of this kind of series: {hint}"
    if problem["type"] == "missing":
        return f" lacks {key}: add it."
    said = problem["msg"].removeprefix("Value error, ").replace("tuple", "list")
    return f"{'.' if key else ''}{key}: {said}."
