"""The end of a tick for one series: what was found is followed down, told and kept, in one transaction."""

from dataclasses import replace

from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.watch.news import PendingDescent
from mmio_bisect.workflow.watch.notices import Notice, Outbox
from mmio_bisect.workflow.watch.values import Assignment, Author, Found, Watched


def settle(found: Found, job: Assignment, tools: Adapters, outbox: Outbox, author: Author, *, now: str) -> Watched:
    """Follow what was found, and what earlier ticks left of that; then keep all of it. Raises as `look`."""
    state, notices = found.state, list(found.notices)
    descents = []
    for pending in state.descents:
        left, notice = _followed(pending, job, tools, author)
        descents += [left] if left else []
        notices += [notice] if notice else []
    for story in found.stories:
        descent = author.descend(story.run) if job.descend and story.run is not None else None
        notice = author.changed(story, descent)
        notices.append(notice)
        if story.run is not None and descent is not None and descent.unfinished is not None:
            descents.append(PendingDescent(run=story.run, title=notice.title, why=descent.unfinished, since=now))
    after = replace(state, descents=tuple(descents))
    new = outbox.keep(job.series, job.profile.name, after, notices, job.channels)
    return Watched(series=job.series, plan=found.plan, state=after, notices=new, error=found.error, cost=found.cost)


def _followed(
    pending: PendingDescent, job: Assignment, tools: Adapters, author: Author
) -> tuple[PendingDescent | None, Notice | None]:
    """What is left of it, and what there is to tell. One that gets nowhere for long ends where it is."""
    before = tools.budget.spent.toolchains
    descent = author.descend(pending.run)
    if descent is None:
        return None, None
    in_vain = 0 if tools.budget.spent.toolchains > before else pending.in_vain + 1
    if descent.unfinished is not None and in_vain < job.patience:
        return replace(pending, why=descent.unfinished, in_vain=in_vain), None
    return None, author.traced(job.series, pending, descent)
