"""What a tick of the watch is given and what it gives: values, and the ports beside those that every use case has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.run import CellAnswer, Cost, FinishedRun, RunHead
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError, UndeliveredError
from mmio_bisect.workflow.bisect.follow import BrokenOff, DescentLevel
from mmio_bisect.workflow.bisect.plan import Counting
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Allowance, Spent
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.sweep.cells import SweepEvents
from mmio_bisect.workflow.watch.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.watch.news import (
    Deferred,
    Line,
    News,
    PendingDescent,
    PointPlan,
    RulesChanged,
    SeriesState,
    Trouble,
)
from mmio_bisect.workflow.watch.notices import Delivered, Delivery, Messenger, Notice, NoticeKind, Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One series to be watched, with the cells that its recipes make."""

    config: Configuration
    watched: WatchedSeries
    requests: tuple[CellRequest, ...]

    @property
    def series(self) -> str:
        return self.watched.name

    @property
    def profile(self) -> Profile:
        return PROFILES[self.watched.profile]


def line_of(request: CellRequest) -> Line:
    return Line(case=request.case.file_name, target=request.target.name, opt=request.opt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeGroup:
    """All that changed in one case between the same two points, in the same direction: one thing to tell.

    `points` are the range from the last point without the change to the first with it.
    """

    series: str
    profile: Profile
    points: tuple[Point, ...]
    requests: tuple[CellRequest, ...]
    news: tuple[News, ...]

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
    """By a run; `culprit` is the version that all its answers name, if they do."""

    run: int
    culprit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Judged by what counts today, both ends are alike: a recipe or a rule changed, and no compiler."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBisected:
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A change to tell, and what bisecting it gave."""

    group: ChangeGroup
    bisection: Bisected | NotBisected


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """From trouble that people were told of."""

    trouble: Trouble


def why_unfinished(levels: Sequence[DescentLevel]) -> str | None:
    """Why a descent is to go on; None: it came to its end."""
    ends = (level.end for level in levels)
    return next((end.why for end in ends if isinstance(end, BrokenOff) and end.passing), None)


class Documents(Protocol):
    """Puts into words what there is to tell, and writes files for people."""

    def run_text(self, head: RunHead, run: int, answers: Sequence[CellAnswer], cost: Cost) -> str:
        """The document that history keeps of a bisection."""

    def finished_run(self, run: int) -> FinishedRun | None:
        """That document read again; None for a run that did not finish."""

    def event_notice(self, series: str, event: Trouble | Deferred | Recovered | RulesChanged) -> Notice: ...

    def change_notice(self, finding: Finding, levels: tuple[DescentLevel, ...]) -> Notice:
        """With the levels that it was followed into. A bisection's report is written into a file too."""

    def traced_notice(self, series: str, pending: PendingDescent, levels: tuple[DescentLevel, ...]) -> Notice:
        """Of a descent that ends in a later tick than its bisection; its report is written into a file too."""

    def tick_text(self, result: "TickResult") -> str: ...

    def write_page(self) -> None: ...


class WatchLog(SweepEvents, Counting, Protocol):
    """The log, which is told of sweeps and hunts too."""

    def say(self, sentence: str) -> None: ...


class Bisections(Protocol):
    """Bisects what changed, and follows it down."""

    def bisect(self, group: ChangeGroup, tools: Adapters) -> Bisected | Unchanged:
        """By a run that may be one that history has already. Raises as `hunt`."""

    def descend(self, run: int) -> tuple[DescentLevel, ...]:
        """What lies below a run's culprits; nothing where there is no finer series, or nothing to look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a tick works with."""

    config: Configuration
    jobs: tuple[Assignment, ...]
    wiring: Wiring
    history: History
    outbox: Outbox
    messenger: Messenger
    documents: Documents
    log: WatchLog


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTick:
    """One series in one tick, which began `now`."""

    job: Assignment
    watch: Watch
    tools: Adapters
    bisections: Bisections
    now: str

    @property
    def state(self) -> SeriesState:
        return self.watch.outbox.state(self.job.series, self.job.profile.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLooked:
    """The series' source is left alone, or it could not be looked at."""

    error: MmioBisectError


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """New points were looked for. `error`: why none of them could be tested."""

    plan: PointPlan
    findings: tuple[Finding, ...] = ()
    error: MmioBisectError | None = None
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickFindings:
    """What a tick found in one series. `notices` are those that nobody was told before, once all of it is kept."""

    series: str
    state: SeriesState
    look: Looked | NotLooked
    events: tuple[Trouble | Deferred | Recovered | RulesChanged, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """All series of a tick, what was delivered, and what was spent of the budget."""

    series: tuple[TickFindings, ...]
    delivered: Delivered
    spent: Spent
    allowance: Allowance

    @property
    def code(self) -> int:
        """A regression (1) is news before all else; then the gravest trouble; then a notice that nobody took."""
        if any(notice.kind is NoticeKind.REGRESSION for one in self.series for notice in one.notices):
            return 1
        # What is below the codes of errors has other meanings.
        errors = [max(one.look.error.exit_code, MmioBisectError.exit_code) for one in self.series if one.look.error]
        return max(errors, default=UndeliveredError.exit_code if self.delivered.failed else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlan:
    """What a tick would do to a series, and what it would tell of points that history knows already."""

    job: Assignment
    look: PointPlan | NotLooked
    news: tuple[News, ...]
    descents: tuple[PendingDescent, ...]

    @property
    def cells(self) -> int:
        return len(self.look.points) * len(self.job.requests) if isinstance(self.look, PointPlan) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPlan:
    series: tuple[SeriesPlan, ...]
    waiting: tuple[Delivery, ...]
