"""The watch's author: runs bisections and descents as the commands do, and has notices and reports written of them."""

import re
from contextlib import nullcontext
from dataclasses import dataclass

from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.composition.pages import write_aside
from mmio_bisect.domain.answer import Culprit, NoChange
from mmio_bisect.domain.run import VerifyMode
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.report.documents.notices import (
    change_notice,
    descent_of,
    recovered_notice,
    traced_notice,
    trouble_notice,
)
from mmio_bisect.report.documents.run_documents import replay, run_text
from mmio_bisect.report.terminal.progress import Watcher, retry_line
from mmio_bisect.workflow.bisect.follow import follow_culprits
from mmio_bisect.workflow.bisect.hunt import HuntRequest, hunt
from mmio_bisect.workflow.bisect.plan import Asked
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.prefetch import Ahead
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.sweep.cells import FailedPoint
from mmio_bisect.workflow.watch.assignments import bounds_of
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.news import PendingDescent
from mmio_bisect.workflow.watch.notices import Notice
from mmio_bisect.workflow.watch.values import Bisected, ChangeGroup, Descent, Say

_RUNS_LOOKED_AT = 200


class LogEvents(Watcher):
    """What a sweep and a hunt tell, as lines of a log; bytes are not told of."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def begun(self, point: Point) -> None:
        self._say(f"{point}: probing")

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        self._say(retry_line(point, error, seconds).plain)

    def finished(self, point: Point) -> None:
        self._say(f"{point}: done")

    def failed(self, failed: FailedPoint) -> None:
        self._say(f"{failed.point}: {failed.error}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchAuthor:
    """The `Author` of the workflow."""

    config: Configuration
    wiring: Wiring
    history: History
    budget: Budget
    events: LogEvents
    say: Say

    def bisected(self, story: ChangeGroup, tools: Adapters) -> Bisected:
        run = self._run_of(story, tools)
        told = replay(self.history.run(run), self.history.outcomes(run=run))
        answers = [cell.answer for cell in told.answers] if told else []
        named = {one.first.version if isinstance(one, Culprit) else None for one in answers}
        unchanged = bool(answers) and all(isinstance(one, NoChange) for one in answers)
        if unchanged:
            case, points = story.news[0].line.case, story.points
            self.say(
                f"{points[0]}..{points[-1].version}: {case} is judged otherwise than before, and alike at both ends: "
                "its recipe or a rule changed, no compiler did"
            )
        return Bisected(run=run, culprit=named.pop() if len(named) == 1 else None, unchanged=unchanged)

    def _run_of(self, story: ChangeGroup, tools: Adapters) -> int:
        case, first, last = story.requests[0].case, story.points[0], story.points[-1]
        argv = (
            "mmio-bisect",
            *("run", case.file_name, f"{story.series}:{first.version}..{last.version}"),
            *("--target", ",".join(dict.fromkeys(request.target.name for request in story.requests))),
            *("--opt", ",".join(sorted({request.opt for request in story.requests}))),
            *(word for mark in sorted({str(one.mark) for one in story.news}) for word in ("--only", mark)),
            *("--profile", story.profile.name),
        )
        for record in self.history.runs(limit=_RUNS_LOOKED_AT):
            if record.argv == argv and record.document is not None:
                return record.id
        request = HuntRequest(
            requests=story.requests,
            points=story.points,
            profile=story.profile,
            marks=story.marks,
            jobs=self.config.jobs,
            back_off=self.config.pauses,
            verify=VerifyMode.ALWAYS,
            argv=argv,
            render=run_text,
        )
        return hunt(request, tools, self.events).run

    def descend(self, run: int) -> Descent | None:
        record = self.history.run(run)
        told = replay(record, self.history.outcomes(run=run))
        if told is None or self.wiring.finer(record.series) is None:
            return None
        asked = Asked(
            recipe=record.recipe,
            targets=(),
            opts=(),
            defects=None,
            only=told.only,
            profile=PROFILES[record.profile],
            changed=False,
            verify=VerifyMode.AUTO,
            verify_build=VerifyMode.AUTO,
            jobs=self.config.jobs,
            ahead=Ahead(),
            sandbox=self.config.sandbox,
            bounds=bounds_of(self.config),
            refresh=True,  # the commits of last night are in no clone yet
            quiet=True,
            argv=(*record.argv, "--descend"),
            wiring=self.wiring,
            budget=self.budget,
            render=run_text,
            watch=lambda _: nullcontext(self.events),
            back_off=self.config.pauses,
            say=self.say,
        )
        return descent_of(follow_culprits(asked, record.series, told.answers))

    def changed(self, story: ChangeGroup, descent: Descent | None) -> Notice:
        if story.run is None:
            return change_notice(story, None, None, None)
        record = self.history.run(story.run)
        notice = change_notice(story, record, replay(record, self.history.outcomes(run=story.run)), descent)
        self._report(f"{story.series}-{story.points[-1].version}-{record.case}-{story.change}", notice)
        return notice

    def traced(self, series: str, pending: PendingDescent, descent: Descent) -> Notice:
        notice = traced_notice(series, pending, descent)
        record = self.history.run(pending.run)
        self._report(f"{series}-{record.last}-{record.case}-descent-{pending.run}", notice)
        return notice

    def in_trouble(self, series: str, message: str, since: str, ticks: int) -> Notice:
        return trouble_notice(series, message, since, ticks)

    def recovered(self, series: str, message: str, since: str, ticks: int) -> Notice:
        return recovered_notice(series, message, since, ticks)

    def _report(self, name: str, notice: Notice) -> None:
        self.config.reports.mkdir(parents=True, exist_ok=True)
        file = re.sub(r"[^\w.+-]+", "-", name)
        write_aside(self.config.reports / f"{file}.md", notice.markdown)
