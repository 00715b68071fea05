"""Series of Debian's packages: each version that a suite has is a point, and an image of that suite its toolchain.

A point is named by upstream's version and the suite, `18.1.8+trixie`, since suites may hold one version built on two
LLVMs; a snapshot of trunk by its date, `24~20261025+experimental`, and its commit is the toolchain's. Where a suite has
a package that another has too, it is the older suite's. What a point needs besides its own package (for rustc, the
target's `core`) must be there in the same version, or it is untestable and says so.

Packages are installed without what they merely recommend, and some are unpacked without what they depend on: a rustc
that links nothing needs no linker. The digest is of all packages that came to the suite's base: their hashes.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Final

from mmio_bisect.adapters.series.debian_index import APT, NATIVE, Package, Suite, SuiteIndex, SuiteSources
from mmio_bisect.adapters.series.kind import NamedSource, Read, SeriesConfig, SourceContext, SuiteName, check_package
from mmio_bisect.adapters.series.version_order import debian_sort_key
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import DownloadError, MissingToolchainError, MmioBisectError, SandboxError, UnknownVersionError
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched, RunsIn

_INSTALL: Final = f"{APT} --yes --no-install-recommends"
# Unpacking is all that an image needs of dpkg: no documentation, and no flushing of what is thrown away if it fails.
_DPKG: Final = "--force-unsafe-io --path-exclude=/usr/share/doc/* --path-exclude=/usr/share/man/*"
_REBUILT: Final = re.compile(r"[-+~](?:dfsg|ds|repack)[.\d]*")
_SNAPSHOT: Final = re.compile(r"~\+\+(?P<date>\d{8})\d*\+(?P<commit>[0-9a-f]+)")
_LLVM: Final = re.compile(r"\blibllvm(\d+)\b")
# What a pattern of package names needs; it becomes part of a script, so it has nothing that would end a quoted word.
_PATTERN: Final = re.compile(r"[A-Za-z0-9.+()?|\\<>:*\[\]-]+")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"“{text}” is not a regular expression ({error})") from error
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"“{text}” has letters that no pattern of package names needs")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianConfig(SeriesConfig):
    """A series of Debian packages. `package` is a pattern of their names; `suite` says more of suites that need it.

    Templates know the pattern's named groups, `{version}` (upstream's) and `{minor}` (its first two numbers).
    `install` are packages to be installed, `unpack` those whose files alone are wanted; `name:architecture` is of a
    foreign one. `llvm` is the package whose dependencies name the LLVM; without it that is upstream's version.
    """

    runs_in: ClassVar[RunsIn] = RunsIn.DOCKER
    costs_to_list: ClassVar[bool] = True

    suites: tuple[SuiteName, ...]
    suite: Mapping[SuiteName, SuiteSources] = field(default_factory=dict)
    package: Annotated[str, Read(_pattern)]
    tool: str
    install: tuple[str, ...]
    unpack: tuple[str, ...] = ()
    llvm: str | None = None
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.suites:
            raise ValueError("suites is empty: name at least one")
        words = dict.fromkeys((*re.compile(self.package).groupindex, "version", "minor"), "1")
        for text in (self.tool, *self.packages):
            try:
                filled = text.format(**words)
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(f"“{text}” cannot be filled in: it may name {', '.join(words)} in braces") from error
            if text is not self.tool:
                check_package(filled)
        if not self.tool.startswith("/"):
            raise ValueError(f"the tool “{self.tool}” is not a path in the image: begin it with /")

    @property
    def packages(self) -> tuple[str, ...]:
        """The templates of all packages that a toolchain is made of."""
        return (*self.install, *self.unpack, *([self.llvm] if self.llvm else []))

    @property
    def whole_suites(self) -> Iterator[Suite]:
        for name in self.suites:
            more = self.suite.get(name, SuiteSources())
            yield Suite(name=name, base=more.base, sources=more.sources)

    def source(self, name: str, context: SourceContext) -> "DebianSeries":
        configs = (config for config in context.siblings() if isinstance(config, DebianConfig))
        names, foreign = _index_names(configs)
        index = SuiteIndex(context.image_builder, context.folder, names=names, foreign=foreign, warn=context.warn)
        return DebianSeries(name, self, index, context.image_builder, warn=context.warn)


def _index_names(configs: Iterable[DebianConfig]) -> tuple[str, tuple[str, ...]]:
    """A pattern of all packages that these series look at, and all foreign architectures that they name.

    It is one for all series, so that a suite is asked once.
    """
    names: set[str] = set()
    foreign: set[str] = set()
    for config in configs:
        names.add(config.package)
        for template in config.packages:
            name, _, architecture = template.partition(":")
            names.add(re.sub(r"\\?\{\w+\\?\}", "[a-z0-9.+-]*", re.escape(name).replace(r"\-", "-")))
            foreign |= {architecture} - {""}
    # Perl has no two groups of one name in one pattern.
    return "|".join(sorted(re.sub(r"\?P<\w+>", "", name) for name in names)), tuple(sorted(foreign))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """A point, and what makes it a toolchain: packages with versions. `lacking` says why there can be none."""

    version: str
    sort_key: str
    suite: Suite
    package: Package
    llvm: str | None
    tool: str
    install: tuple[str, ...]
    unpack: tuple[str, ...]
    lacking: str | None


class DebianSeries(NamedSource):
    """The `SeriesSource`. `warn` is given sentences for the user."""

    def __init__(
        self,
        name: str,
        config: DebianConfig,
        index: SuiteIndex,
        image_builder: ImageBuilder,
        *,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        super().__init__(name, config)
        self._config = config
        self._index = index
        self._image_builder = image_builder
        self._warn = warn
        self._offers: tuple[_Offer, ...] = ()

    def listing(self, *, refresh: bool = False) -> Listing:
        """Suites that do not answer are left out with a warning, if others do. Else raises as `ImageBuilder`."""
        asked: list[datetime] = []
        packages: list[tuple[Suite, tuple[Package, ...]]] = []
        failed: dict[str, MmioBisectError] = {}
        for suite in self._config.whole_suites:
            try:
                when, found = self._index.packages(suite, refresh=refresh)
            except (DownloadError, SandboxError, MissingToolchainError) as error:
                failed[suite.name] = error
            else:
                asked.append(when)
                packages.append((suite, found))
        if not asked:
            raise next(iter(failed.values()))
        for name, why in failed.items():
            self._warn(f"the suite {name} is left out: {why}")
        self._offers = _offers(self._config, packages)
        points = tuple(
            Point(series=self.name, version=offer.version, sort_key=offer.sort_key) for offer in self._offers
        )
        return Listing(series=self.name, points=points, asked_at=min(asked))

    def origin(self, point: Point) -> str:
        offer = self._offer(point)
        llvm = f", LLVM {offer.llvm}" if offer.llvm else ""
        fetched = " ".join((*offer.install, *offer.unpack))
        said = offer.lacking or f"an image of {offer.suite.name} with {fetched}"
        return f"Debian {offer.suite.name}: {offer.package.name} {offer.package.version}{llvm}; {said}"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:  # noqa: ARG002 - all of it is in the image
        offer = self._offer(point)
        if offer.lacking:
            raise MissingToolchainError(f"{point} cannot be used: {offer.lacking}", for_good=False)

        def digest(said: str) -> str:
            return digest_of("\n".join([offer.tool, *sorted(said.splitlines())]).encode())

        def name(said: str) -> str:
            return f"{point.series}-{point.version}-{digest(said)[7:19]}"

        plan, work = _scripts(offer)
        snapshot = _SNAPSHOT.search(offer.package.version)
        image, said = self._image_builder.build(offer.suite.image, plan, work, name, signals)
        return Fetched(
            digest=digest(said),
            tool=(offer.tool,),
            arguments=self._config.arguments,
            image=image,
            commit=snapshot["commit"] if snapshot else None,
            released=date.fromisoformat(snapshot["date"]) if snapshot else None,
        )

    def _offer(self, point: Point) -> _Offer:
        if not self._offers:
            self.listing()
        for offer in self._offers:
            if offer.version == point.version:
                return offer
        raise UnknownVersionError(
            f"{point} is not in Debian any more (`mmio-bisect series show {self.name} --refresh` lists what is)."
        )


def _scripts(offer: _Offer) -> tuple[str, str]:
    """What fetches and prints a line of hash and name for each package; and what then installs them."""
    foreign = sorted({name.partition("=")[0].partition(":")[2] for name in (*offer.install, *offer.unpack)} - {""})
    install, unpack = (" ".join(f"'{name}'" for name in names) for names in (offer.install, offer.unpack))
    plan = offer.suite.prepared(foreign)
    if offer.install:
        plan += f"{_INSTALL} --simulate install {install} >/dev/null || exit 3\n"
        plan += f"{_INSTALL} --download-only install {install} >&2 || exit 4\n"
    plan += "mkdir /var/cache/unpack && cd /var/cache/unpack\n"
    if offer.unpack:
        plan += f"{_INSTALL} download {unpack} >&2 || exit 4\n"
    plan += "find . /var/cache/apt/archives -name '*.deb' -exec sha256sum {} + | sed 's,  .*/,  ,'\n"
    options = " ".join(f"-o DPkg::Options::='{option}'" for option in _DPKG.split())
    work = "export DEBIAN_FRONTEND=noninteractive LC_ALL=C\n"
    if offer.install:
        work += f"{_INSTALL} {options} install {install} >&2\n"
    if offer.unpack:
        quoted = " ".join(f"'{option}'" for option in _DPKG.split())
        work += f"dpkg {quoted} --force-depends --unpack /var/cache/unpack/*.deb >&2\n"
    work += "rm -rf /var/cache/unpack /var/cache/apt/* /var/lib/apt/lists/*\n"
    return plan, work


def _offers(config: DebianConfig, found: list[tuple[Suite, tuple[Package, ...]]]) -> tuple[_Offer, ...]:
    """Oldest first; of a package that several suites have, the first suite's in which it can be used."""
    chosen: dict[tuple[str, str], _Offer] = {}
    for order, (suite, packages) in enumerate(found):
        for offer in _of_suite(config, suite, order, packages):
            key = offer.package.name, offer.package.version
            if key not in chosen or (chosen[key].lacking and not offer.lacking):
                chosen[key] = offer
    return tuple(sorted(chosen.values(), key=lambda offer: offer.sort_key))


