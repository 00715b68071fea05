"""The end of a tick for one series: what was found is followed down, told and kept, in one transaction."""

from dataclasses import replace

from mmio_bisect.workflow.watch.news import PendingDescent
from mmio_bisect.workflow.watch.notices import Notice
from mmio_bisect.workflow.watch.values import Bisected, Finding, Looked, SeriesTick, TickFindings, why_unfinished


def settle(tick: SeriesTick, findings: TickFindings) -> TickFindings:
    """Follow what was found, and what earlier ticks left of that; then keep all of it. Raises as `look`."""
    job, look = tick.job, findings.look
    notices = [tick.watch.documents.event_notice(job.series, event) for event in findings.events]
    descents = []
    steps = [
        *(_go_on(pending, tick) for pending in findings.state.descents),
        *(_follow(finding, tick) for finding in (look.findings if isinstance(look, Looked) else ())),
    ]
    for notice, pending in steps:
        notices += [notice] if notice else []
        descents += [pending] if pending else []
    state = replace(findings.state, descents=tuple(descents))
    channels = [channel.name for channel in job.config.channels]
    new = tick.watch.outbox.keep(job.series, job.profile.name, state, notices, channels)
    return replace(findings, state=state, notices=new)


def _go_on(pending: PendingDescent, tick: SeriesTick) -> tuple[Notice | None, PendingDescent | None]:
    """What there is to tell, and what is left of it. One that gets nowhere for long ends where it is."""
    had = tick.tools.budget.spent.toolchains
    levels = tick.bisections.descend(pending.run)
    if not levels:
        return None, None
    in_vain = 0 if tick.tools.budget.spent.toolchains > had else pending.in_vain + 1
    why = why_unfinished(levels)
    if why is not None and in_vain < tick.job.config.patience:
        return None, replace(pending, why=why, in_vain=in_vain)
    return tick.watch.documents.traced_notice(tick.job.series, pending, levels), None


def _follow(finding: Finding, tick: SeriesTick) -> tuple[Notice, PendingDescent | None]:
    match finding.bisection:
        case Bisected(run=run) if tick.job.watched.descend:
            levels = tick.bisections.descend(run)
            notice, why = tick.watch.documents.change_notice(finding, levels), why_unfinished(levels)
            left = None if why is None else PendingDescent(run=run, title=notice.title, why=why, since=tick.now)
            return notice, left
        case _:
            return tick.watch.documents.change_notice(finding, ()), None
