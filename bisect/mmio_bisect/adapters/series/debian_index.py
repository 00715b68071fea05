"""What Debian's suites have of the packages that matter: asked in a container of the suite, kept for a while.

A suite is asked with its own package manager and its own sources, whatever they are: no mirror is named here. One
answer serves every series that looks into the suite.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from mmio_bisect.adapters.fetch.listing_cache import CachedVersions, ListingCache
from mmio_bisect.adapters.series.kind import Read, SuiteName
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.errors import DownloadError
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.progress import Unwatched

# Release files of suites that get no updates any more, or are seldom made anew, are past their date.
APT: Final = (
    "apt-get -q -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::Retries=3 "
    "-o APT::Update::Error-Mode=any"
)
_FIELDS: Final = "Package|Version|Architecture|Source|Depends"
# `deb [signed-by=…] address release component…`, as sources.list(5) has it; an apostrophe would end the shell's word.
_SOURCE_LINE: Final = re.compile(r"deb (\[[^]']*\] )?[^\s']+ (?P<release>[^\s'/]+)( [^\s']+)+")

_ADDED: Final = r"""
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    sed -i 's/^\(deb .*\) BASE \(.*\)$/&\n\1 SUITE \2/; s/^Suites:\(.*\) BASE\b/& SUITE/' "$file"
done
""".strip()

# Stands first in every answer, and says which architecture is the machine's own.
NATIVE: Final = ".native"
_LIST: Final = r"""
printf 'Package: .native\nVersion: 0\nArchitecture: %s\n\n' "$(dpkg --print-architecture)"
apt-get indextargets --format '$(RELEASE) $(FILENAME)' 'Created-By: Packages' | while read -r release file; do
    case "$release" in RELEASES) /usr/lib/apt/apt-helper cat-file "$file";; esac
done | perl -00 -ne 'if (/^Package: (?:PACKAGES)\n/m) { print grep(/^(?:FIELDS): /, split(/^/)), "\n" }'
"""


def _source_line(text: str) -> str:
    if not _SOURCE_LINE.fullmatch(text):
        raise ValueError(f"“{text}” is not a line for apt: write deb ADDRESS RELEASE COMPONENT")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSources:
    """`base` is the suite of one that cannot stand alone; `sources` are lines for apt where it is not Debian's."""

    base: SuiteName | None = None
    sources: tuple[Annotated[str, Read(_source_line)], ...] = ()

    def __post_init__(self) -> None:
        if self.sources and self.base is None:
            raise ValueError("sources are added to a base: write base = a suite of Debian's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite(SuiteSources):
    name: str

    @property
    def image(self) -> str:
        """The suite whose image it is asked and installed in."""
        return self.base or self.name

    @property
    def releases(self) -> str:
        """A shell's pattern of the releases whose packages are the suite's own."""
        if self.sources:
            return "|".join(_SOURCE_LINE.fullmatch(line)["release"] for line in self.sources)  # type: ignore[index]  # checked
        return "*" if self.base is None else self.name

    def prepared(self, architectures: Iterable[str]) -> str:
        """The script that makes packages of the suite, and of foreign architectures, known to apt."""
        lines = ["export DEBIAN_FRONTEND=noninteractive LC_ALL=C"]
        if self.base is not None and not self.sources:  # either form: debootstrap's, and that of Debian's own images
            lines.append(_ADDED.replace("BASE", self.base).replace("SUITE", self.name))
        lines += [f"echo '{line}' >> /etc/apt/sources.list" for line in self.sources]
        lines += [f"dpkg --add-architecture {architecture}" for architecture in architectures]
        return "\n".join([*lines, f"{APT} update >&2 || exit 4", ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One entry of a suite's index. `source` is the source package with its version, `depends` the field's text."""

    name: str
    version: str
    architecture: str
    source: str
    depends: str


class SuiteIndex:
    """Asks suites for packages whose names match `names`, of the machine's and the `foreign` architectures."""

    def __init__(
        self,
        image_builder: ImageBuilder,
        cache_folder: Path,
        *,
        names: str,
        foreign: tuple[str, ...],
        max_age: timedelta = timedelta(hours=24),
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._image_builder = image_builder
        self._cache_folder = cache_folder
        self._names = names
        self._foreign = foreign
        self._max_age = max_age
        self._warn = warn
        self._asked: dict[Suite, tuple[datetime, tuple[Package, ...]]] = {}

    def packages(self, suite: Suite, *, refresh: bool = False) -> tuple[datetime, tuple[Package, ...]]:
        """When it was asked, and what it has. An old answer is better than none, and is used with a warning.

        Raises `DownloadError`, `SandboxError`.
        """
        if suite in self._asked:  # in this run: that is fresh enough
            return self._asked[suite]
        cache = ListingCache(
            self._cache_folder,
            f"debian-{suite.name}-{self._key(suite)}",
            max_age=self._max_age,
            warn=self._warn,
            subject=f"what is known of {suite.name}",
        )
        cached = cache.current(lambda: self._ask(suite), refresh=refresh)
        self._asked[suite] = cached.asked_at, tuple(Package(**json.loads(text)) for text in cached.versions)
        return self._asked[suite]

    def _key(self, suite: Suite) -> str:
        """What else the answer depends on."""
        return digest_of(repr((suite, self._names, self._foreign)).encode())[7:15]

    def _ask(self, suite: Suite) -> CachedVersions:
        question = _LIST.replace("RELEASES", suite.releases).replace("PACKAGES", self._names).replace("FIELDS", _FIELDS)
        text = self._image_builder.ask(suite.image, suite.prepared(self._foreign) + question, Unwatched())
        found = dict.fromkeys(json.dumps(asdict(package)) for package in parsed(text))
        if len(found) <= 1:
            raise DownloadError(f"Debian's {suite.name} has none of the packages asked for: look at its sources.")
        return CachedVersions(versions=tuple(found), asked_at=datetime.now(UTC))


def parsed(text: str) -> list[Package]:
    """Stanzas as deb-src-control(5) has them, of single lines."""
    packages = []
    for stanza in re.split(r"\n{2,}", text.strip()):
        fields: Mapping[str, str] = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
        if {"Package", "Version", "Architecture"} <= fields.keys():
            packages.append(
                Package(
                    name=fields["Package"],
                    version=fields["Version"],
                    architecture=fields["Architecture"],
                    source=_source(fields),
                    depends=fields.get("Depends", ""),
                )
            )
    return packages


def _source(fields: Mapping[str, str]) -> str:
    """`rustc-web 1.96.0+dfsg1-1`: the source of a package that was but built anew is that of the first building."""
    name, _, rest = fields.get("Source", fields["Package"]).partition(" ")
    return f"{name} {rest.strip('()') or fields['Version']}"