def _of_suite(config: DebianConfig, suite: Suite, order: int, packages: tuple[Package, ...]) -> Iterator[_Offer]:
    native = next(one.architecture for one in packages if one.name == NATIVE)
    by_name: defaultdict[str, list[Package]] = defaultdict(list)
    newest: dict[tuple[str, str], Package] = {}
    for package in sorted(packages, key=lambda one: debian_sort_key(_without_epoch(one.version))):
        foreign = package.architecture not in {native, "all"}
        by_name[f"{package.name}:{package.architecture}" if foreign else package.name].append(package)
        if not foreign and re.fullmatch(config.package, package.name):
            newest[package.name, upstream(package.version)] = package
    names: set[str] = set()
    for (_, version), package in sorted(newest.items(), key=lambda item: (len(item[0][0]), item[0])):
        name = f"{version}+{suite.name}"
        if name in names:
            name += f".{package.name}"
        names.add(name)
        groups = re.fullmatch(config.package, package.name)
        words = {
            **{key: value or "" for key, value in (groups.groupdict() if groups else {}).items()},
            "version": version,
            "minor": ".".join(version.split(".")[:2]),
        }
        yield _offer(config, suite, package, by_name, words, name=name, order=order)


def _offer(
    config: DebianConfig,
    suite: Suite,
    package: Package,
    by_name: Mapping[str, list[Package]],
    words: Mapping[str, str],
    *,
    name: str,
    order: int,
) -> _Offer:
    lacking: list[str] = []

    def pinned(template: str) -> str:
        wanted = template.format(**words)
        for one in by_name.get(wanted, ()):
            if one.source == package.source:
                return f"{wanted}={one.version}"
        lacking.append(wanted)
        return wanted

    install, unpack = (tuple(map(pinned, templates)) for templates in (config.install, config.unpack))
    llvm: str | None = words["version"]
    if config.llvm is not None:
        named = (one for one in by_name.get(config.llvm.format(**words), ()) if one.source == package.source)
        llvm = next((match[1] for one in named if (match := _LLVM.search(one.depends))), None)
    elif config.family.descriptor.llvm is None:
        llvm = None
    major = int((llvm or "0").partition(".")[0].partition("~")[0])
    return _Offer(
        version=name,
        sort_key=f"{debian_sort_key(words['version'])} {major:04}{order:02} {name}",
        suite=suite,
        package=package,
        llvm=llvm,
        tool=config.tool.format(**words),
        install=install,
        unpack=unpack,
        lacking=f"Debian's {suite.name} has no {' and no '.join(lacking)} of {package.source}" if lacking else None,
    )


def upstream(version: str) -> str:
    """Upstream's part of a Debian version, as a user would write it.

    >>> upstream("1:19.1.7-3+b1"), upstream("1.85.1+dfsg1-1+deb13u1"), upstream("1:24~++20261025103442+7e3c57157096-1")
    ('19.1.7', '1.85.1', '24~20261025')
    """
    version = _without_epoch(version)
    version = version.rpartition("-")[0] or version
    return _SNAPSHOT.sub(r"~\g<date>", _REBUILT.sub("", version))


def _without_epoch(version: str) -> str:
    return version.partition(":")[2] or version
