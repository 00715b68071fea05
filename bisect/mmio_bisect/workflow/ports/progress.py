"""The thread between a long step and whoever waits for it."""

from typing import Protocol


class Signals(Protocol):
    """The thread between a long step and whoever waits for it."""

    def cancelled(self) -> bool: ...

    def progress(self, done: int, total: int | None) -> None:
        """Bytes so far, and in all where that is known."""
