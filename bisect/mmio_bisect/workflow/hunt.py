"""Bisect a range: the search proposes points, probes run in a pool, answers come out."""

from dataclasses import dataclass
from typing import Protocol

from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.run import CellAnswer, Cost, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.ports import History, ObjectReader, Sandbox, SeriesSource, Signals, ToolchainStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The adapters that a use case works with."""

    source: SeriesSource
    store: ToolchainStore
    sandbox: Sandbox
    objects: ObjectReader
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntRequest:
    """What to bisect: all `requests` are of one case; `points` are the range, oldest first.

    `defects` are the kinds that make a verdict bad (None: all). With `changed` a point is bad when its code differs
    from the oldest point's.
    """

    requests: tuple[CellRequest, ...]
    points: tuple[Point, ...]
    profile: Profile
    defects: frozenset[DefectKind] | None = None
    changed: bool = False
    jobs: int = 2
    argv: tuple[str, ...] = ()


class HuntEvents(Protocol):
    """What a hunt tells whoever watches; called from several threads."""

    def begun(self, point: Point) -> None: ...

    def fetching(self, point: Point) -> Signals:
        """A download begins; `progress` of the result will be called with bytes."""

    def probed(self, probe: Probe) -> None: ...

    def dropped(self, point: Point) -> None:
        """Another verdict made the probe useless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntResult:
    """`run` is the number that history gave."""

    run: int
    answers: tuple[CellAnswer, ...]
    cost: Cost


def hunt(request: HuntRequest, tools: Toolbox, events: HuntEvents) -> HuntResult:
    """Raises `NothingTestableError` when no probed point made an object for any request."""
    raise NotImplementedError
