"""What a person sees while a hunt runs: downloads with size and rate, and each probe's verdict as it comes.

A terminal gets live bars, anything else plain lines. Watchers are called from several threads.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.report.terminal.judgements import probe_line
from mmio_bisect.workflow.ports.progress import Signals, Unwatched

if TYPE_CHECKING:
    from mmio_bisect.workflow.sweep.cells import FailedPoint

ProbeSink = Callable[[Probe], object]


def retry_line(point: Point, error: MmioBisectError, seconds: float) -> Text:
    return Text(f"{point}  again in {seconds:.0f} s: {error}", style="yellow")


def expected_probes(points: int, requests: int) -> int:
    """How many probes a search of so many points takes for each request, when nothing is untestable."""
    return requests * min(points, (points - 1).bit_length() + 2)


class Watcher:
    """The events of hunts and sweeps, of which it says nothing; it counts, and hands each probe to `sink`."""

    def __init__(self, sink: ProbeSink | None = None, *, changed: bool = False) -> None:
        self.count = 0
        self.changed = changed
        self._sink = sink
        self._lock = threading.Lock()

    def begun(self, point: Point) -> None:
        """Nothing to show before there is a verdict."""

    def fetching(self, point: Point) -> Signals:
        return _Download(lambda done, total: self.downloaded(point, done, total))

    def downloaded(self, point: Point, done: int, total: int | None) -> None:
        """So many bytes of so many; never called for a toolchain that is in the store."""

    def probed(self, probe: Probe) -> None:
        with self._lock:
            self.count += 1
        if self._sink is not None:
            self._sink(probe)

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        """It may yet go well."""

    def dropped(self, point: Point) -> None:
        """A probe that nobody waits for is not news."""

    def finished(self, point: Point) -> None:
        """The matrix will tell."""

    def failed(self, failed: "FailedPoint") -> None:
        """Reported at the end."""


@dataclass(frozen=True, slots=True)
class _Download(Unwatched):
    """The signals of one download. Who wants it cancelled is not for the watcher to say."""

    downloaded: Callable[[int, int | None], None]

    def progress(self, done: int, total: int | None) -> None:
        self.downloaded(done, total)


class Lines(Watcher):
    """A line when a download begins and ends, and one a probe: for logs and pipes."""

    def __init__(self, console: Console, sink: ProbeSink | None = None, *, changed: bool = False) -> None:
        super().__init__(sink, changed=changed)
        self._console = console
        self._begun: dict[Point, float] = {}
        self._finished: set[Point] = set()

    def downloaded(self, point: Point, done: int, total: int | None) -> None:
        now = time.monotonic()
        with self._lock:
            first = point not in self._begun
            begun = self._begun.setdefault(point, now)
            last = total is not None and done >= total and point not in self._finished
            if last:
                self._finished.add(point)
        if first:
            self._console.print(f"{point}  fetching" + (f" {size_text(total)}" if total else ""))
        if last:
            seconds = max(now - begun, 0.001)
            self._console.print(f"{point}  fetched in {seconds:.1f} s ({size_text(done / seconds)}/s)")

    def probed(self, probe: Probe) -> None:
        super().probed(probe)
        self._console.print(probe_line(probe, changed=self.changed))

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        self._console.print(retry_line(point, error, seconds))


LoadBars = Callable[[], Callable[..., AbstractContextManager[Watcher]]]
"""Loads `bars.bars`: rich's progress bars, which are needed on a terminal alone."""


@contextmanager
def watching(
    console: Console,
    load_bars: LoadBars,
    *,
    expected: int,
    sink: ProbeSink | None = None,
    quiet: bool = False,
    changed: bool = False,
) -> Iterator[Watcher]:
    """Whatever suits the console, for the time of a hunt."""
    if quiet:
        yield Watcher(sink, changed=changed)
    elif not console.is_terminal:
        yield Lines(console, sink, changed=changed)
    else:
        with load_bars()(console, expected, sink, changed=changed) as bars:
            yield bars
