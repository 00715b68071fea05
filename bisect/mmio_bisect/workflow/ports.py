"""What the use cases need of the world. Adapters implement these Protocols, and so do the fakes of the tests.

Every port that may take long is handed a `Signals`: it reports progress there and gives up with `CancelledError` soon
after `cancelled` is set.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from mmio_bisect.classify.machine import CodeImage
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import Merge
from mmio_bisect.domain.outcome import Cell, Judgement, Outcome
from mmio_bisect.domain.recipe import Case, Recipe
from mmio_bisect.domain.run import CellAnswer, Cost, Probe
from mmio_bisect.domain.toolchain import CompilerFamily, Listing, Point, Toolchain


class Signals(Protocol):
    """The thread between a long step and whoever waits for it."""

    def cancelled(self) -> bool: ...

    def progress(self, done: int, total: int | None) -> None:
        """Bytes so far, and in all where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a series' source put into a folder: everything of a `Toolchain` but what only running it tells.

    `image` names the docker image that the toolchain runs in, and that is the store's from now on; None: any will do.
    `version_words` make the compiler say what it is; `commit` and `released` are what it does not say itself.
    """

    digest: str
    tool: tuple[str, ...]
    arguments: tuple[str, ...]
    image: str | None = None
    version_words: tuple[str, ...] = ("--version",)
    commit: str | None = None
    released: date | None = None


class RunsIn(StrEnum):
    """Where the compilers of a series can run: anywhere; in images of their own; where they are installed."""

    ANY = "any"
    DOCKER = "docker"
    HOST = "host"


class Workshop(Protocol):
    """Containers with network, of Debian's suites, to ask in and to make images in; and images of registries.

    `suite` is one that docker or debootstrap knows. Scripts are a POSIX shell's, run by root, and end with 0; with 3
    for what does not exist, or with 4 for what could not be fetched, the last line of their errors saying why. All
    raise `MissingToolchainError`, `DownloadError`, `SandboxError`, `CancelledError`.
    """

    def ask(self, suite: str, script: str, signals: Signals) -> str:
        """What the script prints. Nothing is kept."""

    def build(self, suite: str, plan: str, work: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        """Run two scripts in one container and keep its files: the image, and what `plan` printed.

        `name` makes the image's name of that; where it is there already, `work` need not be run.
        """

    def obtain(self, reference: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        """An image like that one, pulled if need be, and a digest of all files in it; `name` makes its name of that."""


class SeriesSource(Protocol):
    """A series: where its points come from and how one is fetched."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> CompilerFamily: ...

    @property
    def summary(self) -> str:
        """One sentence: which compilers, from where."""

    def listing(self, *, refresh: bool = False) -> Listing:
        """All points, oldest first; from the cache unless it is stale or `refresh`. Raises `DownloadError`."""

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:
        """The points that a word of a range means beyond versions and prefixes of them, oldest first; or none.

        Raises `UnknownVersionError` for a word that it can tell is wrong, and `DownloadError`.
        """

    def origin(self, point: Point) -> str:
        """One line: where a listed point comes from, and what will be fetched for it."""

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        """Put the verified, unpacked toolchain into the empty `folder`.

        Raises `MissingToolchainError` when there is none, which is an answer; `DownloadError`, `CorruptArtefactError`,
        `BrokenToolchainError`, `DiskFullError`, `CancelledError`.
        """

    def identify(self, fetched: Fetched, version_output: str) -> Toolchain:
        """Read what the compiler says of itself. Raises `BrokenToolchainError`."""


class MergedSeries(SeriesSource, Protocol):
    """A series whose points are merges of a repository: a culprit among them is a merge that can be looked into."""

    def built_from(self, point: Point) -> Merge:
        """Raises `UnknownVersionError`."""


