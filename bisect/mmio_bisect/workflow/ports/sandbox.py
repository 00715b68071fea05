"""Where untrusted compilers and builds run."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from mmio_bisect.workflow.ports.progress import Signals


class LimitHit(StrEnum):
    """Which limit ended a command."""

    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"
    FILE = "file"


class Isolation(StrEnum):
    """What the kernel granted the local sandbox beyond limits: a namespace of this kind, or what is its own in one."""

    USER = "user"
    NETWORK = "network"
    PROCESSES = "processes"
    FILES = "files"
    """A root of its own, with nothing of the host's but programs and the toolchain."""
    PROC = "proc"
    """A /proc of its own."""


def exposed(granted: Collection[str]) -> tuple[str, ...]:
    """What is left to a compiler where the kernel did not grant all, in words."""
    left = {
        Isolation.FILES: "read and write what you may, docker's socket included",
        Isolation.NETWORK: "reach the network",
        Isolation.PROCESSES: "signal your processes",
        Isolation.PROC: "see which programs run here",
    }
    return tuple(words for isolation, words in left.items() if isolation not in granted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program to run in the sandbox.

    `argv[0]` and the `{toolchain}` in other words refer to the toolchain's root, an absolute path to the image's or
    the machine's files, `{cache}` to the folder that outlasts the session, where there is one; `inputs` are files laid
    into the empty work folder, `product` the file wanted back from it.
    """

    argv: tuple[str, ...]
    inputs: tuple[tuple[str, bytes], ...] = ()
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended: `status` negative for the signal; `product` None if the file is not there.

    `allowed` is how much the limit that it hit allows, as people read it: `256.0 MiB in one file`.
    """

    argv: tuple[str, ...]
    status: int
    limit: LimitHit | None
    output: str
    product: bytes | None
    seconds: float
    allowed: str = ""


class SandboxSession(Protocol):
    """One start of a sandbox around one toolchain; commands run in it one after another."""

    def run(self, command: Command, signals: Signals) -> Finished:
        """Raises `SandboxError` when the sandbox itself fails, `CancelledError` when told to stop."""


class Sandbox(Protocol):
    """Where untrusted compilers run on untrusted text."""

    @property
    def name(self) -> str: ...

    def session(self, toolchain_root: Path, image: str | None = None) -> AbstractContextManager[SandboxSession]:
        """`image` as in `Fetched`. Raises `SandboxError` where images are not supported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one compile may use, where the options say: bytes, and seconds of wall-clock and of processor time.

    `output` is what it prints, `object` the size of any file that it writes.
    """

    memory: int | None = None
    seconds: float | None = None
    output: int | None = None
    object: int | None = None
    processes: int | None = None


class ContainerSandbox(Sandbox, Protocol):
    """A sandbox that is not there on every machine."""

    def reach(self) -> str:
        """What answers: its name and version. Raises `SandboxError` where nothing does."""

    def present_image(self) -> str | None:
        """The image, if it need not be made first. Raises `SandboxError`."""

    def prepare(self) -> str:
        """The image that containers start from, made if need be. Raises `SandboxError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequirements:
    """What a build may use, and what it is done in.

    `packages` of the Debian suite stand beside its base; `memory` and `disk` (all that it writes) in bytes; `seconds`
    by the clock. `cache` are the bytes of compiled files that one build may keep for the next; None: it keeps none.
    """

    suite: str
    packages: tuple[str, ...]
    memory: int
    disk: int
    seconds: float
    cache: int | None = None


class BuildSandbox(Protocol):
    """Where source is built: a sandbox with room for it and without network."""

    def session(
        self, tree: Path, requirements: BuildRequirements, signals: Signals, *, cache: str | None
    ) -> AbstractContextManager[SandboxSession]:
        """The source stands where a toolchain would, read-only. Raises `SandboxError`, `DownloadError`.

        `cache` names the folder that commands know as `{cache}`: what one build left there the next of that name finds.
        """
