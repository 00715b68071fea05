"""The documents of `watch`: what a tick did or would do, and how the watch stands."""

import json

from mmio_bisect.domain.records import record_of
from mmio_bisect.report.documents.json_text import JSON, document, text_of
from mmio_bisect.report.documents.notices import news_line
from mmio_bisect.workflow.watch.news import PointPlan
from mmio_bisect.workflow.watch.status import SeriesStatus, WatchStatus
from mmio_bisect.workflow.watch.values import Looked, SeriesPlan, TickFindings, TickPlan, TickResult


def tick_text(result: TickResult) -> str:
    """The document as the database keeps it."""
    return text_of(tick_document(result))


def tick_document(result: TickResult) -> JSON:
    return document(
        "watch",
        code=result.code,
        series=[_findings_member(findings) for findings in result.series],
        budget={**record_of(result.spent), "allowed": record_of(result.allowance)},
        delivered=len(result.delivered.sent),
        undelivered=len(result.delivered.failed),
    )


def _findings_member(findings: TickFindings) -> JSON:
    state, looked = findings.state, findings.look if isinstance(findings.look, Looked) else Looked(plan=PointPlan())
    return {
        "series": findings.series,
        "probed": [point.version for point in looked.plan.points],
        "skipped": len(looked.plan.left),
        "newest": state.newest,
        "notices": [{"kind": notice.kind, "title": notice.title, "run": notice.run} for notice in findings.notices],
        "regressions": len(state.regressions),
        "trouble": None if state.trouble is None else state.trouble.message,
        "left_alone_until": None if state.trouble is None else state.trouble.again,
        "cut_off": None if state.deferred is None else record_of(state.deferred),
        "descents": [record_of(pending) for pending in state.descents],
        "cost": record_of(looked.cost),
    }


def plan_document(plan: TickPlan) -> JSON:
    waiting = [
        {"channel": one.channel, "title": one.notice.title, "plain": one.notice.plain, "attempts": one.attempts}
        for one in plan.waiting
    ]
    return document("watch", dry_run=True, series=[_plan_member(one) for one in plan.series], waiting=waiting)


def _plan_member(plan: SeriesPlan) -> JSON:
    points = plan.look if isinstance(plan.look, PointPlan) else PointPlan()
    return {
        "series": plan.job.series,
        "new": [point.version for point in points.new],
        "retry": [point.version for point in points.retry],
        "skipped": len(points.left),
        "cells": plan.cells,
        "news": [news_line(one) for one in plan.news],
        "left_alone": None if isinstance(plan.look, PointPlan) else str(plan.look.error),
        "descents": [pending.title for pending in plan.descents],
    }


def status_document(status: WatchStatus) -> JSON:
    last = status.last
    return document(
        "watch status",
        last=None if last is None else {"started": last.started, "finished": last.finished, "code": last.code},
        next=None if status.due is None else status.due.isoformat(),
        series=[_status_member(one) for one in status.series],
        undelivered=[
            {"channel": one.channel, "title": one.notice.title, "attempts": one.attempts, "error": one.error}
            for one in status.undelivered
        ],
        budget={"used": spent_member(status), "allowed": record_of(status.config.budget)},
        disk={"used": status.used, "budget": status.config.disk},
    )


def spent_member(status: WatchStatus) -> dict[str, float] | None:
    """What the last tick spent of its budget; None where it did not come to its end."""
    members = json.loads(status.last.summary) if status.last is not None and status.last.summary else {}
    spent = members.get("budget")  # there was none at first
    return None if spent is None else {name: value for name, value in spent.items() if name != "allowed"}


def _status_member(status: SeriesStatus) -> JSON:
    state, trouble = status.state, status.state.trouble
    return {
        "series": status.name,
        "newest": state.newest,
        "lag": status.lag,
        "waiting": dict(state.waiting),
        "trouble": None
        if trouble is None
        else {
            "message": trouble.message,
            "since": trouble.since,
            "ticks": trouble.ticks,
            "left_alone_until": trouble.again,
        },
        "cut_off": None if state.deferred is None else record_of(state.deferred),
        "descents": [record_of(pending) for pending in state.descents],
        "flapping": state.flapping,
        "regressions": [
            {
                **record_of(line),
                "function": mark.function,
                "access": mark.access,
                "defect": mark.kind,
                "since": since,
            }
            for line, mark, since in state.regressions
        ],
    }