@runtime_checkable
class Committed(Protocol):
    """A series whose points are commits."""

    def describe(self, point: Point) -> Commit: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A toolchain outside the store: where it is, and what `fetch` would have given."""

    root: Path
    fetched: Fetched


@runtime_checkable
class Rebuildable(Protocol):
    """A series that builds its toolchains, and can do so from nothing that an earlier build has left."""

    def seconds(self, point: Point) -> float:
        """What that takes, about."""

    def afresh(self, point: Point, signals: Signals) -> AbstractContextManager[Made]:
        """It goes at the end. Raises as `fetch` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToolchain:
    """One entry of the store: sizes in bytes, its image's included; `last_used` in seconds since the epoch."""

    toolchain: Toolchain
    points: tuple[Point, ...]
    size: int
    last_used: float
    in_use: bool
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A toolchain on disk that is kept from pruning while the lease is held; `image` as in `Fetched`."""

    toolchain: Toolchain
    root: Path
    fetched: bool
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was put into an entry's folder, and the image that came to be with it."""

    toolchain: Toolchain
    image: str | None = None


class ImageKeeper(Protocol):
    """Images that belong to entries of a store. Raises `SandboxError` where there is no docker."""

    def has(self, image: str) -> bool: ...

    def size(self, image: str) -> int:
        """Bytes that would be free without it: layers that it shares with its base do not count."""

    def remove(self, image: str) -> None:
        """One that is gone is fine."""

    def sweep(self, keep: Collection[str]) -> None:
        """Remove this store's other images, unless a process that lives may still want them."""


class ToolchainStore(Protocol):
    """Toolchains on disk: content-addressed, atomic, shared by processes."""

    def known(self, point: Point) -> Toolchain | None:
        """The toolchain that a point became, if it is in the store."""

    def lease(
        self, point: Point, fill: Callable[[Path], Filled], *, cancelled: Callable[[], bool]
    ) -> AbstractContextManager[Lease]:
        """Hold the point's toolchain, first having `fill` put it into an empty folder unless it is here.

        `fill` runs under a lock of its point, so that two processes never fetch the same one at the same time.
        """

    def entries(self) -> tuple[StoredToolchain, ...]: ...

    def prune(
        self, *, keep_bytes: int | None = None, keep_count: int | None = None, used_since: float | None = None
    ) -> tuple[StoredToolchain, ...]:
        """Remove least recently used entries until the rest fit in `keep_bytes`, and are no more than `keep_count`.

        All that were not used since then (seconds since the epoch) go too; those in use stay. Returns the removed.
        """


class LimitHit(StrEnum):
    """Which limit ended a command."""

    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program to run in the sandbox.

    `argv[0]` and the `{toolchain}` in other words refer to the toolchain's root, an absolute path to the image's or
    the machine's files, `{cache}` to the folder that outlasts the session, where there is one; `inputs` are files laid
    into the empty work folder, `product` the file wanted back from it.
    """

    argv: tuple[str, ...]
    inputs: tuple[tuple[str, bytes], ...] = ()
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended: `status` negative for the signal; `product` None if the file is not there."""

    argv: tuple[str, ...]
    status: int
    limit: LimitHit | None
    output: str
    product: bytes | None
    seconds: float


class SandboxSession(Protocol):
    """One start of a sandbox around one toolchain; commands run in it one after another."""

    def run(self, command: Command, signals: Signals) -> Finished:
        """Raises `SandboxError` when the sandbox itself fails, `CancelledError` when told to stop."""


class Sandbox(Protocol):
    """Where untrusted compilers run on untrusted text."""

    @property
    def name(self) -> str: ...

    def session(self, toolchain_root: Path, image: str | None = None) -> AbstractContextManager[SandboxSession]:
        """`image` as in `Fetched`. Raises `SandboxError` for one where there are no images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a build may use, and what it is done in.

    `packages` of the Debian suite stand beside its base; `memory` and `disk` (all that it writes) in bytes; `seconds`
    by the clock. `cache` are the bytes of compiled files that one build may keep for the next; None: it keeps none.
    """

    suite: str
    packages: tuple[str, ...]
    memory: int
    disk: int
    seconds: float
    cache: int | None = None


