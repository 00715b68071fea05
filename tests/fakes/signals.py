"""Signals that tests look at: what was reported, and a word that the work is no longer wanted."""

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Noted:
    """`stop` cancels; `reports` are what was said of progress."""

    stop: threading.Event = field(default_factory=threading.Event)
    reports: list[tuple[int, int | None]] = field(default_factory=list)

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def progress(self, done: int, total: int | None) -> None:
        self.reports.append((done, total))
