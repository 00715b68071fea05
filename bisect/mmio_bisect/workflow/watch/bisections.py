"""Bisections and descents of the watch, as the commands run them; a run that history has already is not repeated."""

from contextlib import nullcontext
from dataclasses import dataclass

from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.answer import Culprit, NoChange
from mmio_bisect.domain.run import VerifyMode
from mmio_bisect.workflow.bisect.follow import DescentLevel, follow_culprits
from mmio_bisect.workflow.bisect.hunt import HuntRequest, hunt
from mmio_bisect.workflow.bisect.plan import Asked
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.selection import Selection
from mmio_bisect.workflow.watch.values import Bisected, ChangeGroup, Unchanged, Watch

_RUNS_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class RunBisections:
    """The `Bisections` of a tick."""

    watch: Watch
    budget: Budget

    def bisect(self, group: ChangeGroup, tools: Adapters) -> Bisected | Unchanged:
        run = self._run(group, tools)
        finished = self.watch.documents.finished_run(run)
        answers = [cell.answer for cell in finished.answers] if finished else []
        if answers and all(isinstance(one, NoChange) for one in answers):
            case, points = group.news[0].line.case, group.points
            self.watch.log.say(
                f"{points[0]}..{points[-1].version}: {case} is judged otherwise than before, and alike at both ends: "
                "its recipe or a rule changed, no compiler did"
            )
            return Unchanged(run=run)
        named = {one.first.version if isinstance(one, Culprit) else None for one in answers}
        return Bisected(run=run, culprit=named.pop() if len(named) == 1 else None)

    def _run(self, group: ChangeGroup, tools: Adapters) -> int:
        case, first, last = group.requests[0].case, group.points[0], group.points[-1]
        argv = (
            "mmio-bisect",
            *("run", case.file_name, f"{group.series}:{first.version}..{last.version}"),
            *("--target", ",".join(dict.fromkeys(request.target.name for request in group.requests))),
            *("--opt", ",".join(sorted({request.opt for request in group.requests}))),
            *(word for mark in sorted({str(one.mark) for one in group.news}) for word in ("--only", mark)),
            *("--profile", group.profile.name),
        )
        for record in tools.history.runs(limit=_RUNS_LOOKED_AT):
            if record.argv == argv and record.document is not None:
                return record.id
        request = HuntRequest(
            requests=group.requests,
            points=group.points,
            profile=group.profile,
            marks=group.marks,
            jobs=self.watch.config.jobs,
            back_off=self.watch.config.pauses,
            verify=VerifyMode.ALWAYS,
            argv=argv,
            render=self.watch.documents.run_text,
        )
        return hunt(request, tools, self.watch.log).run

    def descend(self, run: int) -> tuple[DescentLevel, ...]:
        watch, record = self.watch, self.watch.history.run(run)
        finished = watch.documents.finished_run(run)
        if finished is None or watch.wiring.finer(record.series) is None:
            return ()
        asked = Asked(
            recipe=record.recipe,
            only=finished.only,
            selection=Selection(profile=PROFILES[record.profile]),
            jobs=watch.config.jobs,
            sandbox=watch.config.sandbox,
            bounds=watch.config.limits,
            refresh=True,  # the commits of last night are in no clone yet
            quiet=True,
            argv=(*record.argv, "--descend"),
            wiring=watch.wiring,
            budget=self.budget,
            render=watch.documents.run_text,
            watch=lambda _: nullcontext(watch.log),
            back_off=watch.config.pauses,
            say=watch.log.say,
        )
        return tuple(follow_culprits(asked, record.series, finished.answers))
