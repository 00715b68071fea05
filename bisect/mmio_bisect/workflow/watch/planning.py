"""What a tick does in one series, as values: points to probe, changes to bisect, and the state that follows.

Nothing here asks a source, probes or tells: `look` does what is planned. What goes wrong with a series is `Trouble`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, takewhile

from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import OutcomeKind, Verdict
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Listing, Point
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
from mmio_bisect.workflow.probing.ranges import Interpret, matching_points
from mmio_bisect.workflow.probing.retry import PASSING
from mmio_bisect.workflow.watch.news import (
    Deferred,
    Line,
    LineState,
    News,
    PointPlan,
    RulesChanged,
    SeriesState,
    Trouble,
    add_trouble,
    advance_line,
    begin_line,
    defer,
    judge_line_again,
    plan_points,
)
from mmio_bisect.workflow.watch.values import (
    Assignment,
    Bisected,
    ChangeGroup,
    NotBisected,
    NotLooked,
    Recovered,
    Unchanged,
    line_of,
)

# A folder that is not a clone any more, or git missing, is a usage error of a command, and a series' trouble here.
OF_SERIES = (*PASSING, BrokenToolchainError, NothingTestableError, UnknownVersionError, UsageError)
_OF_SOURCE = (DownloadError, CorruptArtefactError)

Events = tuple[Trouble | Deferred | Recovered | RulesChanged, ...]


def find_pause(series: str, state: SeriesState, now: str, pauses: Sequence[float]) -> NotLooked | None:
    """Why the series' source is left alone now, if it is; `pauses` as in `add_trouble`."""
    trouble = state.trouble
    if trouble is None or not trouble.leaves_alone(now, pauses=pauses):
        return None
    error = DownloadError(
        f"{series} is left alone until {(trouble.again or '')[:16]}, because it failed {trouble.ticks} times in a "
        f"row (`watch --once --ask-again` asks it now): {trouble.message}"
    )
    return NotLooked(error=error)


def without_future(state: SeriesState, listing: Listing) -> SeriesState:
    """As if watched up to the listing's end at most.

    What was watched beyond is of a clock that was ahead, where a series is a calendar, or withdrawn: nothing would be
    new until the series came to that point again.
    """
    if state.through is None or not listing.points or state.through <= listing.points[-1].sort_key:
        return state
    return replace(state, through=listing.points[-1].sort_key)


