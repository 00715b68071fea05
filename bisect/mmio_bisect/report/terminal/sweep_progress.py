"""What a person sees while a sweep runs: its points, what became of their cells, and about how long it will take.

A terminal gets a live table, anything else a line a point. Watchers are called from several threads.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError
from mmio_bisect.report.documents.documents import compiler_name
from mmio_bisect.report.terminal.grid import GLYPHS, VERDICT_STYLES
from mmio_bisect.report.terminal.progress import ProbeSink, Watcher, retry_line
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.sweep.cells import FailedPoint

# The live table leaves room for its frame, the line of totals and the prompt.
_LINES_BESIDE_ROWS = 5


@dataclass(slots=True)
class _Row:
    """One point as far as it is known; `state` in a word or two."""

    begun: float
    state: str = "waiting"
    compiler: str = ""
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    from_history: int = 0

    def take(self, probe: Probe) -> None:
        self.compiler = compiler_name(probe.toolchain)
        self.verdicts[probe.judgement.verdict] += 1
        self.from_history += probe.from_history
        self.state = "compiling"


class _Rows(Watcher):
    """Keeps a row a point, in the order in which they began."""

    def __init__(self, console: Console, sink: ProbeSink | None = None) -> None:
        super().__init__(sink)
        self._console = console
        self._rows: dict[Point, _Row] = {}
        self._rows_lock = threading.RLock()

    def begun(self, point: Point) -> None:
        with self._rows_lock:
            self._row(point)

    def downloaded(self, point: Point, done: int, total: int | None) -> None:
        with self._rows_lock:
            self._row(point).state = f"fetching {size_text(done)}" + (f" of {size_text(total)}" if total else "")

    def probed(self, probe: Probe) -> None:
        super().probed(probe)
        with self._rows_lock:
            self._row(probe.point).take(probe)

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        with self._rows_lock:
            self._row(point).state = f"again in {seconds:.0f} s"
        self.say(retry_line(point, error, seconds))

    def finished(self, point: Point) -> None:
        with self._rows_lock:
            row = self._row(point)
            row.state = f"done in {time.monotonic() - row.begun:.1f} s"

    def failed(self, failed: FailedPoint) -> None:
        with self._rows_lock:
            self._row(failed.point).state = "failed"

    def say(self, line: Text) -> None:
        """Print beside the rows."""
        self._console.print(line)

    def _row(self, point: Point) -> _Row:
        return self._rows.setdefault(point, _Row(time.monotonic()))


class SweepLines(_Rows):
    """A line when a download begins, and one when a point is done: for logs and pipes."""

    def __init__(self, console: Console, sink: ProbeSink | None = None) -> None:
        super().__init__(console, sink)
        self._fetching: set[Point] = set()

    def downloaded(self, point: Point, done: int, total: int | None) -> None:
        super().downloaded(point, done, total)
        with self._rows_lock:
            first = point not in self._fetching
            self._fetching.add(point)
        if first:
            self.say(Text(f"{point}  fetching" + (f" {size_text(total)}" if total else "")))

    def finished(self, point: Point) -> None:
        super().finished(point)
        with self._rows_lock:
            row = self._rows[point]
            line = Text(f"{point}  {row.compiler}  ")
            line.append(", ".join(f"{row.verdicts[verdict]} {verdict}" for verdict in Verdict if row.verdicts[verdict]))
            line.append(f"  {row.state}" + (f"  ({row.from_history} from history)" if row.from_history else ""))
        self.say(line)

    def failed(self, failed: FailedPoint) -> None:
        super().failed(failed)
        self.say(Text(f"{failed.point}  failed: {failed.error}", style="red"))


class SweepTable(_Rows):
    """A live table of the points that began last; `expected` cells are to be answered, as far as is known."""

    def __init__(self, console: Console, expected: int, sink: ProbeSink | None = None) -> None:
        super().__init__(console, sink)
        self._expected = expected
        self._started = time.monotonic()

    def __rich__(self) -> Table:
        room = max(1, self._console.height - _LINES_BESIDE_ROWS)
        table = Table("point", "compiler", box=None, pad_edge=False, caption=self._totals(), caption_justify="left")
        for verdict in Verdict:
            table.add_column(f"{GLYPHS[verdict]} {verdict}", justify="right", style=VERDICT_STYLES[verdict])
        table.add_column("")
        with self._rows_lock:
            for point, row in list(self._rows.items())[-room:]:
                counts = (str(row.verdicts[verdict] or "") for verdict in Verdict)
                table.add_row(str(point), row.compiler, *counts, row.state)
        return table

    def _totals(self) -> str:
        with self._rows_lock:
            fresh = self.count - sum(row.from_history for row in self._rows.values())
        expected = max(self._expected, self.count)
        totals = f"{self.count} of {counted(expected, 'cell')}"
        if fresh and expected > self.count:
            left = (time.monotonic() - self._started) / fresh * (expected - self.count)
            totals += f", about {_duration(left)} left"
        return totals


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@contextmanager
def watching_sweep(
    console: Console, *, expected: int, sink: ProbeSink | None = None, quiet: bool = False
) -> Iterator[Watcher]:
    """Whatever suits the console, for the time of a sweep."""
    if quiet:
        yield Watcher(sink)
    elif not console.is_terminal:
        yield SweepLines(console, sink)
    else:
        table = SweepTable(console, expected, sink)
        with Live(table, console=console, transient=True, refresh_per_second=4):
            yield table
