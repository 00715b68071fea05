"""One round of the watch over all series, with one budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.sweep.cells import SweepEvents
from mmio_bisect.workflow.watch.assignments import adapters_for
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.notices import Outbox
from mmio_bisect.workflow.watch.settle import settle
from mmio_bisect.workflow.watch.tick import look, state_of
from mmio_bisect.workflow.watch.values import Assignment, Author, Found, Say, Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """All series of one tick: first what is new in each, then what is followed down."""

    config: Configuration
    wiring: Wiring
    history: History
    outbox: Outbox
    author: Author
    events: SweepEvents
    budget: Budget
    say: Say
    now: str
    ask_again: bool

    def watch(self, jobs: Sequence[Assignment]) -> list[Watched]:
        """Those that the last budget cut off come first, and none waits for another's descent."""
        ordered = sorted(jobs, key=lambda job: state_of(job, self.outbox).deferred is None)
        tools = {job.series: adapters_for(self.config, job, self.wiring, self.history, self.budget) for job in jobs}
        found = {}
        for job in ordered:
            self.say(f"{job.series}: looking for new toolchains")
            found[job.series] = look(
                job,
                tools[job.series],
                self.outbox,
                self.author,
                self.events,
                now=self.now,
                ask_again=self.ask_again,
            )
            self._tell(job.series, found[job.series])
        watched = []
        for job in jobs:
            settled = settle(found[job.series], job, tools[job.series], self.outbox, self.author, now=self.now)
            for notice in settled.notices:
                self.say(f"{notice.kind}: {notice.title}")
            for pending in settled.state.descents:
                self.say(f"{job.series}: the descent goes on in the next tick ({pending.title}): {pending.why}")
            watched.append(settled)
        return watched

    def _tell(self, series: str, found: Found) -> None:
        if found.error is not None:
            self.say(f"{series}: {found.error}")
        if (cut := found.state.deferred) is not None:
            left = [*([f"{cut.points} toolchains"] if cut.points else []), *cut.bisections]
            self.say(f"{series}: left for the next tick: {', '.join(left)}. {cut.message}")
