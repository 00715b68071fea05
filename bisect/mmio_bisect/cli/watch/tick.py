"""One tick of the watch, put together: every series, what is told of it, and what is delivered."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.cli.history.page import write_page
from mmio_bisect.cli.watch.author import LogEvents, Say, WatchAuthor, bounds_of
from mmio_bisect.cli.watch.upkeep import keep_house
from mmio_bisect.composition.watch import messenger_of, open_outbox
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.target import TARGETS
from mmio_bisect.errors import InvalidConfigurationError, MmioBisectError, UndeliveredError
from mmio_bisect.report.documents.documents import document, text_of
from mmio_bisect.report.documents.notices import news_line
from mmio_bisect.workflow.history.history_queries import Filters
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.requests import choose_case, requests_of
from mmio_bisect.workflow.probing.sandboxes import choose
from mmio_bisect.workflow.watch.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.watch.delivery import deliver
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import NoticeKind, Outbox
from mmio_bisect.workflow.watch.settle import settle
from mmio_bisect.workflow.watch.tick import known_news, left_alone, look, plan_series, state_of
from mmio_bisect.workflow.watch.values import Assignment, Found, Watched

REGRESSED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    code: int
    document: dict[str, object]


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
        profile=PROFILES[series.profile],
        jobs=config.jobs,
        patience=config.patience,
        limit=config.points_per_tick,
        pauses=config.pauses,
        source_pauses=config.source_pauses,
        descend=series.descend,
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


def _toolbox(
    config: Configuration, job: Assignment, wiring: Wiring, history: History, budget: Budget | None = None
) -> Adapters:
    cases = [request.case for request in job.requests]
    return Adapters(
        source=wiring.source(job.series),
        store=wiring.store(),
        sandbox=choose(
            wiring,
            config.sandbox,
            bounds_of(config),
            cases=cases,
            runs_in=wiring.runs_in(job.series),
        ),
        objects=wiring.objects(),
        history=history,
        budget=budget or Budget(),
    )


def tick(config: Configuration, wiring: Wiring, say: Say, *, ask_again: bool = False) -> TickResult:
    """Raises what is wrong on our own side; what is wrong with a series is in the result."""
    jobs = assignments(config, wiring)
    with wiring.history() as history, open_outbox(config) as outbox:
        number, now = outbox.begin_tick(), datetime.now(UTC)
        ticking = _Ticking(config, wiring, history, outbox, say, now.isoformat(), ask_again=ask_again)
        watched = ticking.watch(jobs)
        needed = {pursuit.run for found in watched for pursuit in found.state.pursuits}
        gone = deliver(outbox, messenger_of(config))
        for delivery in gone.sent:
            say(f"told {delivery.channel}: {delivery.notice.title}")
        for _, error in gone.failed:
            say(str(error))
        code = _code(watched, undelivered=bool(gone.failed))
        told = document(
            "watch",
            code=code,
            series=[_member(found) for found in watched],
            budget=budget_member(ticking.budget),
            delivered=len(gone.sent),
            undelivered=len(gone.failed),
        )
        outbox.finish_tick(number, code, text_of(told))
        keep_house(config, wiring, say, now=now, needed=needed)
    if config.page is not None:
        config.page.parent.mkdir(parents=True, exist_ok=True)
        write_page(config.page, wiring, Filters(profile=config.profile))
    return TickResult(code=code, document=dict(told))


class _Ticking:
    """All series of one tick, with one budget: first what is new in each, then what is followed down."""

    def __init__(
        self,
        config: Configuration,
        wiring: Wiring,
        history: History,
        outbox: Outbox,
        say: Say,
        now: str,
        *,
        ask_again: bool,
    ) -> None:
        self.budget = Budget(config.budget)
        self._config, self._wiring, self._history, self._outbox = config, wiring, history, outbox
        self._say, self._now, self._ask_again = say, now, ask_again
        self._events = LogEvents(say)
        self._author = WatchAuthor(
            config=config, wiring=wiring, history=history, budget=self.budget, events=self._events, say=say
        )

    def watch(self, jobs: Sequence[Assignment]) -> list[Watched]:
        """Those that the last budget cut off come first, and none waits for another's descent."""
        ordered = sorted(jobs, key=lambda job: state_of(job, self._outbox).cut is None)
        tools = {job.series: _toolbox(self._config, job, self._wiring, self._history, self.budget) for job in jobs}
        found = {}
        for job in ordered:
            self._say(f"{job.series}: looking for new toolchains")
            found[job.series] = look(
                job,
                tools[job.series],
                self._outbox,
                self._author,
                self._events,
                now=self._now,
                ask_again=self._ask_again,
            )
            self._tell(job.series, found[job.series])
        watched = []
        for job in jobs:
            settled = settle(found[job.series], job, tools[job.series], self._outbox, self._author, now=self._now)
            for notice in settled.notices:
                self._say(f"{notice.kind}: {notice.title}")
            for pursuit in settled.state.pursuits:
                self._say(f"{job.series}: the descent goes on in the next tick ({pursuit.title}): {pursuit.why}")
            watched.append(settled)
        return watched

    def _tell(self, series: str, found: Found) -> None:
        if found.error is not None:
            self._say(f"{series}: {found.error}")
        if (cut := found.state.cut) is not None:
            left = [*([f"{cut.points} toolchains"] if cut.points else []), *cut.bisections]
            self._say(f"{series}: left for the next tick: {', '.join(left)}. {cut.message}")


