"""Series of commits: every commit of a repository's main line is a point, and what its build makes is the toolchain.

Which commits, how they are built, in what and with what room, is data (`GitConfig`). A build runs in a sandbox without
network, with the commit's tree to read and a folder of its own to write; what it makes is content-addressed by the
store, so that a commit is built once, and two commits that make the same compiler are one toolchain. Neighbours differ
in little: where a series has a cache, compilers run through ccache, and what was compiled for one commit is there for
the next. A build that fails makes its point untestable; one that runs out of its budget too, but it may be tried again.
The log of every build is kept.

Commits that touch `paths` are likelier to be the answer than the others: the search looks there first, and since the
others are points all the same, what it answers is proven against the very neighbour.
"""

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from mmio_bisect.adapters.fetch.tar_files import tarfile
from mmio_bisect.adapters.foreign_input import refusing
from mmio_bisect.adapters.held_folder import held_work_folder, sweep
from mmio_bisect.adapters.series.kind import (
    NamedSource,
    PackageName,
    Read,
    SeriesConfig,
    SourceContext,
    SuiteName,
)
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.sizes import parse_size
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import CorruptArtefactError, MissingToolchainError, UnknownVersionError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import BuildRequirements, BuildSandbox, Command, Finished
from mmio_bisect.workflow.ports.series import Capabilities, Fetched, Made

if TYPE_CHECKING:
    from mmio_bisect.adapters.git.repository import Logged, Repository

_PRODUCTS: Final = "products.tar"
_ABBREVIATED: Final = 12
_LOG_BYTES: Final = 200_000
_ERROR: Final = re.compile(r"\berror: |\bCMake Error\b", re.IGNORECASE)  # and not a test named after one

# ccache is the compiler by whose name it is called. Debian has such links, but not `c++`, which cmake asks for first.
_CCACHE: Final = """if command -v ccache >/dev/null; then
    mkdir ccached
    for name in cc c++ gcc g++ clang clang++; do
        if command -v "$name" >/dev/null; then ln -s "$(command -v ccache)" "ccached/$name"; fi
    done
    export PATH="$here/ccached:$PATH" CCACHE_DIR={cache} CCACHE_MAXSIZE={most}Ki CCACHE_STATSLOG="$here/ccached.log"
fi
"""
# From the log that ccache 4.4 and later keeps of what it did.
_ANSWERED: Final = """if [ -f ccached.log ]; then
    echo "ccache: $(grep -cE '^(direct|preprocessed)_cache_hit$' ccached.log) files were there," \\
        "$(grep -c '^cache_miss$' ccached.log) were not"
fi
"""

ELSEWHERE: Final = 0.02
"""How likely a commit outside `paths` is to be the answer, one inside being 1."""


_UNIT: Final = re.compile(r"[KMGT]i?B$")
_PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*")


def read_size(text: str) -> int:
    if not _UNIT.search(text):
        raise ValueError(f"“{text}” is not a size: write one with its unit, as in 2GiB")
    size = parse_size(text)
    if size == 0:
        raise ValueError(f"“{text}” is not more than 0")
    return size


def _inside(text: str) -> str:
    if not _PATH.fullmatch(text) or ".." in text.split("/"):
        raise ValueError(f"“{text}” is not a path below the folder that is built in")
    return text


