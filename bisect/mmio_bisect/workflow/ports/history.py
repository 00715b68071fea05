"""What is remembered: outcomes, judgements and runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mmio_bisect.domain.outcome import Cell, Judgement, Outcome
from mmio_bisect.domain.run import Cost, Probe, RunHead
from mmio_bisect.domain.toolchain import Point, Toolchain


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

    def outcomes_of(self, cells: Sequence[Cell]) -> Mapping[str, Outcome]:
        """By cell's key, those that are known."""

    def judgement_of(self, cell: Cell, outcome: Outcome, profile: str, rules: int) -> Judgement | None: ...

    def record(
        self, found: Sequence[tuple[Cell, Outcome]], judged: Sequence[tuple[Cell, Outcome, Judgement]] = ()
    ) -> None:
        """Keep them, all or none; what is there already (another process was quicker) stays as it is."""

    def begin_run(self, head: RunHead) -> int: ...

    def record_probe(self, run: int, probe: Probe) -> None: ...

    def finish_run(self, run: int, cost: Cost, document: str) -> None:
        """`document` holds the answers, see `RunRecord`."""

    def runs(self, *, limit: int) -> tuple[RunRecord, ...]: ...

    def run(self, run: int) -> RunRecord:
        """Raises `UnknownRunError`."""

    def outcomes(self, *, run: int | None = None) -> Iterator[OutcomeRecord]:
        """Those that the run probed, or all; newest first. Raises `UnknownRunError`."""

    def outcome(self, cell_key: str) -> OutcomeRecord:
        """By key or an unambiguous prefix of its hexadecimal digits. Raises `UnknownRunError`."""
