"""What a series file may say, kind by kind, checked before anything is asked, fetched or run with it."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.series.debian import DebianConfig
from mmio_bisect.adapters.series.debian_index import SOURCE_LINE, Suite
from mmio_bisect.adapters.series.git_config import GitConfig
from mmio_bisect.adapters.series.image import ImageConfig, expanded
from mmio_bisect.adapters.series.installed import InstalledConfig
from mmio_bisect.adapters.series.rust_endpoints import RustBuilds, RustPlaces, RustServer
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.sizes import parse_size
from mmio_bisect.workflow.bisect.descend import Handle
from mmio_bisect.workflow.ports.sandbox import BuildRequirements

# What a pattern of package names needs; it becomes part of a script, so it has nothing that would end a quoted word.
_PATTERN: Final = re.compile(r"[A-Za-z0-9.+()?|\\<>:*\[\]-]+")
_PACKAGE: Final = re.compile(r"[a-z0-9.+-]+(:[a-z0-9]+)?")
_SUITE: Final = re.compile(r"[a-z][a-z0-9-]*")


def _families(value: object) -> object:
    """TOML has no enums."""
    if isinstance(value, str):
        if value not in set(CompilerFamily):
            raise ValueError(f"“{value}” is not a family of compilers; there are {', '.join(CompilerFamily)}")
        return CompilerFamily(value)
    return value


def _handles(value: object) -> object:
    if isinstance(value, str):
        if value not in set(Handle):
            raise ValueError(f"“{value}” is nothing that a point is called by; there are {', '.join(Handle)}")
        return Handle(value)
    return value


def _tuple(value: object) -> object:
    """Nor tuples."""
    return tuple(value) if isinstance(value, list) else value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"“{value}” is not a regular expression ({error})") from error
    if not _PATTERN.fullmatch(value):
        raise ValueError(f"“{value}” has letters that no pattern of package names needs")
    return value


def _suite(value: str) -> str:
    if not _SUITE.fullmatch(value):
        raise ValueError(f"“{value}” is not a suite's name")
    return value


def _source_line(value: str) -> str:
    if not SOURCE_LINE.fullmatch(value):
        raise ValueError(f"“{value}” is not a line for apt: write deb ADDRESS RELEASE COMPONENT")
    return value


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"“{value}” is not an address: begin it with https:// or http://")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
Family = Annotated[CompilerFamily, BeforeValidator(_families)]
Words = Annotated[tuple[str, ...], BeforeValidator(_tuple)]
SuiteName = Annotated[str, AfterValidator(_suite)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FinerSchema(_Strict):
    """Where a descent goes from a series: fields as in `workflow.descend.Finer`."""

    series: str
    by: Annotated[Handle, BeforeValidator(_handles)]
    usually: Annotated[int, Field(gt=1)]


class SeriesSchema(_Strict):
    """What every series says; `finer` is the series that has points between its own.

    `stand_in`: for compilers that read no IR the series of clangs, named by LLVM's version, that do it for them.
    """

    family: Family
    finer: FinerSchema | None = None
    stand_in: str | None = None


class ZigSchema(SeriesSchema):
    family: Family = CompilerFamily.CLANG


class SuiteSchema(_Strict):
    base: SuiteName | None = None
    sources: Annotated[tuple[Annotated[str, AfterValidator(_source_line)], ...], BeforeValidator(_tuple)] = ()

    @model_validator(mode="after")
    def _grounded(self) -> Self:
        if self.sources and self.base is None:
            raise ValueError("sources are added to a base: write base = a suite of Debian's")
        return self


class DebianSchema(SeriesSchema):
    """Fields as in `DebianConfig`; `suite` says more of suites that need it."""

    summary: str
    suites: Annotated[tuple[SuiteName, ...], BeforeValidator(_tuple), Field(min_length=1)]
    suite: dict[SuiteName, SuiteSchema] = {}
    package: Annotated[str, AfterValidator(_pattern)]
    tool: str
    install: Words
    unpack: Words = ()
    llvm: str | None = None
    arguments: Words = ()

    @model_validator(mode="after")
    def _templates(self) -> Self:
        words = dict.fromkeys((*re.compile(self.package).groupindex, "version", "minor"), "1")
        for text in (self.tool, *self.install, *self.unpack, *([self.llvm] if self.llvm else [])):
            try:
                filled = text.format(**words)
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(f"“{text}” cannot be filled in: it may name {', '.join(words)} in braces") from error
            if text is not self.tool and not _PACKAGE.fullmatch(filled):
                raise ValueError(f"“{text}” is not a package's name")
        if not self.tool.startswith("/"):
            raise ValueError(f"the tool “{self.tool}” is not a path in the image: begin it with /")
        return self

    def config(self, name: str) -> DebianConfig:
        suites = tuple(
            Suite(name=suite, base=more.base, sources=more.sources)
            for suite in self.suites
            for more in [self.suite.get(suite, SuiteSchema())]
        )
        return DebianConfig(
            name=name,
            family=self.family,
            summary=self.summary,
            suites=suites,
            package=self.package,
            tool=self.tool,
            install=self.install,
            unpack=self.unpack,
            llvm=self.llvm,
            arguments=self.arguments,
        )

    @property
    def templates(self) -> tuple[str, ...]:
        return (*self.install, *self.unpack, *([self.llvm] if self.llvm else []))


def index_names(schemas: Iterable[DebianSchema]) -> tuple[str, tuple[str, ...]]:
    """A pattern of all packages that these series look at, and all foreign architectures that they name."""
    names: set[str] = set()
    foreign: set[str] = set()
    for schema in schemas:
        names.add(schema.package)
        for template in schema.templates:
            name, _, architecture = template.partition(":")
            names.add(re.sub(r"\\?\{\w+\\?\}", "[a-z0-9.+-]*", re.escape(name).replace(r"\-", "-")))
            foreign |= {architecture} - {""}
    # Perl has no two groups of one name in one pattern.
    return "|".join(sorted(re.sub(r"\?P<\w+>", "", name) for name in names)), tuple(sorted(foreign))


class ImageSchema(SeriesSchema):
    """Fields as in `ImageConfig`; `{a..b}` in an image stands for all numbers from a to b."""

    summary: str
    images: Annotated[tuple[str, ...], BeforeValidator(_tuple), Field(min_length=1)]
    tool: Words
    arguments: Words = ()

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, values: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        if isinstance(values, dict) and isinstance(values.get("tool"), str):
            return values | {"tool": (values["tool"],)}
        return values

    @model_validator(mode="after")
    def _sound(self) -> Self:
        expanded(self.images)
        if not self.tool or not self.tool[0].startswith("/"):
            raise ValueError("the tool is not a path in the image: begin it with /")
        return self

    def config(self, name: str) -> ImageConfig:
        return ImageConfig(
            name=name,
            family=self.family,
            summary=self.summary,
            references=expanded(self.images),
            tool=self.tool,
            arguments=self.arguments,
        )


_UNIT: Final = re.compile(r"[KMGT]i?B$")
_PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*")


def _bytes(value: object) -> object:
    if isinstance(value, str) and _UNIT.search(value):
        return parse_size(value)
    raise ValueError(f"“{value}” is not a size: write one with its unit, as in 2GiB")


def _inside(value: str) -> str:
    if not _PATH.fullmatch(value) or ".." in value.split("/"):
        raise ValueError(f"“{value}” is not a path below the folder that is built in")
    return value


def _package(value: str) -> str:
    if not _PACKAGE.fullmatch(value):
        raise ValueError(f"“{value}” is not a package's name")
    return value


Size = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
Inside = Annotated[str, AfterValidator(_inside)]


class GitSchema(SeriesSchema):
    """Fields as in `GitConfig`; `suite`, `packages`, `memory`, `minutes`, `disk` and `ccache` are the room of a build.

    `ccache` is the size of its cache: where ccache is installed, compilers are called through it.
    """

    summary: str
    url: str
    link: str | None = None
    ref: str = "HEAD"
    merges_by: Words = ()
    tagged: str | None = None
    paths: Words = ()
    suite: SuiteName = "trixie"
    packages: Annotated[tuple[Annotated[str, AfterValidator(_package)], ...], BeforeValidator(_tuple)] = ()
    build: Annotated[tuple[str, ...], BeforeValidator(_tuple), Field(min_length=1)]
    in_tree: bool = False
    products: Annotated[tuple[Inside, ...], BeforeValidator(_tuple), Field(min_length=1)]
    tool: Inside
    arguments: Words = ()
    seconds: Annotated[float, Field(gt=0, strict=False)]
    memory: Size
    minutes: Annotated[float, Field(gt=0, strict=False)]
    disk: Size
    ccache: Size | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not any(self.tool == product or self.tool.startswith(f"{product}/") for product in self.products):
            raise ValueError(f"the tool {self.tool} is not among the products")
        if self.link is not None and "{commit}" not in self.link:
            raise ValueError("a link needs {commit} in it")
        if self.ref.startswith("-"):
            raise ValueError(f"“{self.ref}” is not a branch")
        return self

    def config(self, name: str) -> GitConfig:
        return GitConfig(
            name=name,
            family=self.family,
            summary=self.summary,
            url=self.url,
            link=self.link,
            ref=self.ref,
            merges_by=self.merges_by,
            tagged=self.tagged,
            paths=self.paths,
            build=self.build,
            in_tree=self.in_tree,
            products=self.products,
            tool=(self.tool,),
            arguments=self.arguments,
            seconds=self.seconds,
            room=BuildRequirements(
                suite=self.suite,
                packages=self.packages,
                memory=self.memory,
                disk=self.disk,
                seconds=60 * self.minutes,
                cache=self.ccache,
            ),
        )


class InstalledSchema(SeriesSchema):
    summary: str
    programs: Annotated[tuple[str, ...], BeforeValidator(_tuple), Field(min_length=1)]

    def config(self, name: str) -> InstalledConfig:
        return InstalledConfig(name=name, family=self.family, summary=self.summary, programs=self.programs)


class RustSchema(SeriesSchema):
    """`server` is an address without `dist`; `target` the triple whose library is fetched."""

    family: Family = CompilerFamily.RUSTC
    summary: str
    server: Address
    target: Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")]

    def dist(self, places: RustPlaces) -> RustServer:
        return RustServer(
            url=places.releases or self.server,
            triple=self.target,
            downloads=Downloads(silence_seconds=places.silence_seconds),
        )


class RustNightlySchema(RustSchema):
    """`repository` is cloned where a word of a range is a commit."""

    repository: str


class RustCiSchema(RustNightlySchema):
    """With `alt`, the builds with LLVM's assertions."""

    alt: bool = False

    def ci(self, places: RustPlaces) -> RustBuilds:
        return RustBuilds(
            url=places.builds or self.server,
            triple=self.target,
            alt=self.alt,
            downloads=Downloads(silence_seconds=places.silence_seconds),
        )
