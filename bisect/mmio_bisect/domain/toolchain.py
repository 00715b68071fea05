"""Compilers as values: the series they stand in, the points of a series, and the toolchain that a point becomes."""

from dataclasses import dataclass
from datetime import date, datetime

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.llvm import LlvmVersion
from mmio_bisect.domain.recipe import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One place of a series, known from its listing; nothing is fetched yet.

    `sort_key` is a text whose plain order is the order of the series, so that a database can sort by it too.
    """

    series: str
    version: str
    sort_key: str

    def __str__(self) -> str:
        return f"{self.series}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The points of a series, oldest first, and when its source was asked for them (UTC)."""

    series: str
    points: tuple[Point, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A point made runnable.

    `digest` ("sha256:…") is of what is in it, never of an image id. `tool` is the command: its first word is a path
    below the toolchain's root, the rest are words that always follow (`ziglang/zig`, `clang`). `arguments` follow
    every command; a `{toolchain}` in them stands for the root, wherever the sandbox puts it.
    """

    digest: str
    family: CompilerFamily
    tool: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    version_text: str
    compiler_version: str
    llvm_version: str | None
    commit: str | None
    released: date | None

    @property
    def llvm_major(self) -> int | None:
        version = LlvmVersion.from_text(self.llvm_version)
        return None if version is None else version.major

    @property
    def is_missing(self) -> bool:
        """It stands for an unavailable toolchain, see `missing_toolchain`."""
        return not self.tool


def missing_toolchain(point: Point, family: CompilerFamily, reason: str) -> Toolchain:
    """The stand-in for a point whose toolchain is unavailable, so that its cells have an outcome all the same.

    It has no tool, is never in a store, and its `version_text` is the reason; another reason makes it another one.
    """
    return Toolchain(
        digest=digest_of(f"missing {point}: {reason}".encode()),
        family=family,
        tool=(),
        version_text=reason,
        compiler_version="(missing)",
        llvm_version=None,
        commit=None,
        released=None,
    )
