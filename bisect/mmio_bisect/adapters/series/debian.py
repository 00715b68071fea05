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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.series.debian_index import APT, NATIVE, Package, Suite, SuiteIndex
from mmio_bisect.adapters.series.version_order import debian_sort_key
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import DownloadError, MissingToolchainError, MmioBisectError, SandboxError, UnknownVersionError
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Capabilities, Fetched

_INSTALL: Final = f"{APT} --yes --no-install-recommends"
# Unpacking is all that an image needs of dpkg: no documentation, and no flushing of what is thrown away if it fails.
_DPKG: Final = "--force-unsafe-io --path-exclude=/usr/share/doc/* --path-exclude=/usr/share/man/*"
_REBUILT: Final = re.compile(r"[-+~](?:dfsg|ds|repack)[.\d]*")
_SNAPSHOT: Final = re.compile(r"~\+\+(?P<date>\d{8})\d*\+(?P<commit>[0-9a-f]+)")
_LLVM: Final = re.compile(r"\blibllvm(\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianConfig:
    """A series of Debian packages. `package` is a pattern of their names.

    Templates know the pattern's named groups, `{version}` (upstream's) and `{minor}` (its first two numbers).
    `install` are packages to be installed, `unpack` those whose files alone are wanted; `name:architecture` is of a
    foreign one. `llvm` is the package whose dependencies name the LLVM; without it that is upstream's version.
    """

    name: str
    family: CompilerFamily
    summary: str
    suites: tuple[Suite, ...]
    package: str
    tool: str
    install: tuple[str, ...]
    unpack: tuple[str, ...] = ()
    llvm: str | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """A point, and what makes it a toolchain: packages with versions. `lacking` says why there can be none."""

    point: Point
    suite: Suite
    package: Package
    llvm: str | None
    tool: str
    install: tuple[str, ...]
    unpack: tuple[str, ...]
    lacking: str | None


class DebianSeries:
    """The `SeriesSource`. `warn` is given sentences for the user."""

    capabilities = Capabilities()

    def __init__(
        self,
        config: DebianConfig,
        index: SuiteIndex,
        image_builder: ImageBuilder,
        *,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._config = config
        self._index = index
        self._image_builder = image_builder
        self._warn = warn
        self._offers: tuple[_Offer, ...] = ()

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def family(self) -> CompilerFamily:
        return self._config.family

    @property
    def summary(self) -> str:
        return self._config.summary

    def listing(self, *, refresh: bool = False) -> Listing:
        """Suites that do not answer are left out with a warning, if others do. Else raises as `ImageBuilder`."""
        asked: list[datetime] = []
        packages: list[tuple[Suite, tuple[Package, ...]]] = []
        failed: dict[str, MmioBisectError] = {}
        for suite in self._config.suites:
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
        return Listing(series=self.name, points=tuple(offer.point for offer in self._offers), asked_at=min(asked))

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:  # noqa: ARG002 - versions are all there is
        return ()

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
            if offer.point.version == point.version:
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
    return tuple(sorted(chosen.values(), key=lambda offer: offer.point.sort_key))


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
    key = f"{debian_sort_key(words['version'])} {major:04}{order:02} {name}"
    return _Offer(
        point=Point(series=config.name, version=name, sort_key=key),
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