Size = Annotated[int, Read(read_size)]
Inside = Annotated[str, Read(_inside)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GitConfig(SeriesConfig):
    """A series of commits.

    `merges_by` are names of authors: where given, only what they merged into the main line counts; `tagged` is a glob
    of tags: where given, only commits with such a tag count, and are named by it. `build` are lines of a POSIX shell,
    run with `$SOURCE` (the commit's tree, read-only) and `$JOBS`; `in_tree` runs them in a copy of it.
    `products` are paths, from where the build ran, that make up the toolchain; `tool` is the compiler's among them.
    `seconds` is what a build takes about, for the search to weigh; `suite`, `packages`, `memory`, `minutes`, `disk` and
    `ccache` are the room of a build. `ccache` is the size of its cache: where ccache is installed, compilers are called
    through it.
    """

    costs_to_list: ClassVar[bool] = True

    url: str
    link: str | None = None
    ref: str = "HEAD"
    merges_by: tuple[str, ...] = ()
    tagged: str | None = None
    paths: tuple[str, ...] = ()
    suite: SuiteName = "trixie"
    packages: tuple[PackageName, ...] = ()
    build: tuple[str, ...]
    in_tree: bool = False
    products: tuple[Inside, ...]
    tool: Inside
    arguments: tuple[str, ...] = ()
    seconds: float
    memory: Size
    minutes: float
    disk: Size
    ccache: Size | None = None

    def __post_init__(self) -> None:
        if not self.build:
            raise ValueError("build is empty: write at least one line")
        if not any(self.tool == product or self.tool.startswith(f"{product}/") for product in self.products):
            raise ValueError(f"the tool {self.tool} is not among the products")
        if self.link is not None and "{commit}" not in self.link:
            raise ValueError("a link needs {commit} in it")
        if self.ref.startswith("-"):
            raise ValueError(f"“{self.ref}” is not a branch")
        if not (self.seconds > 0 and self.minutes > 0):
            raise ValueError("seconds and minutes are of a build, which takes more than 0")

    @property
    def room(self) -> BuildRequirements:
        return BuildRequirements(
            suite=self.suite,
            packages=self.packages,
            memory=self.memory,
            disk=self.disk,
            seconds=60 * self.minutes,
            cache=self.ccache,
        )

    def source(self, name: str, context: SourceContext) -> "GitSeries":
        builds = context.builds
        place = f"{name}-{digest_of(str(builds.given.resolve() if builds.given else self.url).encode())[7:15]}"

        def repository() -> "Repository":
            return builds.load_repository()(
                own=builds.folder / "clones" / place,
                url=self.url,
                trees=builds.folder / "trees" / place,
                given=builds.given,
                ref=self.ref,
                say=context.warn,
            )

        return GitSeries(name, self, cache(repository), builds.build_sandbox, builds.folder, compiled=place)


class GitSeries(NamedSource):
    """The `SeriesSource`; it builds, rebuilds, weighs and describes its commits.

    `folder` has the logs of builds, and products while they are looked at; `compiled` is the name of this series' and
    repository's cache in the build sandbox. `repository` is called for when it is needed, and no sooner.
    """

    def __init__(
        self,
        name: str,
        config: GitConfig,
        repository: "Callable[[], Repository]",
        build_sandbox: BuildSandbox,
        folder: Path,
        *,
        compiled: str,
    ) -> None:
        super().__init__(name, config)
        self._config = config
        self._repository = repository
        self._build_sandbox = build_sandbox
        self._folder = folder
        self._compiled = None if config.ccache is None else compiled
        self._commits: dict[str, Logged] = {}
        self._touching: frozenset[str] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            seconds=self.seconds, likelihood=self.likelihood, describe=self.describe, afresh=self.afresh
        )

    def listing(self, *, refresh: bool = False) -> Listing:
        """Read from the clone each time: its commits are its own cache."""
        line = self._repository().log(refresh=refresh)
        merged = set(self._config.merges_by)
        tags = None if self._config.tagged is None else self._repository().tags(self._config.tagged)
        points = []
        for place, one in enumerate(line):
            if (merged and not (one.merge and one.author in merged)) or (tags is not None and one.commit not in tags):
                continue
            version = one.commit[:_ABBREVIATED] if tags is None else tags[one.commit]
            point = Point(series=self.name, version=version, sort_key=f"{place:08}")
            points.append(point)
            self._commits[point.version] = one
        return Listing(series=self.name, points=tuple(points), asked_at=self._repository().asked_at)

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """A commit, a tag or a branch, by where it left the main line; or a day, for all that was committed on it."""
        try:
            day = datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            commit = self._repository().resolve(word)
            return tuple(one for one in listing.points if commit and self._commits[one.version].commit == commit)
        return tuple(one for one in listing.points if self._commits[one.version].committed.date() == day)

    def origin(self, point: Point) -> str:
        return f"{self._config.url} at {self._one(point).commit}, built with: {'; '.join(self._config.build)}"

    def seconds(self, point: Point) -> float:  # noqa: ARG002 - a build is a build
        return self._config.seconds

    def likelihood(self, point: Point) -> float:
        """How likely the point is to be the answer, beside others."""
        if not self._config.paths:
            return 1.0
        if self._touching is None:
            self._touching = self._repository().touching(self._config.paths)
        return 1.0 if self._one(point).commit in self._touching else ELSEWHERE

    def describe(self, point: Point) -> Commit:
        commit = self._repository().describe(self._one(point).commit)
        return replace(commit, link=self._config.link and self._config.link.format(commit=commit.commit))

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        """Raises as the port says, and `UsageError` for a clone that cannot be read."""
        return self._built(point, folder, signals, afresh=False)

    @contextlib.contextmanager
    def afresh(self, point: Point, signals: Signals) -> Iterator[Made]:
        """Without a cache: no earlier build has a hand in it."""
        again = self._folder / "again"
        sweep(again)
        with held_work_folder(again) as work:
            root = work / "root"
            root.mkdir(mode=0o755)
            yield Made(root=root, fetched=self._built(point, root, signals, afresh=True))

    def _built(self, point: Point, folder: Path, signals: Signals, *, afresh: bool) -> Fetched:
        one, compiled = self._one(point), None if afresh else self._compiled
        with (
            self._repository().checkout(one.commit) as tree,
            self._build_sandbox.session(tree, self._config.room, signals, cache=compiled) as build_sandbox,
        ):
            finished = build_sandbox.run(self._command(cached=compiled is not None), signals)
        log = self._keep_log(f"{point}-again" if afresh else str(point), finished)
        if finished.status != 0 or finished.product is None or finished.limit is not None:
            raise _failed(point, finished, log)
        _unpack(finished.product, folder)
        tool = self._config.tool
        if not (folder / tool).is_file():
            raise _failed(point, finished, log, why=f"the build made no {tool}")
        return Fetched(
            digest=digest_of("\n".join([tool, *_contents(folder)]).encode()),
            tool=(tool,),
            arguments=self._config.arguments,
            commit=one.commit,
            released=one.committed.date(),
        )

    def _one(self, point: Point) -> "Logged":
        if not self._commits:
            self.listing()
        try:
            return self._commits[point.version]
        except KeyError:
            raise UnknownVersionError(
                f"{point} is not in the repository's main line any more (`mmio-bisect series show {self.name}`)."
            ) from None

    def _command(self, *, cached: bool) -> Command:
        """One script: build with the output in a file, whose end comes back; and the products if that succeeds."""
        config = self._config
        prepare = 'mkdir built && cp -R "$SOURCE"/. built && cd built' if config.in_tree else "mkdir built && cd built"
        lines = [prepare, *config.build]
        most = (config.ccache or 0) // 1024
        prologue = _CCACHE.format(most=most, cache="{cache}") if cached else ""
        quoted = " ".join(f"'{path}'" for path in config.products)
        drive = (
            "here=$PWD; export SOURCE={toolchain} JOBS=$(nproc)\n"
            f"{prologue}"
            "/bin/sh -eu ./build.sh >log 2>&1 && status=0 || status=$?\n"
            f"{_ANSWERED}"
            f'tail -c {_LOG_BYTES} log; [ "$status" -eq 0 ]\n'
            f'tar --create --file "$here/{_PRODUCTS}" --directory built -- {quoted}\n'
        )
        return Command(
            argv=("/bin/sh", "-eu", "-c", drive),
            inputs=(("build.sh", "\n".join([*lines, ""]).encode()),),
            product=_PRODUCTS,
        )

    def _keep_log(self, name: str, finished: Finished) -> Path:
        """The log of the build."""
        log = self._folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        aside = log.with_name(f"{log.name}.{os.getpid()}")
        aside.write_text(finished.output)
        aside.rename(log)
        return log


