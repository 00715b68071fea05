"""The end of a tick for one series: what was found is followed down, told and kept, in one transaction."""

from dataclasses import replace

from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.watch.news import PendingDescent
from mmio_bisect.workflow.watch.notices import Notice, Outbox
from mmio_bisect.workflow.watch.state_text import written
from mmio_bisect.workflow.watch.values import Assignment, Author, Found, Watched


def settle(found: Found, job: Assignment, tools: Adapters, outbox: Outbox, author: Author, *, now: str) -> Watched:
    """Follow what was found, and what earlier ticks left of that; then keep all of it. Raises as `look`."""
    state, notices = found.state, list(found.notices)
    pursuits = []
    for pursuit in state.pursuits:
        left, notice = _followed(pursuit, job, tools, author)
        pursuits += [left] if left else []
        notices += [notice] if notice else []
    for story in found.stories:
        descent = author.descend(story.run) if job.descend and story.run is not None else None
        notice = author.changed(story, descent)
        notices.append(notice)
        if story.run is not None and descent is not None and descent.unfinished is not None:
            pursuits.append(PendingDescent(run=story.run, title=notice.title, why=descent.unfinished, since=now))
    after = replace(state, pursuits=tuple(pursuits))
    new = outbox.keep(job.series, job.profile.name, written(after), notices, job.channels)
    return Watched(series=job.series, plan=found.plan, state=after, notices=new, error=found.error, cost=found.cost)


def _followed(
    pursuit: PendingDescent, job: Assignment, tools: Adapters, author: Author
) -> tuple[PendingDescent | None, Notice | None]:
    """What is left of it, and what there is to tell. One that gets nowhere for long ends where it is."""
    before = tools.budget.spent.toolchains
    descent = author.descend(pursuit.run)
    if descent is None:
        return None, None
    in_vain = 0 if tools.budget.spent.toolchains > before else pursuit.in_vain + 1
    if descent.unfinished is not None and in_vain < job.patience:
        return replace(pursuit, why=descent.unfinished, in_vain=in_vain), None
    return None, author.traced(job.series, pursuit, descent)
