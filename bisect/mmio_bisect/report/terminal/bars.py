"""What a terminal shows while a hunt runs: live bars, apart from `progress` because only terminals load rich's."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.report.terminal.judgements import probe_line
from mmio_bisect.report.terminal.progress import ProbeSink, Watcher, retry_line


class Bars(Watcher):
    """One bar of the expected probes and one a download; verdicts scroll by above them."""

    def __init__(
        self, progress: Progress, expected: int, sink: ProbeSink | None = None, *, changed: bool = False
    ) -> None:
        super().__init__(sink, changed=changed)
        self._progress = progress
        self._expected = expected
        self._overall = progress.add_task("probes", total=expected)
        self._downloads: dict[Point, TaskID] = {}

    def downloaded(self, point: Point, done: int, total: int | None) -> None:
        with self._lock:
            if point not in self._downloads:
                self._downloads[point] = self._progress.add_task(str(point), total=total, download=True)
            task = self._downloads[point]
        self._progress.update(task, completed=done, total=total)

    def probed(self, probe: Probe) -> None:
        super().probed(probe)
        self._forget(probe.point)
        self._progress.console.print(probe_line(probe, changed=self.changed))
        self._progress.update(self._overall, completed=self.count, total=max(self.count, self._expected))

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        self._progress.console.print(retry_line(point, error, seconds))

    def dropped(self, point: Point) -> None:
        self._forget(point)

    def _forget(self, point: Point) -> None:
        with self._lock:
            task = self._downloads.pop(point, None)
        if task is not None:
            self._progress.remove_task(task)


class _Detail(ProgressColumn):
    """Counts for the probes; size, rate and time left for a download."""

    def render(self, task: Task) -> Text:
        if not task.fields.get("download"):
            return Text(f"{task.completed:.0f} of about {task.total or 0:.0f}")
        words = [size_text(task.completed) + (f" of {size_text(task.total)}" if task.total else "")]
        if task.speed:
            words.append(f"{size_text(task.speed)}/s")
        if task.time_remaining is not None:
            words.append(f"{task.time_remaining:.0f} s left")
        return Text("  ".join(words))


@contextmanager
def bars(console: Console, expected: int, sink: ProbeSink | None, *, changed: bool) -> Iterator[Watcher]:
    name = TextColumn("{task.description}", markup=False)
    progress = Progress(name, BarColumn(), _Detail(), console=console, transient=True)
    with progress:
        yield Bars(progress, expected, sink, changed=changed)
