"""One look at one series: what `planning` says is probed, compared and bisected. `settle` does the rest.

Outcomes are in history as soon as they are there, and what people are told is kept in one transaction with how far the
series was watched. So a tick that was killed is repeated by the next one, which neither compiles nor tells anything
twice; and so is what a budget cut off. What is wrong on our own side (disk, database, store) is raised.
"""

from dataclasses import replace
from itertools import groupby

from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.outcome import OutcomeKind, Verdict
from mmio_bisect.errors import OverBudgetError
from mmio_bisect.workflow.probing.probe import Prober
from mmio_bisect.workflow.sweep.cells import SweepRequest, sweep
from mmio_bisect.workflow.watch import planning
from mmio_bisect.workflow.watch.news import News, PointPlan, SeriesState, begin_line
from mmio_bisect.workflow.watch.values import (
    Bisected,
    ChangeGroup,
    Finding,
    Looked,
    NotBisected,
    NotLooked,
    SeriesPlan,
    SeriesTick,
    TickFindings,
    Unchanged,
    line_of,
)

_LOOK_BACK = 60


def foresee(tick: SeriesTick) -> SeriesPlan:
    """What would be probed, and told of the points that history answers already; nothing is probed and nothing kept."""
    job, state = tick.job, tick.state
    plan = planning.find_pause(job.series, state, tick.now, job.config.source_pauses) or _plan(tick, state)
    news: tuple[News, ...] = ()
    if isinstance(plan, PointPlan):
        state, _ = _follow_rules(state, tick)
        prober = Prober(tick.tools, job.profile)
        _, news = planning.compare(
            state, [prober.known(point, job.requests) for point in plan.new], job.config.patience
        )
    return SeriesPlan(job=job, look=plan, news=news, descents=state.descents)


def look(tick: SeriesTick, *, ask_again: bool = False) -> TickFindings:
    """What is new in a series, bisected. With `ask_again` no source is left alone.

    Where the first look begins is kept before anything is probed: if it is killed, what it probed is in history, and
    yet still to be told of.
    Raises `StoreError`, `DatabaseError`, `DiskFullError`, `CancelledError`.
    """
    job, state = tick.job, tick.state
    pause = None if ask_again else planning.find_pause(job.series, state, tick.now, job.config.source_pauses)
    if pause is not None:
        return TickFindings(series=job.series, state=state, look=pause)
    ruled: planning.Events = ()
    try:
        plan = _plan(tick, state)
        state = planning.without_future(state, tick.tools.source.listing())
        if state.through is None:
            state = replace(state, through=plan.before)
            tick.watch.outbox.keep(job.series, job.profile.name, state, (), ())
        state, ruled = _follow_rules(state, tick)
        findings = _execute(plan, tick, state)
    except planning.OF_SERIES as error:
        after, events = planning.fail(job, state, error, tick.now)
        findings = TickFindings(series=job.series, state=after, look=NotLooked(error=error), events=events)
    return replace(findings, events=(*ruled, *findings.events))


def _follow_rules(state: SeriesState, tick: SeriesTick) -> tuple[SeriesState, planning.Events]:
    """Judge what was seen last again where other rules judged it, so that nothing they change is told of a compiler."""
    if state.rules == RULES:
        return state, ()
    prober = Prober(tick.tools, tick.job.profile)
    points = {point.version: point for point in tick.tools.source.listing().points}
    judged = {}
    for request in tick.job.requests:
        known = state.lines.get(line_of(request))
        point = None if known is None else points.get(known.version)
        judged[line_of(request)] = next(iter(prober.known(point, (request,))), None) if point else None
    return planning.follow_rules(state, judged)


def _plan(tick: SeriesTick, state: SeriesState) -> PointPlan:
    """Raises as `SeriesSource.listing`, and `UnknownVersionError`."""
    source, remembered = tick.tools.source, tick.tools.history.remembered(tick.job.series)
    return planning.plan_look(tick.job, state, source.listing(refresh=True), source.interpret, remembered)


