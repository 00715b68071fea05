"""One tick of the watch, put together: every series, what is told of it, and what is delivered."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from mmio_bisect.composition.pages import write_page
from mmio_bisect.composition.watch import messenger_of, open_outbox
from mmio_bisect.composition.watch_author import LogEvents, WatchAuthor
from mmio_bisect.errors import MmioBisectError, UndeliveredError
from mmio_bisect.report.documents.json_text import document, text_of
from mmio_bisect.report.documents.notices import news_line
from mmio_bisect.workflow.history.history_queries import Filters
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.watch.assignments import adapters_for, assignments
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.delivery import deliver
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import NoticeKind
from mmio_bisect.workflow.watch.round import Round
from mmio_bisect.workflow.watch.tick import known_news, left_alone, plan_series, state_of
from mmio_bisect.workflow.watch.upkeep import keep_house
from mmio_bisect.workflow.watch.values import Assignment, Say, Watched

REGRESSED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    code: int
    document: dict[str, object]


def tick(config: Configuration, wiring: Wiring, say: Say, *, ask_again: bool = False) -> TickResult:
    """Raises what is wrong on our own side; what is wrong with a series is in the result."""
    jobs = assignments(config, wiring)
    with wiring.history() as history, open_outbox(config) as outbox:
        number, now = outbox.begin_tick(), datetime.now(UTC)
        budget, events = Budget(config.budget), LogEvents(say)
        watched = Round(
            config=config,
            wiring=wiring,
            history=history,
            outbox=outbox,
            author=WatchAuthor(config=config, wiring=wiring, history=history, budget=budget, events=events, say=say),
            events=events,
            budget=budget,
            say=say,
            now=now.isoformat(),
            ask_again=ask_again,
        ).watch(jobs)
        needed = {pending.run for found in watched for pending in found.state.descents}
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
            budget=budget_member(budget),
            delivered=len(gone.sent),
            undelivered=len(gone.failed),
        )
        outbox.finish_tick(number, code, text_of(told))
        keep_house(config, wiring, say, now=now, needed=needed)
    if config.page is not None:
        config.page.parent.mkdir(parents=True, exist_ok=True)
        write_page(config.page, wiring, Filters(profile=config.profile))
    return TickResult(code=code, document=dict(told))


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
        "cut_off": None if found.state.deferred is None else asdict(found.state.deferred),
        "descents": [asdict(pending) for pending in found.state.descents],
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
            _foreseen(job, adapters_for(config, job, wiring, history), state_of(job, outbox), now)
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
        "descents": [pending.title for pending in state.descents],
    }
