"""Series of compilers that are on this machine: a first look without a download.

Nothing is fetched, so nothing keeps a compiler from being replaced by another under its name: a point's name holds a
digest of the paths, sizes and times of all files that the compiler is made of, and is another one after an update.
Those files are the program, the libraries that the loader finds for it, gcc's `cc1` and assembler, and rustc's `core`
for every target that it has; the toolchain's digest is of what is in them.
"""

import glob
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from mmio_bisect.adapters.fetch.wheel import digest_of_file
from mmio_bisect.adapters.series.kind import NamedSource, SeriesConfig, SourceContext
from mmio_bisect.adapters.series.version_order import debian_sort_key
from mmio_bisect.adapters.tied_process import tied
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import CancelledError, UnknownVersionError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched, RunsIn

_SECONDS: Final = 20
_LIBRARY: Final = re.compile(r"(?:=> |^\s*)(/\S+) \(0x")
_RUSTUP: Final = re.compile(r".*/toolchains/([^/]+)/bin/rustc")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledConfig(SeriesConfig):
    """`programs` are shell patterns: names are looked for on PATH, paths (`~` is the user's home) as they are."""

    runs_in: ClassVar[RunsIn] = RunsIn.HOST

    programs: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.programs:
            raise ValueError("programs is empty: name at least one")

    def source(self, name: str, context: SourceContext) -> "InstalledSeries":  # noqa: ARG002 - PATH is all it needs
        return InstalledSeries(name, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    point: Point
    program: Path
    files: tuple[Path, ...]


class InstalledSeries(NamedSource):
    """The `SeriesSource`. It looks anew each time: that takes no longer than reading a list of last time's."""

    def __init__(self, name: str, config: InstalledConfig, *, path: str | None = None) -> None:
        super().__init__(name, config)
        self._patterns = config.programs
        self._path = os.environ.get("PATH", os.defpath) if path is None else path
        self._found: tuple[_Found, ...] = ()

    def listing(self, *, refresh: bool = False) -> Listing:  # noqa: ARG002 - it is never stale
        found = [one for program in self._programs() if (one := self._look_at(program)) is not None]
        self._found = tuple(sorted(found, key=lambda one: one.point.sort_key))
        points = tuple(one.point for one in self._found)
        return Listing(series=self.name, points=points, asked_at=datetime.now(UTC))

    def origin(self, point: Point) -> str:
        return f"{self._one(point).program}, on this machine: nothing is fetched"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:  # noqa: ARG002 - it stays where it is
        found = self._one(point)
        parts = [str(found.program)]
        for path in found.files:
            if signals.cancelled():
                raise CancelledError(f"looking at {point} was cancelled")
            parts.append(f"{path.name} {digest_of_file(path).removeprefix('sha256:')}")
        return Fetched(
            digest=digest_of("\n".join(parts).encode()),
            tool=(str(found.program),),
            arguments=(),
        )

    def _one(self, point: Point) -> _Found:
        if not self._found:
            self.listing()
        for found in self._found:
            if found.point.version == point.version:
                return found
        raise UnknownVersionError(f"{point} is not on this machine any more, or is another one now.")

    def _programs(self) -> Iterator[Path]:
        """Each once, whatever it is called; the first name counts."""
        seen = set()
        for pattern in self._patterns:
            places = [pattern] if "/" in pattern else [f"{folder}/{pattern}" for folder in self._path.split(os.pathsep)]
            for place in places:
                for name in sorted(glob.glob(os.path.expanduser(place))):  # noqa: PTH111, PTH207 - a pattern with ~ in it
                    program = Path(name)
                    if os.access(program, os.X_OK) and program.is_file() and program.resolve() not in seen:
                        seen.add(program.resolve())
                        yield program

    def _look_at(self, program: Path) -> _Found | None:
        """None for what is not a compiler of the family."""
        version = self.family.descriptor.version_in(_said(str(program), "--version"))
        if version is None:
            return None
        files = tuple(sorted(set(_files(program, self.family))))
        stamps = "\n".join(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
        rustup = _RUSTUP.fullmatch(str(program))
        label = f"{rustup[1] if rustup else program.name}.{digest_of(stamps.encode())[7:15]}"
        key = f"{debian_sort_key(version)} {label}"
        return _Found(
            point=Point(series=self.name, version=f"{version}+{label}", sort_key=key), program=program, files=files
        )


def _files(program: Path, family: CompilerFamily) -> Iterator[Path]:
    yield from _with_libraries(program)
    for part in family.descriptor.parts:
        path = Path(_said(str(program), *part.words).strip())
        if part.files is not None:
            yield from path.glob(part.files)
        elif path.is_file():
            yield from _with_libraries(path)


def _with_libraries(program: Path) -> Iterator[Path]:
    """The program, and what the loader would load with it: none where it is linked statically, or a script."""
    yield program.resolve()
    for line in _said("ldd", str(program.resolve())).splitlines():
        if found := _LIBRARY.search(line):
            yield Path(found[1]).resolve()


def _said(*words: str) -> str:
    """What a program of this machine prints; nothing if it fails."""
    try:
        ended = subprocess.run(
            tied(words),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode(errors="replace") if ended.returncode == 0 else ""
