"""One tick of the watch, put together: every series, what is told of it, and what is delivered."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from mmio_bisect.adapters.held_folder import try_hold
from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.notifier import AppriseMessenger
from mmio_bisect.classify.profiles import PROFILES
from mmio_bisect.cli.history_page import write_aside, write_page
from mmio_bisect.cli.requests import choose_case, requests_of
from mmio_bisect.cli.sandboxes import choose
from mmio_bisect.cli.wiring import Wiring, default_database
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.target import TARGETS
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import InvalidConfigurationError, MmioBisectError, StoreError, UndeliveredError, WatchBusyError
from mmio_bisect.report.documents import RunHead, document, run_document, text_of
from mmio_bisect.report.notices import change_notice, news_line, recovered_notice, trouble_notice
from mmio_bisect.report.progress import Watcher, retry_line
from mmio_bisect.report.replay import replay
from mmio_bisect.workflow.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.delivery import deliver
from mmio_bisect.workflow.hunt import HuntRequest, hunt
from mmio_bisect.workflow.notices import Notice, NoticeKind
from mmio_bisect.workflow.ports import History
from mmio_bisect.workflow.probe import Toolbox
from mmio_bisect.workflow.questions import Filters
from mmio_bisect.workflow.sweep import FailedPoint
from mmio_bisect.workflow.watch import Assignment, Story, Watched, known_news, planned, watch_series
from mmio_bisect.workflow.watch_state import read

REGRESSED = 1
_RUNS_LOOKED_AT = 200

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    code: int
    document: dict[str, object]


@contextmanager
def alone(wiring: Wiring) -> Iterator[None]:
    """One watch a store; the kernel lets go of the lock however its holder ends. Raises `WatchBusyError`."""
    folder = wiring.store_folder().absolute().parent / "watch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hold = try_hold(folder)
    except OSError as error:
        raise StoreError(
            f"The watch's folder {folder} cannot be made ({error.strerror}): give another --store."
        ) from error
    if hold is None:
        raise WatchBusyError(f"Another watch is at work ({folder} is held): wait for it, or give another --store.")
    with hold:
        yield


def assignments(config: Configuration, wiring: Wiring) -> tuple[Assignment, ...]:
    """Raises `InvalidConfigurationError`, `UnknownSeriesError` and what is wrong with recipes."""
    if not config.series:
        where = config.file or "There is no mmio-bisect.toml, so"
        raise InvalidConfigurationError(f"{where}: nothing is watched; `mmio-bisect config init` writes an example.")
    return tuple(_assignment(config, series, wiring) for series in config.series)


def _assignment(config: Configuration, series: WatchedSeries, wiring: Wiring) -> Assignment:
    requests = _requests(series, wiring)
    if not requests:
        raise InvalidConfigurationError(
            f"watch.series.{series.name}: no recipe that its compilers take fits {', '.join(series.recipes)}: "
            "`mmio-bisect recipes list` shows those that there are."
        )
    return Assignment(
        series=series.name,
        first=series.first,
        last=series.last,
        requests=requests,
        profile=PROFILES[config.profile],
        jobs=config.jobs,
        patience=config.patience,
        limit=config.points_per_tick,
        pauses=config.pauses,
        channels=tuple(channel.name for channel in config.channels),
    )


def _requests(series: WatchedSeries, wiring: Wiring) -> tuple[CellRequest, ...]:
    book, family = wiring.recipes(), wiring.family(series.name)
    found: list[CellRequest] = []
    for recipe in map(book.find, book.names()):
        fitting = [case for case in recipe.cases if case.language in family.languages]
        if not fitting:
            continue
        preferred = choose_case(recipe, recipe.name, family, compilers=f"The series {series.name}")
        for case in fitting:
            named = any(fnmatchcase(case.file_name, glob) for glob in series.recipes if "." in glob)
            if named or (case == preferred and any(fnmatchcase(recipe.name, glob) for glob in series.recipes)):
                targets = tuple(TARGETS[name] for name in series.targets if name in TARGETS)
                found += requests_of(case, family, targets, [OptLevel(opt) for opt in series.opts])
    return tuple(found)


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
class _Author:
    """The `Author` of the workflow; reports of bisections go to files, too."""

    config: Configuration
    history: History
    events: LogEvents

    def bisected(self, story: Story, tools: Toolbox) -> int:
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
        head = RunHead(
            case=case,
            series=story.series,
            first=first,
            last=last,
            reversed=False,
            profile=story.profile.name,
            defects=None,
            changed=False,
            argv=argv,
            only=story.marks,
        )
        request = HuntRequest(
            requests=story.requests,
            points=story.points,
            profile=story.profile,
            marks=story.marks,
            jobs=self.config.jobs,
            back_off=self.config.pauses,
            verify=True,
            argv=argv,
            render=lambda run, answers, cost: text_of(run_document(head, run=run, answers=answers, cost=cost)),
        )
        return hunt(request, tools, self.events).run

    def changed(self, story: Story) -> Notice:
        if story.run is None:
            return change_notice(story, None, None)
        record = self.history.run(story.run)
        notice = change_notice(story, record, replay(record, self.history.outcomes(run=story.run)))
        self.config.reports.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.+-]+", "-", f"{story.series}-{story.points[-1].version}-{record.case}-{story.change}")
        write_aside(self.config.reports / f"{name}.md", notice.markdown)
        return notice

    def in_trouble(self, series: str, message: str, since: str, ticks: int) -> Notice:
        return trouble_notice(series, message, since, ticks)

    def recovered(self, series: str, message: str, since: str, ticks: int) -> Notice:
        return recovered_notice(series, message, since, ticks)


def _toolbox(config: Configuration, job: Assignment, wiring: Wiring, history: History) -> Toolbox:
    cases = [request.case for request in job.requests]
    return Toolbox(
        source=wiring.source(job.series),
        store=wiring.store(),
        sandbox=choose(wiring, config.sandbox, cases=cases, quiet=True, runs_in=wiring.runs_in(job.series)),
        objects=wiring.objects(),
        history=history,
    )


def tick(config: Configuration, wiring: Wiring, say: Say) -> TickResult:
    """Raises what is wrong on our own side; what is wrong with a series is in the result."""
    jobs = assignments(config, wiring)
    with wiring.history() as history, SqlOutbox.open(config.database or default_database()) as outbox:
        number = outbox.begin_tick()
        events = LogEvents(say)
        author = _Author(config=config, history=history, events=events)
        watched = []
        for job in jobs:
            say(f"{job.series}: looking for new toolchains")
            tools = _toolbox(config, job, wiring, history)
            found = watch_series(job, tools, outbox, author, events, now=datetime.now(UTC).isoformat())
            watched.append(found)
            for notice in found.notices:
                say(f"{notice.kind}: {notice.title}")
            if found.error is not None:
                say(f"{job.series}: {found.error}")
        if config.disk is not None:
            wiring.store().prune(keep_bytes=config.disk)
        gone = deliver(outbox, AppriseMessenger(config.channels))
        for delivery in gone.sent:
            say(f"told {delivery.channel}: {delivery.notice.title}")
        for _, error in gone.failed:
            say(str(error))
        code = _code(watched, undelivered=bool(gone.failed))
        told = document(
            "watch",
            code=code,
            series=[_member(found) for found in watched],
            delivered=len(gone.sent),
            undelivered=len(gone.failed),
        )
        outbox.finish_tick(number, code, text_of(told))
    if config.page is not None:
        config.page.parent.mkdir(parents=True, exist_ok=True)
        write_page(config.page, wiring, Filters(profile=config.profile))
    return TickResult(code=code, document=dict(told))


def _code(watched: list[Watched], *, undelivered: bool) -> int:
    """A regression is news before all else; then the gravest trouble; then a notice that nobody took."""
    if any(notice.kind is NoticeKind.REGRESSION for found in watched for notice in found.notices):
        return REGRESSED
    errors = [found.error.exit_code for found in watched if found.error is not None]
    return max(errors, default=UndeliveredError.exit_code if undelivered else 0)


def _member(found: Watched) -> dict[str, object]:
    plan = found.plan
    return {
        "series": found.series,
        "probed": [] if plan is None else [point.version for point in plan.points.points],
        "skipped": 0 if plan is None else plan.points.skipped,
        "newest": found.state.newest,
        "notices": [{"kind": notice.kind, "title": notice.title, "run": notice.run} for notice in found.notices],
        "regressions": len(found.state.regressions),
        "trouble": None if found.state.trouble is None else found.state.trouble.message,
        "cost": {
            "toolchains_fetched": found.cost.toolchains_fetched,
            "cells_compiled": found.cost.cells_compiled,
        },
    }


def dry_run(config: Configuration, wiring: Wiring) -> dict[str, object]:
    """What a tick would probe, and what would be told as far as history knows it; nothing is done."""
    series = []
    with wiring.history() as history, SqlOutbox.open(config.database or default_database()) as outbox:
        for job in assignments(config, wiring):
            tools = _toolbox(config, job, wiring, history)
            state = read(outbox.state(job.series, job.profile.name))
            plan = planned(job, tools, state)
            series.append(
                {
                    "series": job.series,
                    "new": [point.version for point in plan.points.new],
                    "retry": [point.version for point in plan.points.retry],
                    "skipped": plan.points.skipped,
                    "cells": plan.cells,
                    "news": [news_line(one) for one in known_news(job, tools, state)],
                }
            )
        waiting = [
            {"channel": one.channel, "title": one.notice.title, "plain": one.notice.plain, "attempts": one.attempts}
            for one in outbox.pending()
        ]
    return dict(document("watch", dry_run=True, series=series, waiting=waiting))
