"""Signals for ports that want them, and what tests of processes keep asking."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


class Uncancelled:
    """Nobody gives up."""

    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None: ...


class CancelledWhen(Uncancelled):
    """Gives up as soon as the condition holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition

    def cancelled(self) -> bool:
        return self._condition()


@dataclass(slots=True)
class Noted:
    """To be looked at: `stop` cancels; `reports` are what was said of progress."""

    stop: threading.Event = field(default_factory=threading.Event)
    reports: list[tuple[int, int | None]] = field(default_factory=list)

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def progress(self, done: int, total: int | None) -> None:
        self.reports.append((done, total))


def processes_with(word: str) -> list[int]:
    """Processes of this machine with that word in their command line, however deep in namespaces."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in words:
                found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it comes to hold within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
