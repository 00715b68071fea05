"""Versions of LLVM as values, read from whatever writes them: compilers, packages and tags."""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Final, Self

_VERSION: Final = re.compile(
    r"(?:^|(?:LLVM|clang) version:? )\s*(?P<release>\d{1,9}(?:\.\d{1,9}){0,2}(?!\d))(?:-?rc(?P<candidate>\d{1,9}))?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class LlvmVersion:
    """A release, of up to three numbers as they are written, or a candidate of it; snapshots are of their release."""

    release: tuple[int, ...]
    candidate: int | None = None

    @classmethod
    def from_text(cls, text: str | None) -> Self | None:
        """From `18.1.6`, `18.0.0git`, `23~++2025…` or `clang version 18.1.6 (…)`; None where no version is written."""
        found = _VERSION.search(text or "")
        if found is None:
            return None
        release = tuple(map(int, found["release"].split(".")))
        return cls(release=release, candidate=int(found["candidate"]) if found["candidate"] else None)

    @property
    def major(self) -> int:
        return self.release[0]

    @property
    def key(self) -> str:
        """A text whose plain order is that of releases, so that a database can sort by it."""
        return ".".join(f"{number:05}" for number in self.release)

    def __lt__(self, other: "LlvmVersion") -> bool:
        return self._order < other._order

    def __eq__(self, other: object) -> bool:
        """18.1 is 18.1.0."""
        return isinstance(other, LlvmVersion) and self._order == other._order

    def __hash__(self) -> int:
        return hash(self._order)

    @property
    def _order(self) -> tuple[int, ...]:
        major, minor, patch = (*self.release, 0, 0)[:3]
        return major, minor, patch, self.candidate is None, self.candidate or 0


def llvm_major(text: str | None) -> int | None:
    """Of a version as `LlvmVersion.from_text` takes it."""
    version = LlvmVersion.from_text(text)
    return None if version is None else version.major
