"""What a tick of the watch is given and what it gives: values, and who puts them into words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.run import Cost
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.watch.news import Line, News, PendingDescent, PointPlan, SeriesState
from mmio_bisect.workflow.watch.notices import Notice

Say = Callable[[str], None]
"""Takes a sentence for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One series to be watched. `first` and `last` are words of its range, None: see `WatchedSeries`."""

    series: str
    first: str | None
    last: str | None
    requests: tuple[CellRequest, ...]
    profile: Profile
    jobs: int
    patience: int
    limit: int
    pauses: tuple[float, ...]
    source_pauses: tuple[float, ...]
    descend: bool
    channels: tuple[str, ...]


def line_of(request: CellRequest) -> Line:
    return Line(case=request.case.file_name, target=request.target.name, opt=request.opt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """All that changed in one case between the same two points, in the same direction: one thing to tell.

    `points` are the range from the last point without the change to the first with it. A bisection of it has number
    `run`, and `culprit` is the version that it found, if it is one; or `why_not` says why there is none.
    `unchanged`: it was a recipe or a rule that changed, and no compiler.
    """

    series: str
    profile: Profile
    points: tuple[Point, ...]
    requests: tuple[CellRequest, ...]
    news: tuple[News, ...]
    run: int | None = None
    culprit: str | None = None
    why_not: str | None = None
    unchanged: bool = False

    @property
    def change(self) -> Change:
        return self.news[0].change

    @property
    def marks(self) -> dict[CellRequest, frozenset[Mark]]:
        """What changed in each request's line. Other defects of the same kind may have been there all the time."""
        return {
            request: frozenset(one.mark for one in self.news if one.line == line_of(request))
            for request in self.requests
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisected:
    """A run, and the version that all its answers name, if they do.

    `unchanged`: judged by what counts today, both ends are alike for all that was asked.
    """

    run: int
    culprit: str | None
    unchanged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """What a descent found: its deepest `claim`, a line a level, and the report. `unfinished`: why it is to go on."""

    claim: str | None
    lines: tuple[str, ...]
    markdown: str
    unfinished: str | None


class Author(Protocol):
    """Puts into words; and runs bisections and descents, which have documents to be kept."""

    def bisected(self, story: ChangeGroup, tools: Adapters) -> Bisected:
        """By a run that may be one that history has already. Raises as `hunt`."""

    def descend(self, run: int) -> Descent | None:
        """What lies below a bisection's culprits; None where there is no finer series, or nothing to look into."""

    def changed(self, story: ChangeGroup, descent: Descent | None) -> Notice: ...

    def traced(self, series: str, pending: PendingDescent, descent: Descent) -> Notice:
        """Of a descent that came to its end in a later tick than its bisection."""

    def in_trouble(self, series: str, message: str, since: str, ticks: int) -> Notice: ...

    def recovered(self, series: str, message: str, since: str, ticks: int) -> Notice: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """What a tick would do to a series."""

    series: str
    points: PointPlan
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a tick found in one series, before it is followed down, told and kept. `notices` are of trouble."""

    plan: WatchPlan | None
    state: SeriesState
    stories: tuple[ChangeGroup, ...] = ()
    notices: tuple[Notice, ...] = ()
    error: MmioBisectError | None = None
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What came of it. `error` is what stood in the way; `notices` are those that are new."""

    series: str
    plan: WatchPlan | None
    state: SeriesState
    notices: tuple[Notice, ...] = ()
    error: MmioBisectError | None = None
    cost: Cost = field(default_factory=Cost)
