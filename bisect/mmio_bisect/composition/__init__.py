"""The adapters, put together for whoever uses them: the command line, or Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmio_bisect.composition.wiring import Settings, Wiring


def real_wiring(settings: "Settings") -> "Wiring":
    from mmio_bisect.composition.wiring import RealWiring  # noqa: PLC0415 - `--help` needs none

    return RealWiring(settings)
