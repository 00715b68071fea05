"""One tick of the watch over one series: look for new toolchains, probe, compare, bisect, tell.

Outcomes are in history as soon as they are there, and what people are told is kept in one transaction with how far the
series was watched. So a tick that was killed is repeated by the next one, which neither compiles nor tells anything
twice. What goes wrong with a series is its `Trouble`; what is wrong on our own side (disk, database, store) is raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol

from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest, OutcomeKind, Verdict
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import BrokenToolchainError, MmioBisectError, NothingTestableError, UnknownVersionError
from mmio_bisect.workflow.notices import Notice, Outbox
from mmio_bisect.workflow.probe import Prober, Toolbox
from mmio_bisect.workflow.ranges import matching_points
from mmio_bisect.workflow.retry import PASSING
from mmio_bisect.workflow.sweep import SweepEvents, SweepRequest, sweep
from mmio_bisect.workflow.watch_state import read, written
from mmio_bisect.workflow.watching import (
    Line,
    LineState,
    News,
    PointPlan,
    SeriesState,
    advanced,
    begun,
    plan_points,
    troubled,
)

_LOOK_BACK = 60
_OF_SERIES = (*PASSING, BrokenToolchainError, NothingTestableError, UnknownVersionError)


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
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that changed in one case between the same two points, in the same direction: one thing to tell.

    `points` are the range from the last point without the change to the first with it. A bisection of it has number
    `run`; or `why_not` says why there is none.
    """

    series: str
    profile: Profile
    points: tuple[Point, ...]
    requests: tuple[CellRequest, ...]
    news: tuple[News, ...]
    run: int | None = None
    why_not: str | None = None

    @property
    def change(self) -> Change:
        return self.news[0].change

    @property
    def marks(self) -> dict[CellRequest, frozenset[Mark]]:
        """What changed in each request's line. Other defects of the same kind may have been there all the time."""
        return {
            request: frozenset(one.mark for one in self.news if one.line == _line(request)) for request in self.requests
        }


