"""A wiring whose compilers are a script: which version makes which code. All else is as it ships.

Versions stand in the order of the script; each is given what it does to `store_then_step`, or why it fails.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from listed_code import listed_image

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.composition.wiring import RealWiring, Settings
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.target import Architecture
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import BrokenToolchainError, CancelledError, MissingToolchainError, SandboxError
from mmio_bisect.workflow.ports.objects import ObjectBytes
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Bounds, Command, ContainerSandbox, Finished, Sandbox
from mmio_bisect.workflow.ports.series import Capabilities, Fetched, SeriesSource

_GOOD = (0xAA0003E8, 0x91002000, 0x52800029, 0x5280004A, 0xB9000109, 0xB900050A, 0xD65F03C0)
_BAD = (0x52800029, 0xAA0003E8, 0xB8008409, 0x52800049, 0xB9000509, 0xD65F03C0)
_CODE = {"good": _GOOD, "bad": _BAD}
_TOOL = "bin/clang"


@dataclass(slots=True)
class Script:
    """What each version does: `good` or `bad` code, `missing` or `late` for none, `dead`, or an error it prints.

    `failure` is raised by every fetch, `silence` by every listing; `docker`: a daemon answers; `fetched` and `compiled`
    count what was done.
    """

    does: Mapping[str, str]
    failure: BaseException | None = None
    silence: BaseException | None = None
    docker: bool = False
    fetched: list[str] = field(default_factory=list)
    asked_in_vain: list[str] = field(default_factory=list)
    compiled: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    on_fetch: Callable[[str, Signals], None] = lambda _version, _signals: None
    on_compile: Callable[[str], None] = lambda _version: None


@dataclass(frozen=True, slots=True)
class ScriptedWiring(RealWiring):
    """The real store, history and recipes around a script of compilers."""

    script: Script

    def source(self, series: str) -> SeriesSource:
        self.family(series)
        return _Source(self.script)

    def local_sandbox(
        self,
        bounds: Bounds | None = None,  # noqa: ARG002 - a script has no limits
        *,
        say: Callable[[str], None] = lambda _: None,  # noqa: ARG002 - and leaves nothing open
    ) -> Sandbox:
        return _Sandbox(self.script)

    def docker_sandbox(
        self,
        bounds: Bounds | None = None,  # noqa: ARG002 - for the same reason
        *,
        say: Callable[[str], None] = lambda _: None,  # noqa: ARG002 - nothing takes long
    ) -> ContainerSandbox:
        return _Docker(self.script, "docker")

    def objects(self) -> "_Objects":
        return _Objects()


def scripted(script: Script, settings: Settings) -> ScriptedWiring:
    return ScriptedWiring(settings, script)


@dataclass(frozen=True, slots=True)
class _Source:
    script: Script
    name: str = "zig"
    family: CompilerFamily = CompilerFamily.CLANG
    summary: str = "compilers that do as they are told"
    capabilities: Capabilities = field(default_factory=Capabilities)

    def listing(self, *, refresh: bool = False) -> Listing:  # noqa: ARG002 - a script is never stale
        if self.script.silence is not None:
            raise self.script.silence
        points = tuple(
            Point(series="zig", version=version, sort_key=f"{place:04}")
            for place, version in enumerate(self.script.does)
        )
        return Listing(series="zig", points=points, asked_at=datetime(2026, 11, 1, tzinfo=UTC))

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:  # noqa: ARG002 - versions are all there is
        return ()

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:
        if self.script.failure is not None:
            raise self.script.failure
        if self.script.does[point.version] == "dead":
            raise BrokenToolchainError(f"{point} does not start")
        if (does := self.script.does[point.version]) in {"missing", "late"}:
            with self.script.lock:
                self.script.asked_in_vain.append(point.version)
            raise MissingToolchainError(f"{point} was never published", for_good=does == "missing")
        signals.progress(2048, 2048)
        self.script.on_fetch(point.version, signals)
        tool = folder / _TOOL
        tool.parent.mkdir()
        tool.write_text(point.version)
        with self.script.lock:
            self.script.fetched.append(point.version)
        return Fetched(digest=digest_of(point.version.encode()), tool=(_TOOL,), arguments=())

    def origin(self, point: Point) -> str:
        return f"{point.version}, as the script says"


@dataclass(frozen=True, slots=True)
class _Sandbox:
    script: Script
    name: str = "local"

    @contextmanager
    def session(self, toolchain_root: Path, image: str | None = None) -> Iterator["_Session"]:
        assert image is None
        yield _Session(self.script, toolchain_root)


class _Docker(_Sandbox):
    def reach(self) -> str:
        if not self.script.docker:
            raise SandboxError("Cannot reach the docker daemon: no such file or directory")
        return "docker 1.2"

    def present_image(self) -> str | None:
        return "debian:scripted"

    def prepare(self) -> str:
        return "debian:scripted"


@dataclass(frozen=True, slots=True)
class _Session:
    script: Script
    root: Path

    def run(self, command: Command, signals: Signals) -> Finished:
        if signals.cancelled():
            raise CancelledError("told to stop")
        version = (self.root / _TOOL).read_text()
        if "--version" in command.argv:
            return Finished(
                argv=command.argv, status=0, limit=None, output=f"clang version {version}", product=None, seconds=0.0
            )
        self.script.on_compile(version)
        with self.script.lock:
            self.script.compiled.append(version)
        does = self.script.does[version]
        made = does in _CODE
        return Finished(
            argv=command.argv,
            status=0 if made else 1,
            limit=None,
            output="" if made else f"error: {does}",
            product=does.encode() if made else None,
            seconds=0.1,
        )


class _Objects:
    def read(self, data: ObjectBytes) -> CodeImage:
        code = b"".join(word.to_bytes(4, "little") for word in _CODE[bytes(data).decode()])
        function = FunctionCode(
            name="store_then_step",
            section=1,
            address=0,
            size=len(code),
            instructions=tuple(disassembler(A64)(code)),
        )
        return listed_image(ISAS[Architecture.AARCH64], [function])