def _execute(plan: PointPlan, tick: SeriesTick, state: SeriesState) -> TickFindings:
    job, budget = tick.job, tick.tools.budget
    if not plan.points:
        after, events = planning.end_trouble(replace(state, deferred=None))
        return TickFindings(series=job.series, state=after, look=Looked(plan=plan), events=events)
    had = budget.spent.toolchains
    probed = _probe(plan, tick)
    answers = [probed.probes[point] for point in probed.answered(plan)]
    after, news = planning.compare(_add_baselines(state, plan, tick), answers, job.config.patience)
    groups = planning.plan_bisections(job, news, tick.tools.source.listing().points)
    try:
        bisected = [(group, _bisect(group, state, tick)) for group in groups]
    except OverBudgetError as error:
        progress = budget.spent.toolchains > had
        # Nothing is told yet, and the next tick goes over all of it, from history.
        after = planning.postpone(state, probed, str(error), groups, now=tick.now, progress=progress)
        return TickFindings(series=job.series, state=after, look=Looked(plan=plan, cost=probed.cost))
    progress = budget.spent.toolchains > had
    after, events = planning.conclude(
        job, planning.date_changes(after, bisected), plan, probed, now=tick.now, progress=progress
    )
    looked = Looked(
        plan=plan,
        findings=tuple(Finding(group=group, bisection=to) for group, to in bisected if not isinstance(to, Unchanged)),
        # One toolchain that cannot be had is not trouble where a newer one could.
        error=planning.find_first_error(plan, probed) if after.trouble else None,
        cost=probed.cost,
    )
    return TickFindings(series=job.series, state=after, look=looked, events=events)


def _probe(plan: PointPlan, tick: SeriesTick) -> planning.Probed:
    job = tick.job
    request = SweepRequest(
        requests=job.requests,
        points=plan.points,
        profile=job.profile,
        jobs=job.config.jobs,
        back_off=job.config.pauses,
    )
    swept = sweep(request, tick.tools, tick.watch.log)
    errors = {failed.point: failed.error for failed in swept.failed}
    by_point = groupby(swept.probes, key=lambda probe: probe.point)
    probes = {point: tuple(of_point) for point, of_point in by_point if point not in errors}
    lacking = (point for point in probes if all(one.outcome.kind is OutcomeKind.NO_TOOLCHAIN for one in probes[point]))
    late = frozenset(point for point in lacking if tick.tools.history.toolchain_of(point) is None)
    return planning.Probed(probes=probes, late=late, errors=errors, cost=swept.cost)


def _add_baselines(state: SeriesState, plan: PointPlan, tick: SeriesTick) -> SeriesState:
    """Lines that were never watched begin with what history knows before the first new point."""
    missing = {line_of(request): request for request in tick.job.requests if line_of(request) not in state.lines}
    if not missing or not plan.new:
        return state
    lines = dict(state.lines)
    prober = Prober(tick.tools, tick.job.profile)
    remembered = prober.remembered(tick.tools.source.listing().points)
    older = [point for point in remembered if point.sort_key < plan.new[0].sort_key]
    for point in reversed(older[-_LOOK_BACK:]):
        for probe in prober.known(point, tuple(missing.values())) if missing else ():
            if probe.judgement.verdict is not Verdict.UNTESTABLE:
                line = line_of(probe.request)
                unseen = probe.judgement.blind
                lines[line] = begin_line(point.version, probe.judgement.marks, unseen=unseen)
                del missing[line]
    return replace(state, lines=lines)


def _bisect(group: ChangeGroup, state: SeriesState, tick: SeriesTick) -> Bisected | Unchanged | NotBisected:
    try:
        bisection = tick.bisections.bisect(group, tick.tools)
    except (OverBudgetError, *planning.OF_SERIES) as error:
        if not planning.is_overdue(state, error, tick.job.config.patience):
            raise
        return NotBisected(why=str(error))
    ends = (group.points[0].version, group.points[-1].version)
    if isinstance(bisection, Unchanged) and any((one.last, one.first) != ends for one in group.news):
        return Bisected(run=bisection.run)  # a neighbour of what was measured stands in for it
    return bisection
