"""One tick of the watch over one series: look for new toolchains, probe, compare, bisect. `settle` does the rest.

Outcomes are in history as soon as they are there, and what people are told is kept in one transaction with how far the
series was watched. So a tick that was killed is repeated by the next one, which neither compiles nor tells anything
twice; and so is what a budget cut off. What goes wrong with a series is its `Trouble`; what is wrong on our own side
(disk, database, store) is raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import OutcomeKind, Verdict
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import (
    BrokenToolchainError,
    CorruptArtefactError,
    DownloadError,
    MmioBisectError,
    NothingTestableError,
    OverBudgetError,
    UnknownVersionError,
    UsageError,
)
from mmio_bisect.workflow.probing.probe import Adapters, Prober
from mmio_bisect.workflow.probing.ranges import matching_points
from mmio_bisect.workflow.probing.retry import PASSING
from mmio_bisect.workflow.sweep.cells import SweepEvents, SweepRequest, sweep
from mmio_bisect.workflow.watch.news import (
    Deferred,
    Line,
    LineState,
    News,
    PointPlan,
    SeriesState,
    add_trouble,
    advance_line,
    begin_line,
    defer,
    plan_points,
)
from mmio_bisect.workflow.watch.notices import Notice, Outbox
from mmio_bisect.workflow.watch.values import Assignment, Author, ChangeGroup, Found, WatchPlan, line_of

_LOOK_BACK = 60
# A clone that is none any more, or git missing, is a usage error where a person gave it, and one series' trouble here.
_OF_SERIES = (*PASSING, BrokenToolchainError, NothingTestableError, UnknownVersionError, UsageError)
_OF_SOURCE = (DownloadError, CorruptArtefactError)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """A series' points that are watched; `before`: the sort key that all new ones are beyond."""

    points: tuple[Point, ...]
    before: str
    plan: WatchPlan


def plan_series(job: Assignment, tools: Adapters, state: SeriesState) -> WatchPlan:
    """Raises as `SeriesSource.listing`, and `UnknownVersionError`."""
    return _ranged(job, tools, state).plan


def look(
    job: Assignment,
    tools: Adapters,
    outbox: Outbox,
    author: Author,
    events: SweepEvents,
    *,
    now: str,
    ask_again: bool = False,
) -> Found:
    """What is new in a series, bisected. With `ask_again` no source is left alone.

    Where the first look begins is kept before anything is probed: if it is killed, what it probed is in history, and
    yet still to be told of.
    Raises `StoreError`, `DatabaseError`, `DiskFullError`, `CancelledError`.
    """
    state = state_of(job, outbox)
    alone = None if ask_again else left_alone(job, state, now)
    if alone is not None:
        return Found(plan=None, state=state, error=alone)
    try:
        found = _ranged(job, tools, state)
        if state.through is None:
            state = replace(state, through=found.before)
            outbox.keep(job.series, job.profile.name, state, (), ())
        return _Looking(job, tools, author, events, now).tick(state, found)
    except _OF_SERIES as error:
        return _in_trouble(job, author, state, error, now)


def state_of(job: Assignment, outbox: Outbox) -> SeriesState:
    return outbox.state(job.series, job.profile.name)


def left_alone(job: Assignment, state: SeriesState, now: str) -> MmioBisectError | None:
    """Why the series' source is not asked now, if it is not."""
    trouble = state.trouble
    if trouble is None or not trouble.leaves_alone(now):
        return None
    return DownloadError(
        f"{job.series} is left alone until {(trouble.again or '')[:16]}, because it failed {trouble.ticks} times in a "
        f"row (`watch --once --ask-again` asks it now): {trouble.message}"
    )


def _ranged(job: Assignment, tools: Adapters, state: SeriesState) -> _Range:
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
    first = min((point.sort_key for point in (*plan.new, *plan.left)), default=None)
    before = max((point.sort_key for point in points if first is None or point.sort_key < first), default="")
    return _Range(points=points, before=before, plan=WatchPlan(series=job.series, points=plan, cells=cells))


def _in_trouble(job: Assignment, author: Author, state: SeriesState, error: MmioBisectError, now: str) -> Found:
    pauses = job.source_pauses if isinstance(error, _OF_SOURCE) else ()
    trouble, telling = add_trouble(state.trouble, str(error), now, patience=job.patience, pauses=pauses)
    said = [author.in_trouble(job.series, trouble.message, trouble.since, trouble.ticks)] if telling else []
    return Found(plan=None, state=replace(state, trouble=trouble), notices=tuple(said), error=error)


