"""The thread between a long step and whoever waits for it."""

from typing import Protocol

from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MmioBisectError


class Signals(Protocol):
    """The thread between a long step and whoever waits for it."""

    def cancelled(self) -> bool: ...

    def progress(self, done: int, total: int | None) -> None:
        """Bytes so far, and in all where that is known."""


class Unwatched:
    """The signals of a step that nobody watches or cancels."""

    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None:
        pass


class ProbeEvents(Protocol):
    """What probing tells whoever watches; called from several threads."""

    def begun(self, point: Point) -> None: ...

    def fetching(self, point: Point) -> Signals:
        """A download may begin; `progress` of the result will be called with bytes."""

    def probed(self, probe: Probe) -> None:
        """One cell is answered."""

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:
        """It failed, and will be tried again after so many seconds."""
