"""Which sandbox compilers run in, and why: the one place that decides it and says so.

    auto     docker where a daemon answers and an image can be had; else local, for source that ships with the tool
    docker   docker or an error
    local    local, whatever the source

A compiler of the host's (`check --compiler`, the series `installed-…`) needs the host's libraries, which no container
has: it runs locally. One that comes in an image (Debian's) runs in docker or not at all.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from mmio_bisect.domain.recipe import Case
from mmio_bisect.errors import SandboxError, UsageError, sentence
from mmio_bisect.workflow.ports.sandbox import Bounds, ContainerSandbox, Sandbox, SandboxSession
from mmio_bisect.workflow.ports.series import RunsIn
from mmio_bisect.workflow.ports.wiring import Wiring

_NEEDS_DOCKER = "compilers that come in images need docker, so start it, or choose a series that does without, as zig."


class SandboxChoice(StrEnum):
    AUTO = "auto"
    DOCKER = "docker"
    LOCAL = "local"


def choose(
    wiring: Wiring,
    wanted: str,
    bounds: Bounds | None = None,
    *,
    cases: Sequence[Case] = (),
    say: Callable[[str], None] | None = None,
    runs_in: RunsIn = RunsIn.ANY,
) -> Sandbox:
    """The sandbox for these cases and compilers.

    What cannot be had is refused at once, what takes long is put off until needed.
    Raises `SandboxError`, and `UsageError` for a name that means none.
    """
    say = say or _say_nothing
    wiring.sweep_sandboxes()
    if runs_in is RunsIn.HOST:
        return _for_installed(wiring, wanted, bounds, cases, say, "The series' compilers are this machine's own")
    if runs_in is RunsIn.DOCKER:
        return _for_images(partial(wiring.docker_sandbox, bounds, say=say), _parsed(wanted), say)
    choice = _parsed(wanted)
    foreign = _foreign(cases) if choice is SandboxChoice.AUTO else None
    if choice is SandboxChoice.LOCAL:
        return _LazySandbox(lambda _image: _local(wiring, bounds, say, "--sandbox local"), say)
    if choice is SandboxChoice.AUTO and foreign is None:
        return _LazySandbox(lambda image: _docker_or_local(wiring, bounds, say, image), say)
    docker = wiring.docker_sandbox(bounds, say=say)
    try:
        found = docker.reach()
    except SandboxError as error:
        if foreign is None:
            raise SandboxError(f"{str(error).rstrip('.')}: start docker, or pass --sandbox local.") from error
        raise SandboxError(
            f"{foreign.file_name} does not ship with mmio-bisect, and the local sandbox is not a wall against "
            "hostile source: start docker, or pass --sandbox local if you trust it. "
            f"{sentence(str(error))}"
        ) from error
    return _LazySandbox(lambda image: _docker(docker, found, image), say)


def common_place(places: Collection[RunsIn]) -> RunsIn:
    """Where compilers of several series can run together. Raises `UsageError` where there is no such place."""
    match RunsIn.DOCKER in places, RunsIn.HOST in places:
        case True, True:
            raise UsageError("A compiler of this machine and one that comes in an image cannot run in one sandbox.")
        case True, False:
            return RunsIn.DOCKER
        case False, True:
            return RunsIn.HOST
        case _:
            return RunsIn.ANY


def choose_for_host_compiler(
    wiring: Wiring, wanted: str, bounds: Bounds | None, *, cases: Sequence[Case], say: Callable[[str], None]
) -> Sandbox:
    """The sandbox for a compiler of this machine, given by its path. Raises `SandboxError`, `UsageError`."""
    return _for_installed(wiring, wanted, bounds, cases, say, "--compiler does not go with --sandbox docker")


def _for_images(make: Callable[[], ContainerSandbox], wanted: SandboxChoice, say: Callable[[str], None]) -> Sandbox:
    """Docker or nothing; whether it is there is asked when it is needed, since history may know all answers."""

    def decide(image: str | None) -> _Chosen:
        docker = make()
        try:
            return _docker(docker, docker.reach(), image)
        except SandboxError as error:
            raise type(error)(f"{str(error).rstrip('.')}: {_NEEDS_DOCKER}") from error

    if wanted is SandboxChoice.LOCAL:
        raise SandboxError(f"The local sandbox has no images: {_NEEDS_DOCKER}")
    return _LazySandbox(decide, say)


def _for_installed(
    wiring: Wiring,
    wanted: str,
    bounds: Bounds | None,
    cases: Sequence[Case],
    say: Callable[[str], None],
    why: str,
) -> Sandbox:
    foreign = _foreign(cases)
    match _parsed(wanted):
        case SandboxChoice.DOCKER:
            raise UsageError(
                f"{why}: a compiler of this machine needs libraries that no container has; pass --sandbox local."
            )
        case SandboxChoice.AUTO if foreign is not None:
            raise SandboxError(
                f"{foreign.file_name} does not ship with mmio-bisect, a compiler of this machine can run in the local "
                "sandbox only, and that is not a wall against hostile source: pass --sandbox local if you trust it."
            )
        case SandboxChoice.AUTO | SandboxChoice.LOCAL:
            return wiring.local_sandbox(bounds, say=say)


@dataclass(frozen=True, slots=True)
class _Chosen:
    sandbox: Sandbox
    sentence: str


class _LazySandbox:
    """A `Sandbox` that is decided on, and told of, when the first session is opened: history may answer without one."""

    def __init__(self, decide: Callable[[str | None], _Chosen], say: Callable[[str], None]) -> None:
        self._decide = decide
        self._say = say
        self._lock = threading.Lock()
        self._chosen: _Chosen | None = None

    @property
    def name(self) -> str:
        return self._decided(None).sandbox.name

    @contextmanager
    def session(self, toolchain_root: Path, image: str | None = None) -> Iterator[SandboxSession]:
        with self._decided(image).sandbox.session(toolchain_root, image) as session:
            yield session

    def _decided(self, image: str | None) -> _Chosen:
        with self._lock:
            if self._chosen is None:
                self._chosen = self._decide(image)
                self._say(f"sandbox: {self._chosen.sentence}")
            return self._chosen


def _local(wiring: Wiring, bounds: Bounds | None, say: Callable[[str], None], why: str) -> _Chosen:
    return _Chosen(wiring.local_sandbox(bounds, say=say), f"local ({why})")


def _docker(docker: ContainerSandbox, found: str, image: str | None) -> _Chosen:
    """A toolchain that brings an image needs no other."""
    return _Chosen(docker, f"{found}, image {image or docker.prepare()}")


def _docker_or_local(wiring: Wiring, bounds: Bounds | None, say: Callable[[str], None], image: str | None) -> _Chosen:
    docker = wiring.docker_sandbox(bounds, say=say)
    try:
        return _docker(docker, docker.reach(), image)
    except SandboxError as error:
        if image is not None:
            raise
        return _local(wiring, bounds, say, str(error).rstrip("."))


def _foreign(cases: Sequence[Case]) -> Case | None:
    return next((case for case in cases if not case.shipped), None)


def _parsed(wanted: str) -> SandboxChoice:
    try:
        return SandboxChoice(wanted)
    except ValueError:
        names = ", ".join(SandboxChoice)
        raise UsageError(f"“{wanted}” is not a sandbox; there are {names}.") from None


def _say_nothing(_sentence: str) -> None:
    pass