class Author(Protocol):
    """Puts into words; and runs the bisection of a story, which has a document to be kept."""

    def bisected(self, story: Story, tools: Toolbox) -> int:
        """The run that bisects it, which may be one that history has already. Raises as `hunt`."""

    def changed(self, story: Story) -> Notice: ...

    def in_trouble(self, series: str, message: str, since: str, ticks: int) -> Notice: ...

    def recovered(self, series: str, message: str, since: str, ticks: int) -> Notice: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """What a tick would do to a series."""

    series: str
    points: PointPlan
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a tick found. `error` is what stood in the way; `notices` are those that are new."""

    series: str
    plan: WatchPlan | None
    state: SeriesState
    notices: tuple[Notice, ...] = ()
    error: MmioBisectError | None = None
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    points: tuple[Point, ...]
    plan: WatchPlan


def planned(job: Assignment, tools: Toolbox, state: SeriesState) -> WatchPlan:
    """Raises as `SeriesSource.listing`, and `UnknownVersionError`."""
    return _ranged(job, tools, state).plan


def watch_series(
    job: Assignment, tools: Toolbox, outbox: Outbox, author: Author, events: SweepEvents, *, now: str
) -> Watched:
    """Raises `StoreError`, `DatabaseError`, `DiskFullError`, `CancelledError`."""
    state = read(outbox.state(job.series, job.profile.name))
    try:
        found = _ranged(job, tools, state)
        return _Watching(job, tools, outbox, author, events, now).tick(state, found)
    except _OF_SERIES as error:
        return _kept_in_trouble(job, outbox, author, state, error, now)


def _ranged(job: Assignment, tools: Toolbox, state: SeriesState) -> _Range:
    listing = tools.source.listing(refresh=True)
    points = listing.points
    if job.first:
        low = matching_points(job.first, listing, tools.source.interpret)[0].sort_key
        points = tuple(point for point in points if point.sort_key >= low)
    if job.last:
        high = matching_points(job.last, listing, tools.source.interpret)[-1].sort_key
        points = tuple(point for point in points if point.sort_key <= high)
    plan = plan_points(
        points,
        state,
        tools.history.remembered(job.series),
        bounded=job.first is not None,
        limit=job.limit,
        patience=job.patience,
    )
    cells = len(plan.points) * len(job.requests)
    return _Range(points=points, plan=WatchPlan(series=job.series, points=plan, cells=cells))


def _kept_in_trouble(
    job: Assignment, outbox: Outbox, author: Author, state: SeriesState, error: MmioBisectError, now: str
) -> Watched:
    trouble, telling = troubled(state.trouble, str(error), now, patience=job.patience)
    after = replace(state, trouble=trouble)
    said = [author.in_trouble(job.series, trouble.message, trouble.since, trouble.ticks)] if telling else []
    new = outbox.keep(job.series, job.profile.name, written(after), said, job.channels)
    return Watched(series=job.series, plan=None, state=after, notices=new, error=error)


@dataclass(slots=True)
class _Watching:
    job: Assignment
    tools: Toolbox
    outbox: Outbox
    author: Author
    events: SweepEvents
    now: str

    def tick(self, state: SeriesState, found: _Range) -> Watched:
        job, plan = self.job, found.plan.points
        if not plan.points:
            return Watched(series=job.series, plan=found.plan, state=state)
        request = SweepRequest(
            requests=job.requests, points=plan.points, profile=job.profile, jobs=job.jobs, back_off=job.pauses
        )
        swept = sweep(request, self.tools, self.events)
        lost = {failed.point: failed.error for failed in swept.failed}
        by_point = {
            point: tuple(probes)
            for point, probes in groupby(swept.probes, key=lambda probe: probe.point)
            if point not in lost
        }
        answered = [point for point in plan.new if point in by_point and not self._is_late(by_point[point])]
        after, news = _folded(self._with_baselines(state, plan), [by_point[point] for point in answered], job.patience)
        stories = self._stories(news)
        if stories and (state.trouble is None or state.trouble.ticks < job.patience):
            stories = [replace(story, run=self.author.bisected(story, self.tools)) for story in stories]
        elif stories:
            stories = [self._bisected_or_not(story) for story in stories]
        had = {point for point, probes in by_point.items() if not self._is_late(probes)}
        after = self._moved_on(after, plan, answered, lost=set(plan.points) - had)
        error = next((lost[point] for point in plan.new if point in lost), None)
        after, notices = self._with_trouble(after, plan, by_point, error)
        notices = [*map(self.author.changed, stories), *notices]
        new = self.outbox.keep(job.series, job.profile.name, written(after), notices, job.channels)
        # One toolchain that cannot be had is no trouble where a newer one could.
        return Watched(
            series=job.series,
            plan=found.plan,
            state=after,
            notices=new,
            error=error if after.trouble else None,
            cost=swept.cost,
        )

    def _bisected_or_not(self, story: Story) -> Story:
        """After so many ticks of trouble the change is told without its culprit rather than never."""
        try:
            return replace(story, run=self.author.bisected(story, self.tools))
        except _OF_SERIES as error:
            return replace(story, why_not=str(error))

    def _is_late(self, probes: Sequence[Probe]) -> bool:
        """No toolchain, and not for good: it is asked for again."""
        return (
            all(probe.outcome.kind is OutcomeKind.NO_TOOLCHAIN for probe in probes)
            and self.tools.history.toolchain_of(probes[0].point) is None
        )

    def _with_baselines(self, state: SeriesState, plan: PointPlan) -> SeriesState:
        """Lines that were never watched begin with what history knows before the first new point."""
        missing = {_line(request): request for request in self.job.requests if _line(request) not in state.lines}
        if not missing or not plan.new:
            return state
        lines = dict(state.lines)
        prober = Prober(self.tools, self.job.profile)
        older = [point for point in self._remembered() if point.sort_key < plan.new[0].sort_key]
        for point in reversed(older[-_LOOK_BACK:]):
            for probe in prober.known(point, tuple(missing.values())) if missing else ():
                if probe.judgement.verdict is not Verdict.UNTESTABLE:
                    line = _line(probe.request)
                    lines[line] = begun(point.version, _marks(probe))
                    del missing[line]
        return replace(state, lines=lines)

    def _remembered(self) -> tuple[Point, ...]:
        return Prober(self.tools, self.job.profile).remembered(self.tools.source.listing().points)

    def _stories(self, news: Sequence[News]) -> list[Story]:
        """A mark that came and went since the last tick makes two stories, told in order."""
        listed = self.tools.source.listing().points
        places = {point.version: place for place, point in enumerate(listed)}
        requests = {_line(request): request for request in self.job.requests}

        def by(one: News) -> tuple[int, int, str, Change]:
            first = places[one.first]
            # A point that is listed no more cannot be bisected from: the one before the change stands in for it.
            return (first, places.get(one.last, max(first - 1, 0)), one.line.case, one.change)

        stories = []
        for (first, last, _, _), group in groupby(sorted(news, key=by), key=by):
            told = tuple(group)
            stories.append(
                Story(
                    series=self.job.series,
                    profile=self.job.profile,
                    points=listed[last : first + 1],
                    requests=tuple(requests[line] for line in dict.fromkeys(one.line for one in told)),
                    news=told,
                )
            )
        return stories

    def _moved_on(
        self, state: SeriesState, plan: PointPlan, answered: Sequence[Point], *, lost: set[Point]
    ) -> SeriesState:
        newest = max((point for point in answered), key=lambda point: point.sort_key, default=None)
        through = state.through if newest is None else newest.sort_key
        waiting = {
            point.version: state.waiting.get(point.version, 0) + 1
            for point in plan.points
            if point in lost and through is not None and point.sort_key < through
        }
        return replace(
            state, through=through, newest=state.newest if newest is None else newest.version, waiting=waiting
        )

    def _with_trouble(
        self,
        state: SeriesState,
        plan: PointPlan,
        by_point: dict[Point, tuple[Probe, ...]],
        error: MmioBisectError | None,
    ) -> tuple[SeriesState, list[Notice]]:
        """New points of which none could be tested make one more tick of trouble; one that could ends it."""
        before, job = state.trouble, self.job
        fresh = [probe for point in plan.new for probe in by_point.get(point, ())]
        if any(probe.outcome.kind is not OutcomeKind.NO_TOOLCHAIN for probe in fresh):
            if before is not None and before.told:
                said = self.author.recovered(job.series, before.message, before.since, before.ticks)
                return replace(state, trouble=None), [said]
            return replace(state, trouble=None), []
        if not plan.new:
            return state, []
        message = str(error) if error else (fresh[-1].judgement.reason or "no toolchain") if fresh else "no toolchain"
        trouble, telling = troubled(before, message, self.now, patience=job.patience)
        said_now = [self.author.in_trouble(job.series, message, trouble.since, trouble.ticks)] if telling else []
        return replace(state, trouble=trouble), said_now


def _line(request: CellRequest) -> Line:
    return Line(case=request.case.file_name, target=request.target.name, opt=request.opt)


def _marks(probe: Probe) -> frozenset[Mark]:
    return frozenset(found.mark for found in probe.judgement.defects)


def known_news(job: Assignment, tools: Toolbox, state: SeriesState) -> tuple[News, ...]:
    """What would be told of the points that history answers already; nothing is probed and nothing kept."""
    prober = Prober(tools, job.profile)
    points = _ranged(job, tools, state).plan.points.new
    return tuple(_folded(state, [prober.known(point, job.requests) for point in points], job.patience)[1])


def _folded(state: SeriesState, probes: Sequence[Sequence[Probe]], patience: int) -> tuple[SeriesState, list[News]]:
    """The state after more points, oldest first, and what is news."""
    lines: dict[Line, LineState] = dict(state.lines)
    news: list[News] = []
    for probe in (probe for of_point in probes for probe in of_point):
        if probe.judgement.verdict is Verdict.UNTESTABLE:
            continue
        line, marks = _line(probe.request), _marks(probe)
        if line not in lines:
            lines[line] = begun(probe.point.version, marks)
            continue
        lines[line], found = advanced(lines[line], line, probe.point.version, marks, patience=patience)
        news += found
    return replace(state, lines=lines), news