class Yard(Protocol):
    """Where source is built: a sandbox with room for it and without network."""

    def session(
        self, tree: Path, room: Room, signals: Signals, *, cache: str | None
    ) -> AbstractContextManager[SandboxSession]:
        """The source stands where a toolchain would, read-only. Raises `SandboxError`, `DownloadError`.

        `cache` names the folder that commands know as `{cache}`: what one build left there the next of that name finds.
        """


class ObjectReader(Protocol):
    """Object files to disassembled code."""

    def read(self, data: bytes) -> CodeImage:
        """Raises `MalformedObjectError`."""


class RecipeBook(Protocol):
    """The recipes at hand."""

    def names(self) -> tuple[str, ...]: ...

    def find(self, name: str) -> Recipe:
        """By stem, file name or path. Raises `UnknownRecipeError` with the nearest names, `InvalidRecipeError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as history keeps it; times are UTC, ISO 8601. `document` is the `--json` document of a finished run."""

    id: int
    recipe: str
    case: str
    series: str
    first: str
    last: str
    profile: str
    started: str
    finished: str | None
    argv: tuple[str, ...]
    document: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """An outcome with its provenance, as `history show` gives it."""

    cell_key: str
    recipe: str
    language: str
    case_text: bytes
    points: tuple[Point, ...]
    toolchain: Toolchain
    triple: str
    opt: str
    flags: tuple[str, ...]
    recorded: str
    outcome: Outcome
    judgements: tuple[Judgement, ...]


class History(Protocol):
    """The database of objects, outcomes, judgements and runs. Every write is one transaction.

    What is built on must be there: an outcome is recorded before its judgement and before the probe that names it.
    """

    def toolchain_of(self, point: Point) -> Toolchain | None: ...

    def remembered(self, series: str) -> frozenset[str]:
        """The versions of all points of the series for which `toolchain_of` gives a toolchain."""

    def remember_toolchain(self, point: Point, toolchain: Toolchain) -> None: ...

    def outcome_of(self, cell: Cell) -> Outcome | None: ...

    def outcomes_of(self, cells: Sequence[Cell]) -> Mapping[str, Outcome]:
        """By cell's key, those that are known."""

    def judgement_of(self, cell: Cell, outcome: Outcome, profile: str, rules: int) -> Judgement | None: ...

    def record(
        self, found: Sequence[tuple[Cell, Outcome]], judged: Sequence[tuple[Cell, Outcome, Judgement]] = ()
    ) -> None:
        """Keep them, all or none; what is there already (another process was quicker) stays as it is."""

    def record_outcome(self, cell: Cell, outcome: Outcome) -> None: ...

    def record_judgement(self, cell: Cell, outcome: Outcome, judgement: Judgement) -> None: ...

    def begin_run(
        self, *, case: Case, series: str, first: Point, last: Point, profile: str, argv: Sequence[str]
    ) -> int: ...

    def record_probe(self, run: int, probe: Probe) -> None: ...

    def finish_run(self, run: int, answers: Sequence[CellAnswer], cost: Cost, document: str) -> None: ...

    def runs(self, *, limit: int) -> tuple[RunRecord, ...]: ...

    def run(self, run: int) -> RunRecord:
        """Raises `UnknownRunError`."""

    def outcomes(
        self,
        *,
        recipe: str | None = None,
        run: int | None = None,
        series: str | None = None,
        limit: int | None = None,
    ) -> Iterator[OutcomeRecord]:
        """Those that fit all that is given, newest first. Raises `UnknownRunError`."""

    def outcome(self, cell_key: str) -> OutcomeRecord:
        """By key or an unambiguous prefix of its hexadecimal digits. Raises `UnknownRunError`."""
