"""`watch` in text: its log, what a tick would do, and how the watch stands."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

from mmio_bisect.domain.sizes import size_text
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.redaction import redact
from mmio_bisect.report.documents.notices import news_line
from mmio_bisect.report.documents.watch_documents import spent_member
from mmio_bisect.report.foreign_text import for_json, for_terminal
from mmio_bisect.report.terminal.progress import Watcher, retry_line
from mmio_bisect.workflow.probing.budget import Allowance
from mmio_bisect.workflow.sweep.cells import FailedPoint
from mmio_bisect.workflow.watch.status import SeriesStatus, WatchStatus
from mmio_bisect.workflow.watch.values import NotLooked, TickPlan


class LogForm(StrEnum):
    TEXT = "text"
    JSON = "json"


class StreamLog(Watcher):
    """A line of text, or a JSON object, for each sentence; bytes that are downloaded are left out."""

    def __init__(self, form: LogForm, stream: TextIO) -> None:
        super().__init__()
        self._form = form
        self._stream = stream

    def say(self, sentence: str) -> None:
        now, sentence = datetime.now(UTC).isoformat(timespec="seconds"), redact(sentence)
        if self._form is LogForm.JSON:
            line = for_json(json.dumps({"time": now, "message": sentence}, ensure_ascii=False))
        else:
            line = for_terminal(f"{now} {sentence}")
        print(line, file=self._stream, flush=True)

    def begun(self, point: Point) -> None:
        self.say(f"{point}: probing")

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        self.say(retry_line(point, error, seconds).plain)

    def finished(self, point: Point) -> None:
        self.say(f"{point}: done")

    def failed(self, failed: FailedPoint) -> None:
        self.say(f"{failed.point}: {failed.error}")


def plan_text(plan: TickPlan) -> str:
    lines = []
    for one in plan.series:
        lines += [f"{one.job.series}: the descent would go on of: {pending.title}" for pending in one.descents]
        if isinstance(one.look, NotLooked):
            lines.append(str(one.look.error))
            continue
        new, retry = one.look.new, one.look.retry
        lines.append(f"{one.job.series}: {len(new)} new toolchains, {len(retry)} to try again, {one.cells} cells")
        lines += [f"  would be probed: {point.version}" for point in (*retry, *new)]
        lines += [f"  would be told: {news_line(news)}" for news in one.news]
    lines += [f"waits for {one.channel}: {one.notice.plain}" for one in plan.waiting]
    return "\n".join(lines) + "\n"


def status_text(status: WatchStatus) -> str:
    last, disk = status.last, status.config.disk
    ended = "never"
    if last is not None:
        end = "did not come to its end" if last.code is None else f"code {last.code}"
        ended = f"{last.started[:16]}, {end}"
    lines = [f"last run: {ended}", f"next run: {'never' if status.due is None else status.due.isoformat()}"]
    for one in status.series:
        lines += _series_lines(one)
    lines += [f"not yet told {one.channel} ({one.attempts} tries): {one.notice.title}" for one in status.undelivered]
    lines.append(_budget_line(spent_member(status), status.config.budget))
    lines.append(f"store: {size_text(status.used)}" + (f" of {size_text(disk)}" if disk else ""))
    return "\n".join(lines) + "\n"


def _series_lines(status: SeriesStatus) -> list[str]:
    state, trouble = status.state, status.state.trouble
    lag = "unknown" if status.lag is None else status.lag
    lines = [f"{status.name}: newest {state.newest or 'none'}, {lag} behind"]
    if trouble is not None:
        lines.append(f"  trouble, {trouble.ticks} times in a row: {trouble.message}")
        if trouble.again:
            lines.append(f"  left alone until {trouble.again[:16]}")
    if state.deferred is not None:
        lines.append(f"  left for the next tick: {state.deferred}")
    lines += [f"  descent goes on ({pending.title}): {pending.why}" for pending in state.descents]
    if state.flapping:
        lines.append(f"  {state.flapping} flapping")
    lines += [
        f"  open: {line.case} {line.target} -O{line.opt} {mark.kind} in {mark.function}, "
        + (f"since {since}" if since else "from the beginning")
        for line, mark, since in state.regressions
    ]
    return lines


def _budget_line(spent: Mapping[str, float] | None, allowed: Allowance) -> str:
    if spent is None:
        return "last tick's budget: not known"
    parts = (
        (f"{spent['seconds']:.0f} s", allowed.seconds is not None and f"{allowed.seconds:.0f} s"),
        (size_text(spent["downloads"]), allowed.downloads is not None and size_text(allowed.downloads)),
        (f"{spent['builds']} builds", allowed.builds is not None and str(allowed.builds)),
    )
    return "last tick's budget: " + ", ".join(f"{used} of {most}" if most else used for used, most in parts)
