"""Where commits are built: a sandbox with the room that a series asks for, put together from an image and a sandbox.

A commit's source is anybody's, and its build runs whatever it says: so that is done in docker, in an image with the
packages that the series names; or with what is installed here, where the user trusts it and says `--sandbox local`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmio_bisect.errors import SandboxError
from mmio_bisect.workflow.ports import Room, SandboxSession, Signals, Yard

if TYPE_CHECKING:
    from mmio_bisect.adapters.sandbox.docker_images import DockerImages
    from mmio_bisect.adapters.sandbox.execution import Limits

_OUTPUT_BYTES = 4 << 20
_PROCESSES = 4096
_FILES = 4096


def yard_of(sandbox: str, images: "Callable[[], DockerImages]", say: Callable[[str], None]) -> Yard:
    """`sandbox` as the user chose it."""
    return _LocalYard() if sandbox == "local" else _DockerYard(images=images, say=say)


def _limits(room: Room) -> "Limits":
    from mmio_bisect.adapters.sandbox.execution import Limits  # noqa: PLC0415 - only where something is built

    processors = os.cpu_count() or 1
    return Limits(
        memory_bytes=room.memory,
        cpu_seconds=round(room.seconds * processors),
        wall_seconds=room.seconds,
        output_bytes=_OUTPUT_BYTES,
        file_bytes=room.disk,
        processes=_PROCESSES,
        open_files=_FILES,
        processors=processors,
    )


@dataclass(frozen=True, slots=True)
class _LocalYard:
    @contextmanager
    def session(self, tree: Path, room: Room, signals: Signals) -> Iterator[SandboxSession]:  # noqa: ARG002 - nothing is fetched
        from mmio_bisect.adapters.sandbox.subprocess_local import LocalSandbox  # noqa: PLC0415 - as above

        with LocalSandbox(_limits(room)).session(tree) as session:
            yield session


@dataclass(frozen=True, slots=True, kw_only=True)
class _DockerYard:
    images: "Callable[[], DockerImages]"
    say: Callable[[str], None]

    @contextmanager
    def session(self, tree: Path, room: Room, signals: Signals) -> Iterator[SandboxSession]:
        from mmio_bisect.adapters.sandbox.docker_engine import DockerSandbox  # noqa: PLC0415 - as above

        sandbox = DockerSandbox(_limits(room), say=self.say)
        try:
            sandbox.reach()
        except SandboxError as error:
            raise SandboxError(
                f"{str(error).rstrip('.')}: commits are built in docker; start it, or pass --sandbox local if you "
                "trust their source."
            ) from error
        image = self.images().equipped(room.suite, room.packages, signals)
        with sandbox.session(tree, image) as session:
            yield session
