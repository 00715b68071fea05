"""Where commits are built: a sandbox with the room that a series asks for, put together from an image and a sandbox.

A commit's source is anybody's, and its build runs whatever it says: so that is done in docker, in an image with the
packages that the series names; or with what is installed here, where the user trusts it and says `--sandbox local`.
Builds write to disk, to a folder or a volume that is watched and goes with them.

What builds alone can write to beyond their end is the cache of what they compiled, for ccache. It is theirs who share a
store, a series, a repository and an image: no recipe's compile sees it, and no other series' build. Within, a build can
put false files into it that a later one takes for its own. So it is trusted as far as the repository: a commit that
wants to deceive is in the history of all commits after it anyway, but with a cache it could reach those before it, too.
Therefore no answer has to rest on it: where `run` checks a culprit by building, which it does unasked where a build
takes a minute at most, and else with `--verify-build`, it builds both neighbours without a cache.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING

from mmio_bisect.composition.volumes import store_volume, visible_paths
from mmio_bisect.errors import SandboxError, UsageError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import BuildRequirements, BuildSandbox, SandboxSession

if TYPE_CHECKING:
    from mmio_bisect.adapters.git.repository import Repository
    from mmio_bisect.adapters.sandbox.docker.images import DockerImages
    from mmio_bisect.adapters.sandbox.execution import Limits

_OUTPUT_BYTES = 4 << 20
_PROCESSES = 4096
_FILES = 4096


def build_sandbox_of(
    sandbox: str, images: "Callable[[], DockerImages]", say: Callable[[str], None], folder: Path
) -> BuildSandbox:
    """`sandbox` as the user chose it; local builds work, and keep their caches, below `folder`."""
    return (
        _LocalBuildSandbox(folder=folder, say=say)
        if sandbox == "local"
        else _DockerBuildSandbox(images=once(images), say=say)
    )


def load_repository() -> "type[Repository]":
    try:
        from mmio_bisect.adapters.git.repository import Repository  # noqa: PLC0415 - loads gitpython
    except ImportError as error:  # gitpython looks for git when it is loaded
        raise UsageError("Series of commits need git: install it (`apt-get install git`).") from error
    return Repository


def _limits(requirements: BuildRequirements) -> "Limits":
    from mmio_bisect.adapters.sandbox.execution import Limits  # noqa: PLC0415 - only where something is built

    processors = os.cpu_count() or 1
    return Limits(
        memory_bytes=requirements.memory,
        cpu_seconds=round(requirements.seconds * processors),
        wall_seconds=requirements.seconds,
        output_bytes=_OUTPUT_BYTES,
        file_bytes=requirements.disk,
        processes=_PROCESSES,
        open_files=_FILES,
        processors=processors,
        disk_bytes=requirements.disk,
        cache_bytes=requirements.cache,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LocalBuildSandbox:
    folder: Path
    say: Callable[[str], None]

    @contextmanager
    def session(
        self,
        tree: Path,
        requirements: BuildRequirements,
        signals: Signals,  # noqa: ARG002 - nothing is fetched
        *,
        cache: str | None,
    ) -> Iterator[SandboxSession]:
        from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox  # noqa: PLC0415 - imported on demand

        kept = None if cache is None else self.folder / "caches" / cache
        if kept is not None:
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        sandbox = LocalSandbox(
            _limits(requirements), base=self.folder / "work", cache=kept, visible=visible_paths(), say=self.say
        )
        with sandbox.session(tree) as session:
            yield session


@dataclass(frozen=True, slots=True, kw_only=True)
class _DockerBuildSandbox:
    images: "Callable[[], DockerImages]"
    say: Callable[[str], None]

    @contextmanager
    def session(
        self, tree: Path, requirements: BuildRequirements, signals: Signals, *, cache: str | None
    ) -> Iterator[SandboxSession]:
        from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox  # noqa: PLC0415 - imported on demand

        try:
            DockerSandbox().reach()
        except SandboxError as error:
            raise SandboxError(
                f"{str(error).rstrip('.')}: commits are built in docker; start it, or pass --sandbox local if you "
                "trust their source."
            ) from error
        image = self.images().equipped(requirements.suite, requirements.packages, signals)
        kept = None if cache is None else self.images().cache(cache, image)
        sandbox = DockerSandbox(_limits(requirements), volume=store_volume(), cache=kept, say=self.say)
        with sandbox.session(tree, image) as session:
            yield session
