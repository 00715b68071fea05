"""What the environment says of sandboxes: the volume with toolchains, and what of this machine they see."""

import os
from pathlib import Path
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


def visible_paths() -> tuple[Path, ...]:
    """What MMIO_BISECT_VISIBLE names: absolute paths of what a wrapper script calls, with colons between."""
    return tuple(map(Path, filter(os.path.isabs, os.environ.get("MMIO_BISECT_VISIBLE", "").split(os.pathsep))))
