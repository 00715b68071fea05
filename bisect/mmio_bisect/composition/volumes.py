"""The docker volume that a containerised tool keeps its toolchains in."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmio_bisect.adapters.sandbox.docker.container import StoreVolume


def store_volume() -> "StoreVolume | None":
    """What MMIO_BISECT_STORE_VOLUME says, in a container. Raises `SandboxError`."""
    text = os.environ.get("MMIO_BISECT_STORE_VOLUME")
    if not text:
        return None
    from mmio_bisect.adapters.sandbox.docker.container import StoreVolume  # noqa: PLC0415 - loads the docker SDK

    return StoreVolume.from_text(text)
