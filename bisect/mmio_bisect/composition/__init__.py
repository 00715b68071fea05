"""The adapters, put together for whoever uses them: the command line, or Python."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmio_bisect.composition.wiring import Settings
    from mmio_bisect.workflow.ports.wiring import Wiring


def real_wiring(settings: "Settings") -> "Wiring":
    from mmio_bisect.composition.wiring import RealWiring  # noqa: PLC0415 - `--help` needs none

    return RealWiring(settings)


def a64_texts(words: Iterable[int]) -> Iterator[str | None]:
    """The assembly of each A64 word; None for one that the disassembler refuses."""
    from mmio_bisect.adapters.binary import disassemblers  # noqa: PLC0415 - loads capstone

    return disassemblers.a64_texts(words)
