"""Loads rich's progress bars where there is a terminal to draw them on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from mmio_bisect.report.terminal.progress import Watcher


def load_bars() -> "Callable[..., AbstractContextManager[Watcher]]":
    from mmio_bisect.report.terminal.bars import bars  # noqa: PLC0415 - loads rich.progress

    return bars
