"""The adapters, put together for whoever uses them: the command line, or Python."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from mmio_bisect.composition.wiring import Settings
    from mmio_bisect.report.terminal.progress import Watcher
    from mmio_bisect.workflow.ports.wiring import Wiring


def real_wiring(settings: "Settings") -> "Wiring":
    from mmio_bisect.composition.wiring import RealWiring  # noqa: PLC0415 - `--help` needs none

    return RealWiring(settings)


def a64_texts(words: Iterable[int]) -> Iterator[str | None]:
    """The assembly of each A64 word; None for one that the disassembler refuses."""
    from mmio_bisect.adapters.binary import disassemblers  # noqa: PLC0415 - loads capstone

    return disassemblers.a64_texts(words)


def load_bars() -> "Callable[..., AbstractContextManager[Watcher]]":
    """Rich's progress bars, for a terminal to draw them on."""
    from mmio_bisect.report.terminal.bars import bars  # noqa: PLC0415 - loads rich.progress

    return bars
