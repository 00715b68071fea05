"""What a release of Rust consists of: the values that its servers' formats are read into."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

OFFICIAL: Final = "https://static.rust-lang.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One component for one machine. `sha256` is None where the source promises none."""

    component: str
    url: str
    sha256: str | None
    gzip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A channel at one time. `commit` is as long as the manifest has it; `archives` by component and triple."""

    published: date
    version: str
    commit: str | None
    archives: Mapping[tuple[str, str], Archive]

    @property
    def minor(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)