def plan_look(
    job: Assignment, state: SeriesState, listing: Listing, interpret: Interpret, remembered: frozenset[str]
) -> PointPlan:
    """What to probe. Raises `UnknownVersionError`."""
    points, watched = listing.points, job.watched
    state = without_future(state, listing)
    if watched.first:
        low = matching_points(watched.first, listing, interpret)[0].sort_key
        points = tuple(point for point in points if point.sort_key >= low)
    if watched.last:
        high = matching_points(watched.last, listing, interpret)[-1].sort_key
        points = tuple(point for point in points if point.sort_key <= high)
    return plan_points(
        points,
        state,
        remembered,
        bounded=watched.first is not None,
        limit=job.config.points_per_tick,
        patience=job.config.patience,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What probing the points of a plan gave: `probes` or `errors`, of the budget's too.

    `late` are points without a toolchain, but not for good: they are asked for again.
    """

    probes: Mapping[Point, tuple[Probe, ...]]
    late: frozenset[Point]
    errors: Mapping[Point, MmioBisectError]
    cost: Cost = field(default_factory=Cost)

    @property
    def over(self) -> dict[Point, OverBudgetError]:
        """What the budget cut off."""
        return {point: error for point, error in self.errors.items() if isinstance(error, OverBudgetError)}

    def answered(self, plan: PointPlan) -> list[Point]:
        """What can be told of: not beyond the first new point that the budget cut off, for they are told in order."""
        over = self.over
        in_order = takewhile(lambda point: point not in over, plan.new)
        return [point for point in in_order if point in self.probes and point not in self.late]


def compare(
    state: SeriesState, probes: Sequence[Sequence[Probe]], patience: int
) -> tuple[SeriesState, tuple[News, ...]]:
    """The state after more points, oldest first, and what is news."""
    lines: dict[Line, LineState] = dict(state.lines)
    news: list[News] = []
    for probe in (probe for of_point in probes for probe in of_point):
        if probe.judgement.verdict is Verdict.UNTESTABLE:
            continue
        line, marks = line_of(probe.request), probe.judgement.marks
        if line not in lines:
            lines[line] = begin_line(probe.point.version, marks, unseen=probe.judgement.blind)
            continue
        lines[line], more = advance_line(
            lines[line], line, probe.point.version, marks, patience=patience, unseen=probe.judgement.blind
        )
        news += more
    return replace(state, lines=lines), tuple(news)


def follow_rules(state: SeriesState, judged: Mapping[Line, Probe | None]) -> tuple[SeriesState, Events]:
    """The state by today's rules, and what they changed; `judged`: each line's newest testable point, judged again."""
    lines: dict[Line, LineState] = {}
    came = went = lost = 0
    for line, before in state.lines.items():
        there = {mark for mark, known in before.marks.items() if known.present}
        probe = judged.get(line)
        if probe is None or probe.judgement.verdict is Verdict.UNTESTABLE:
            lost, went = lost + 1, went + len(there)
            continue
        marks = probe.judgement.marks
        lines[line] = judge_line_again(before, marks, unseen=probe.judgement.blind)
        came, went = came + len(marks - there), went + len(there - marks)
    after = replace(state, lines=lines, rules=RULES)
    if not state.lines:
        return after, ()
    changed = RulesChanged(before=state.rules, after=RULES, lines=len(state.lines), came=came, went=went, lost=lost)
    return after, (changed,)


def plan_bisections(job: Assignment, news: Sequence[News], listed: Sequence[Point]) -> list[ChangeGroup]:
    """What to bisect. A mark that came and went since the last tick makes two groups, told in order."""
    places = {point.version: place for place, point in enumerate(listed)}
    requests = {line_of(request): request for request in job.requests}

    def by(one: News) -> tuple[int, int, str, Change]:
        # A point that is listed no more cannot be bisected from: its neighbour in the listing stands in for it.
        first, last = places.get(one.first), places.get(one.last)
        if first is None:
            first = len(listed) - 1 if last is None else min(last + 1, len(listed) - 1)
        return (first, max(first - 1, 0) if last is None else last, one.line.case, one.change)

    groups = []
    for (first, last, _, _), of_group in groupby(sorted(news, key=by), key=by):
        together = tuple(of_group)
        groups.append(
            ChangeGroup(
                series=job.series,
                profile=job.profile,
                points=tuple(listed[last : first + 1]),
                requests=tuple(requests[line] for line in dict.fromkeys(one.line for one in together)),
                news=together,
            )
        )
    return groups


def is_overdue(state: SeriesState, error: MmioBisectError, patience: int) -> bool:
    """After so many ticks of trouble, or without getting on, a change is told without its culprit rather than never."""
    if isinstance(error, OverBudgetError):
        return state.deferred is not None and state.deferred.in_vain >= patience
    return state.trouble is not None and state.trouble.ticks >= patience


def date_changes(
    state: SeriesState, bisected: Sequence[tuple[ChangeGroup, Bisected | Unchanged | NotBisected]]
) -> SeriesState:
    """What was bisected came with its culprit, not with the point at which it was seen; or was there all the time."""
    lines = dict(state.lines)
    for group, bisection in bisected:
        match bisection:
            case Bisected(culprit=str() as since) if group.change is Change.INTRODUCED:
                version: str | None = since
            case Unchanged() if group.change is Change.INTRODUCED:
                version = None
            case _:
                continue
        for one in group.news:
            known = lines[one.line].marks.get(one.mark)
            if known is not None and known.since == one.first:
                marks = {**lines[one.line].marks, one.mark: replace(known, since=version)}
                lines[one.line] = replace(lines[one.line], marks=marks)
    return replace(state, lines=lines)


def postpone(
    state: SeriesState, probed: Probed, why: str, groups: Sequence[ChangeGroup] = (), *, now: str, progress: bool
) -> SeriesState:
    """The budget cut off probes, or the bisections of `groups`; `progress`: toolchains came of the tick."""
    bisections = [f"{one.news[0].line.case} {one.change} in {one.points[-1]}" for one in groups]
    points = len(probed.over)
    deferred = defer(state.deferred, why, now, progress=progress, points=points, bisections=bisections)
    return replace(state, deferred=deferred)


def conclude(
    job: Assignment, state: SeriesState, plan: PointPlan, probed: Probed, *, now: str, progress: bool
) -> tuple[SeriesState, Events]:
    """How far the series is watched now, what waits for the next tick, and trouble that began or ended."""
    after = _move_on(job, state, plan, probed)
    if over := probed.over:
        after = postpone(after, probed, str(next(iter(over.values()))), now=now, progress=progress)
    else:
        after = replace(after, deferred=None)
    after, events = _settle_trouble(job, after, plan, probed, now)
    deferred = after.deferred
    if deferred is not None and deferred.in_vain == job.config.patience:
        # A budget with which nothing gets done is trouble too, told once.
        events = (*events, deferred)
    return after, events


def find_first_error(plan: PointPlan, probed: Probed) -> MmioBisectError | None:
    """Of the new points that are lost, and not for want of budget."""
    errors, over = probed.errors, probed.over
    return next((errors[point] for point in plan.new if point in errors and point not in over), None)


def _move_on(job: Assignment, state: SeriesState, plan: PointPlan, probed: Probed) -> SeriesState:
    """What the budget cut off waits on, and that is not a try."""
    patience, over = job.config.patience, probed.over
    newest = max(probed.answered(plan), key=lambda point: point.sort_key, default=None)
    through = state.through if newest is None else newest.sort_key
    tries = dict(state.waiting)
    for point in plan.points:
        tried = tries.pop(point.version, 0)
        if point not in probed.probes or point in probed.late:
            tries[point.version] = tried + (point not in over)
    tries |= {point.version: 0 for point in plan.left}
    waiting = {
        point.version: tries[point.version]
        for point in plan.watched
        if tries.get(point.version, patience) < patience and through is not None and point.sort_key < through
    }
    return replace(state, through=through, newest=state.newest if newest is None else newest.version, waiting=waiting)


def _settle_trouble(
    job: Assignment, state: SeriesState, plan: PointPlan, probed: Probed, now: str
) -> tuple[SeriesState, Events]:
    """New points of which none could be tested make one more tick of trouble; one that could, or none, ends it."""
    error = find_first_error(plan, probed)
    fresh = [probe for point in plan.new for probe in probed.probes.get(point, ())]
    if not plan.new or any(probe.outcome.kind is not OutcomeKind.NO_TOOLCHAIN for probe in fresh):
        return end_trouble(state)
    if error is not None:
        return fail(job, state, error, now)
    if probed.over:
        return state, ()
    reason = fresh[-1].judgement.reason if fresh else None
    return fail(job, state, reason or "no toolchain", now)


def end_trouble(state: SeriesState) -> tuple[SeriesState, Events]:
    trouble = state.trouble
    events = (Recovered(trouble=trouble),) if trouble is not None and trouble.reported else ()
    return replace(state, trouble=None), events


def fail(job: Assignment, state: SeriesState, error: MmioBisectError | str, now: str) -> tuple[SeriesState, Events]:
    """One more tick of trouble."""
    pauses = job.config.source_pauses if isinstance(error, _OF_SOURCE) else ()
    trouble, telling = add_trouble(state.trouble, str(error), now, patience=job.config.patience, pauses=pauses)
    events = (trouble,) if telling else ()
    return replace(state, trouble=trouble), events