@dataclass(slots=True)
class _Looking:
    job: Assignment
    tools: Adapters
    author: Author
    events: SweepEvents
    now: str

    def tick(self, state: SeriesState, found: _Range) -> Found:
        job, plan, spent = self.job, found.plan.points, self.tools.budget.spent.toolchains
        if not plan.points:
            after, said = self._with_trouble(replace(state, deferred=None), plan, {}, None, cut=False)
            return Found(plan=found.plan, state=after, notices=tuple(said))
        request = SweepRequest(
            requests=job.requests, points=plan.points, profile=job.profile, jobs=job.jobs, back_off=job.pauses
        )
        swept = sweep(request, self.tools, self.events)
        lost = {failed.point: failed.error for failed in swept.failed}
        over = {point: error for point, error in lost.items() if isinstance(error, OverBudgetError)}
        by_point = {
            point: tuple(probes)
            for point, probes in groupby(swept.probes, key=lambda probe: probe.point)
            if point not in lost
        }
        answered = self._answered(plan, by_point, over)
        after, news = _folded(self._with_baselines(state, plan), [by_point[point] for point in answered], job.patience)
        stories = self._stories(news)
        try:
            stories = [self._bisected(story, state) for story in stories]
        except OverBudgetError as error:
            return self._held_back(state, found, stories, str(error), spent=spent, points=len(over), cost=swept.cost)
        after = _dated(after, stories)
        had = {point for point, probes in by_point.items() if not self._is_late(probes)}
        after = self._moved_on(after, found, answered, lost=set(plan.points) - had - set(over), over=set(over))
        after = replace(after, deferred=self._cut_off(state, over, spent))
        fault = next((lost[point] for point in plan.new if point in lost and point not in over), None)
        after, notices = self._with_trouble(after, plan, by_point, fault, cut=bool(over))
        notices += self._too_little(after)
        return Found(
            plan=found.plan,
            state=after,
            stories=tuple(story for story in stories if not story.unchanged),
            notices=tuple(notices),
            # One toolchain that cannot be had is not trouble where a newer one could.
            error=fault if after.trouble else None,
            cost=swept.cost,
        )

    def _answered(
        self, plan: PointPlan, by_point: dict[Point, tuple[Probe, ...]], over: dict[Point, OverBudgetError]
    ) -> list[Point]:
        """What can be told of: not beyond the first new point that the budget cut off, for they are told in order."""
        end = next((place for place, point in enumerate(plan.new) if point in over), len(plan.new))
        return [point for point in plan.new[:end] if point in by_point and not self._is_late(by_point[point])]

    def _cut_off(self, state: SeriesState, over: dict[Point, OverBudgetError], spent: int) -> Deferred | None:
        if not over:
            return None
        return defer(
            state.deferred,
            str(next(iter(over.values()))),
            self.now,
            progress=self.tools.budget.spent.toolchains > spent,
            points=len(over),
        )

    def _held_back(
        self,
        state: SeriesState,
        found: _Range,
        stories: Sequence[ChangeGroup],
        why: str,
        *,
        spent: int,
        points: int,
        cost: Cost,
    ) -> Found:
        """A bisection was cut off: nothing is told yet, and the next tick goes over all of it, from history."""
        cut = defer(
            state.deferred,
            why,
            self.now,
            progress=self.tools.budget.spent.toolchains > spent,
            points=points,
            bisections=[f"{one.news[0].line.case} {one.change} in {one.points[-1]}" for one in stories],
        )
        return Found(plan=found.plan, state=replace(state, deferred=cut), cost=cost)

    def _too_little(self, state: SeriesState) -> list[Notice]:
        """A budget with which nothing gets done is trouble too, told once."""
        cut = state.deferred
        if cut is None or cut.in_vain != self.job.patience:
            return []
        return [self.author.in_trouble(self.job.series, cut.message, cut.since, cut.ticks)]

    def _bisected(self, story: ChangeGroup, state: SeriesState) -> ChangeGroup:
        """After so many ticks of trouble, or without getting on, it is told without its culprit rather than never."""
        try:
            found = self.author.bisected(story, self.tools)
            ends = (story.points[0].version, story.points[-1].version)
            measured = all((one.last, one.first) == ends for one in story.news)  # and not by neighbours
            return replace(story, run=found.run, culprit=found.culprit, unchanged=found.unchanged and measured)
        except OverBudgetError as error:
            if state.deferred is None or state.deferred.in_vain < self.job.patience:
                raise
            return replace(story, why_not=str(error))
        except _OF_SERIES as error:
            if state.trouble is None or state.trouble.ticks < self.job.patience:
                raise
            return replace(story, why_not=str(error))

    def _is_late(self, probes: Sequence[Probe]) -> bool:
        """No toolchain, and not for good: it is asked for again."""
        return (
            all(probe.outcome.kind is OutcomeKind.NO_TOOLCHAIN for probe in probes)
            and self.tools.history.toolchain_of(probes[0].point) is None
        )

    def _with_baselines(self, state: SeriesState, plan: PointPlan) -> SeriesState:
        """Lines that were never watched begin with what history knows before the first new point."""
        missing = {line_of(request): request for request in self.job.requests if line_of(request) not in state.lines}
        if not missing or not plan.new:
            return state
        lines = dict(state.lines)
        prober = Prober(self.tools, self.job.profile)
        older = [point for point in self._remembered() if point.sort_key < plan.new[0].sort_key]
        for point in reversed(older[-_LOOK_BACK:]):
            for probe in prober.known(point, tuple(missing.values())) if missing else ():
                if probe.judgement.verdict is not Verdict.UNTESTABLE:
                    line = line_of(probe.request)
                    lines[line] = begin_line(point.version, _marks(probe))
                    del missing[line]
        return replace(state, lines=lines)

    def _remembered(self) -> tuple[Point, ...]:
        return Prober(self.tools, self.job.profile).remembered(self.tools.source.listing().points)

    def _stories(self, news: Sequence[News]) -> list[ChangeGroup]:
        """A mark that came and went since the last tick makes two stories, told in order."""
        listed = self.tools.source.listing().points
        places = {point.version: place for place, point in enumerate(listed)}
        requests = {line_of(request): request for request in self.job.requests}

        def by(one: News) -> tuple[int, int, str, Change]:
            # A point that is listed no more cannot be bisected from: its neighbour in the listing stands in for it.
            first, last = places.get(one.first), places.get(one.last)
            if first is None:
                first = len(listed) - 1 if last is None else min(last + 1, len(listed) - 1)
            return (first, max(first - 1, 0) if last is None else last, one.line.case, one.change)

        stories = []
        for (first, last, _, _), group in groupby(sorted(news, key=by), key=by):
            told = tuple(group)
            stories.append(
                ChangeGroup(
                    series=self.job.series,
                    profile=self.job.profile,
                    points=listed[last : first + 1],
                    requests=tuple(requests[line] for line in dict.fromkeys(one.line for one in told)),
                    news=told,
                )
            )
        return stories

    def _moved_on(
        self, state: SeriesState, found: _Range, answered: Sequence[Point], *, lost: set[Point], over: set[Point]
    ) -> SeriesState:
        """What the budget cut off waits on, and that is not a try."""
        plan = found.plan.points
        newest = max((point for point in answered), key=lambda point: point.sort_key, default=None)
        through = state.through if newest is None else newest.sort_key
        tries = dict(state.waiting)
        for point in plan.points:
            tried = tries.pop(point.version, 0)
            if point in lost or point in over:
                tries[point.version] = tried + (point in lost)
        tries |= {point.version: 0 for point in plan.left}
        waiting = {
            point.version: tries[point.version]
            for point in found.points
            if tries.get(point.version, self.job.patience) < self.job.patience
            and through is not None
            and point.sort_key < through
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
        *,
        cut: bool,
    ) -> tuple[SeriesState, list[Notice]]:
        """New points of which none could be tested make one more tick of trouble; one that could, or none, ends it."""
        before, job = state.trouble, self.job
        fresh = [probe for point in plan.new for probe in by_point.get(point, ())]
        if not plan.new or any(probe.outcome.kind is not OutcomeKind.NO_TOOLCHAIN for probe in fresh):
            if before is not None and before.reported:
                said = self.author.recovered(job.series, before.message, before.since, before.ticks)
                return replace(state, trouble=None), [said]
            return replace(state, trouble=None), []
        if cut and error is None:
            return state, []
        message = str(error) if error else (fresh[-1].judgement.reason or "no toolchain") if fresh else "no toolchain"
        pauses = job.source_pauses if isinstance(error, _OF_SOURCE) else ()
        trouble, telling = add_trouble(before, message, self.now, patience=job.patience, pauses=pauses)
        said_now = [self.author.in_trouble(job.series, message, trouble.since, trouble.ticks)] if telling else []
        return replace(state, trouble=trouble), said_now


def _dated(state: SeriesState, stories: Sequence[ChangeGroup]) -> SeriesState:
    """What was bisected came with its culprit, not with the point at which it was seen; or was there all the time."""
    lines = dict(state.lines)
    for story in stories:
        if story.change is Change.INTRODUCED and (story.culprit is not None or story.unchanged):
            for one in story.news:
                found = lines[one.line].marks.get(one.mark)
                if found is not None and found.since == one.first:
                    marks = {**lines[one.line].marks, one.mark: replace(found, since=story.culprit)}
                    lines[one.line] = replace(lines[one.line], marks=marks)
    return replace(state, lines=lines)


def _marks(probe: Probe) -> frozenset[Mark]:
    return frozenset(found.mark for found in probe.judgement.defects)


def known_news(job: Assignment, tools: Adapters, state: SeriesState) -> tuple[News, ...]:
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
        line, marks = line_of(probe.request), _marks(probe)
        if line not in lines:
            lines[line] = begin_line(probe.point.version, marks)
            continue
        lines[line], found = advance_line(lines[line], line, probe.point.version, marks, patience=patience)
        news += found
    return replace(state, lines=lines), news
