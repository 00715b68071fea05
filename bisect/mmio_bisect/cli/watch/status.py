"""How the watch stands, as a document and as text."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mmio_bisect.composition.watch import open_outbox, schedule_of
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.ranges import matching_points
from mmio_bisect.workflow.watch.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import Tick


def status_document(config: Configuration, wiring: Wiring) -> dict[str, Any]:
    """Listings come from their cache: nothing is asked for that is not too old."""
    with open_outbox(config) as outbox:
        ticks = outbox.ticks(limit=1)
        pending = outbox.pending()
        states = {one.name: outbox.state(one.name, one.profile) for one in config.series}
    last = ticks[0] if ticks else None
    due = schedule_of(config).after(datetime.now(UTC))
    return dict(
        document(
            "watch status",
            last=None if last is None else {"started": last.started, "finished": last.finished, "code": last.code},
            next=None if due is None else due.isoformat(),
            series=[_member(one, states[one.name], wiring) for one in config.series],
            undelivered=[
                {"channel": one.channel, "title": one.notice.title, "attempts": one.attempts, "error": one.error}
                for one in pending
            ],
            budget=_budget(config, last),
            disk={"used": sum(entry.size for entry in wiring.store().entries()), "budget": config.disk},
        )
    )


def _budget(config: Configuration, last: Tick | None) -> dict[str, Any]:
    """What the last tick spent of its budget, None where it did not come to its end; and what the next one may."""
    told = json.loads(last.summary) if last is not None and last.summary else {}
    spent = told.get("budget")  # there was none at first
    used = None if spent is None else {name: value for name, value in spent.items() if name != "allowed"}
    return {"used": used, "allowed": asdict(config.budget)}


def _member(series: WatchedSeries, state: SeriesState, wiring: Wiring) -> dict[str, Any]:
    try:
        source = wiring.source(series.name)
        listing = source.listing()
        end = matching_points(series.last, listing, source.interpret)[-1:] if series.last else listing.points[-1:]
        ahead = [
            point for point in listing.points for last in end if (state.through or "") < point.sort_key <= last.sort_key
        ]
        lag = len(ahead) if state.through else None
    except MmioBisectError:
        lag = None
    trouble = state.trouble
    return {
        "series": series.name,
        "newest": state.newest,
        "lag": lag,
        "waiting": dict(state.waiting),
        "trouble": None
        if trouble is None
        else {
            "message": trouble.message,
            "since": trouble.since,
            "ticks": trouble.ticks,
            "left_alone_until": trouble.again,
        },
        "cut_off": None if state.deferred is None else asdict(state.deferred),
        "descents": [asdict(pending) for pending in state.descents],
        "flapping": sum(one.held_back > 0 for line in state.lines.values() for one in line.marks.values()),
        "regressions": [
            {
                "case": line.case,
                "target": line.target,
                "opt": line.opt,
                "function": mark.function,
                "access": mark.access,
                "defect": mark.kind,
                "since": since,
            }
            for line, mark, since in state.regressions
        ],
    }


def status_text(told: dict[str, Any]) -> str:
    last = told["last"]
    ended = (
        "never"
        if last is None
        else f"{last['started'][:16]}, "
        + ("did not come to its end" if last["code"] is None else f"code {last['code']}")
    )
    lines = [f"last run: {ended}", f"next run: {told['next'] or 'never'}"]
    for one in told["series"]:
        lag = "unknown" if one["lag"] is None else one["lag"]
        lines.append(f"{one['series']}: newest {one['newest'] or 'none'}, {lag} behind")
        if one["trouble"]:
            lines.append(f"  trouble, {one['trouble']['ticks']} times in a row: {one['trouble']['message']}")
            if one["trouble"]["left_alone_until"]:
                lines.append(f"  left alone until {one['trouble']['left_alone_until'][:16]}")
        if one["cut_off"]:
            cut = one["cut_off"]
            left = [*([f"{cut['points']} toolchains"] if cut["points"] else []), *cut["bisections"]]
            lines.append(f"  left for the next tick: {', '.join(left)}. {cut['message']}")
        lines += [f"  descent goes on ({pending['title']}): {pending['why']}" for pending in one["descents"]]
        if one["flapping"]:
            lines.append(f"  {one['flapping']} flapping")
        lines += [
            f"  open: {found['case']} {found['target']} -O{found['opt']} {found['defect']} in {found['function']}, "
            + (f"since {found['since']}" if found["since"] else "from the beginning")
            for found in one["regressions"]
        ]
    lines += [f"not yet told {one['channel']} ({one['attempts']} tries): {one['title']}" for one in told["undelivered"]]
    lines.append(_budget_line(told["budget"]))
    budget = told["disk"]["budget"]
    lines.append(f"store: {size_text(told['disk']['used'])}" + (f" of {size_text(budget)}" if budget else ""))
    return "\n".join(lines) + "\n"


def _budget_line(budget: dict[str, Any]) -> str:
    used, allowed = budget["used"], budget["allowed"]
    if used is None:
        return "last tick's budget: not known"
    parts = (
        (f"{used['seconds']:.0f} s", allowed["seconds"] is not None and f"{allowed['seconds']:.0f} s"),
        (size_text(used["downloads"]), allowed["downloads"] is not None and size_text(allowed["downloads"])),
        (f"{used['builds']} builds", allowed["builds"] is not None and str(allowed["builds"])),
    )
    return "last tick's budget: " + ", ".join(f"{spent} of {most}" if most else spent for spent, most in parts)