def budget_member(budget: Budget) -> dict[str, object]:
    """What was spent, and what was allowed; seconds and bytes."""
    return {**asdict(budget.spent), "allowed": asdict(budget.allowance)}


_TROUBLE = MmioBisectError.exit_code  # and up: what is below has other meanings


def _code(watched: list[Watched], *, undelivered: bool) -> int:
    """A regression is news before all else; then the gravest trouble; then a notice that nobody took."""
    if any(notice.kind is NoticeKind.REGRESSION for found in watched for notice in found.notices):
        return REGRESSED
    errors = [max(found.error.exit_code, _TROUBLE) for found in watched if found.error is not None]
    return max(errors, default=UndeliveredError.exit_code if undelivered else 0)


def _member(found: Watched) -> dict[str, object]:
    plan = found.plan
    return {
        "series": found.series,
        "probed": [] if plan is None else [point.version for point in plan.points.points],
        "skipped": 0 if plan is None else len(plan.points.left),
        "newest": found.state.newest,
        "notices": [{"kind": notice.kind, "title": notice.title, "run": notice.run} for notice in found.notices],
        "regressions": len(found.state.regressions),
        "trouble": None if found.state.trouble is None else found.state.trouble.message,
        "left_alone_until": None if found.state.trouble is None else found.state.trouble.again,
        "cut_off": None if found.state.cut is None else asdict(found.state.cut),
        "descents": [asdict(pursuit) for pursuit in found.state.pursuits],
        "cost": {
            "toolchains_fetched": found.cost.toolchains_fetched,
            "cells_compiled": found.cost.cells_compiled,
        },
    }


def dry_run(config: Configuration, wiring: Wiring) -> dict[str, object]:
    """What a tick would probe, and what would be told as far as history knows it; nothing is done."""
    now = datetime.now(UTC).isoformat()
    with wiring.history() as history, open_outbox(config) as outbox:
        series = [
            _foreseen(job, _toolbox(config, job, wiring, history), state_of(job, outbox), now)
            for job in assignments(config, wiring)
        ]
        waiting = [
            {"channel": one.channel, "title": one.notice.title, "plain": one.notice.plain, "attempts": one.attempts}
            for one in outbox.pending()
        ]
    return dict(document("watch", dry_run=True, series=series, waiting=waiting))


def _foreseen(job: Assignment, tools: Adapters, state: SeriesState, now: str) -> dict[str, object]:
    alone = left_alone(job, state, now)
    plan = plan_series(job, tools, state) if alone is None else None
    return {
        "series": job.series,
        "new": [] if plan is None else [point.version for point in plan.points.new],
        "retry": [] if plan is None else [point.version for point in plan.points.retry],
        "skipped": 0 if plan is None else len(plan.points.left),
        "cells": 0 if plan is None else plan.cells,
        "news": [] if plan is None else [news_line(one) for one in known_news(job, tools, state)],
        "left_alone": None if alone is None else str(alone),
        "descents": [pursuit.title for pursuit in state.pursuits],
    }
