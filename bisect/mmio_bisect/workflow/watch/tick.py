"""One tick of the watch over all series, with one budget; and what a tick would do."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.watch.assignments import build_adapters
from mmio_bisect.workflow.watch.bisections import RunBisections
from mmio_bisect.workflow.watch.look import foresee, look
from mmio_bisect.workflow.watch.notices import Delivered, Tick, deliver
from mmio_bisect.workflow.watch.settle import settle
from mmio_bisect.workflow.watch.upkeep import clean_up
from mmio_bisect.workflow.watch.values import SeriesTick, TickFindings, TickPlan, TickResult, Watch

_LONG = timedelta(days=32)


def plan_tick(watch: Watch) -> TickPlan:
    """What a tick would probe, and tell as far as history knows it; nothing is done."""
    ticks = _begin(watch, Budget(), datetime.now(UTC))
    return TickPlan(series=tuple(map(foresee, ticks)), waiting=watch.outbox.pending())


def run_tick(watch: Watch, *, ask_again: bool = False) -> TickResult:
    """First what is new in each series, then what is followed down: none waits for another's descent.

    With `ask_again` no source is left alone. Raises what is wrong on our own side; what is wrong with a series is in
    the result.
    """
    before = watch.outbox.ticks(limit=1)
    number, now = watch.outbox.begin_tick(), datetime.now(UTC)
    budget = Budget(watch.config.budget)
    ticks = _begin(watch, budget, now)
    looked = {}
    for tick in sorted(ticks, key=lambda tick: tick.state.deferred is None):  # those that the last budget cut off first
        watch.log.say(f"{tick.job.series}: looking for new toolchains")
        looked[tick.job.series] = look(tick, ask_again=ask_again)
        _say_looked(watch, looked[tick.job.series])
    settled = []
    for tick in ticks:
        settled.append(settle(tick, looked[tick.job.series]))
        _say_settled(watch, settled[-1])
    delivered = deliver(watch.outbox, watch.messenger)
    _say_delivered(watch, delivered)
    result = TickResult(series=tuple(settled), delivered=delivered, spent=budget.spent, allowance=budget.allowance)
    watch.outbox.finish_tick(number, result.code, watch.documents.tick_text(result))
    needed = {pending.run for findings in settled for pending in findings.state.descents}
    clean_up(watch.config, watch.wiring, watch.log.say, now=_time_for_ages(before, now), needed=needed)
    watch.documents.write_page()
    return result


def _time_for_ages(before: Sequence[Tick], now: datetime) -> datetime:
    """By which it is told what is old enough to be let go of.

    After a long gap that is when the tick before began: a clock that has gone forward by years would make everything
    old at once. If it was not the clock, the next tick lets go of it.
    """
    began = datetime.fromisoformat(before[0].started) if before else now
    return began if now - began > _LONG else now


def _begin(watch: Watch, budget: Budget, now: datetime) -> list[SeriesTick]:
    bisections = RunBisections(watch, budget)
    return [
        SeriesTick(
            job=job,
            watch=watch,
            tools=build_adapters(job, watch, budget),
            bisections=bisections,
            now=now.isoformat(),
        )
        for job in watch.jobs
    ]


def _say_looked(watch: Watch, findings: TickFindings) -> None:
    if findings.look.error is not None:
        watch.log.say(f"{findings.series}: {findings.look.error}")
    if findings.state.deferred is not None:
        watch.log.say(f"{findings.series}: left for the next tick: {findings.state.deferred}")


def _say_settled(watch: Watch, findings: TickFindings) -> None:
    for notice in findings.notices:
        watch.log.say(f"{notice.kind}: {notice.title}")
    for pending in findings.state.descents:
        watch.log.say(f"{findings.series}: the descent goes on in the next tick ({pending.title}): {pending.why}")


def _say_delivered(watch: Watch, delivered: Delivered) -> None:
    for delivery in delivered.sent:
        watch.log.say(f"told {delivery.channel}: {delivery.notice.title}")
    for _, error in delivered.failed:
        watch.log.say(str(error))