def _failed(point: Point, finished: Finished, log: Path, why: str | None = None) -> MissingToolchainError:
    """What a build could not make for want of room may be made with more."""
    if finished.limit is not None:
        return MissingToolchainError(
            f"the build of {point} used more than {finished.allowed} (log: {log})", for_good=False
        )
    said = [line.strip() for line in finished.output.splitlines() if _ERROR.search(line)]
    last = finished.output.strip().splitlines()[-1:] or [f"status {finished.status}"]
    return MissingToolchainError(
        f"{point} does not build: {why or (said or last)[0][:200]} (log: {log})", for_good=True
    )


def _unpack(archive: bytes, folder: Path) -> None:
    """Raises `CorruptArtefactError` for what a hostile build may have put into its archive."""

    def refusal(why: str) -> CorruptArtefactError:
        return CorruptArtefactError(f"The products of a build cannot be unpacked: {why}.")

    with (
        refusing(refusal, tarfile.TarError, OSError),
        tarfile.open(fileobj=io.BytesIO(archive)) as tar,
    ):
        tar.extractall(folder, filter="data")
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))


def _contents(folder: Path) -> Iterator[str]:
    """A line for each file: its name, whether it can be run, and its digest."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"{name} -> {path.readlink()}"
        elif path.is_file():
            yield f"{name} {path.stat().st_mode & 0o100:o} {digest_of(path.read_bytes())}"
