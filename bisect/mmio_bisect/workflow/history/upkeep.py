"""Taking a history out and in, copying it, and looking whether it is whole."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmio_bisect.workflow.history.history_queries import NoteRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`new` rows by kind; `known` were there already and say the same."""

    new: dict[str, int]
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing that was looked at; `trouble` is None where it is well."""

    what: str
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Times, as history writes them, before which rows of a kind are let go of; None: none of them."""

    runs: str | None = None
    ticks: str | None = None
    notices: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many rows were let go of."""

    runs: int
    ticks: int
    notices: int


class Upkeep(Protocol):
    """One database."""

    def export(self) -> Iterator[str]:
        """Everything that was measured or said, a line of JSON each; what follows from it is left out."""

    def take_in(self, lines: Iterable[str]) -> Imported:
        """All of an export or nothing. Raises `InvalidExportError`, and `ConflictError` with both rows."""

    def note(self, note: NoteRow) -> None:
        """Keep what somebody said. Raises `UsageError` for a recipe that the history does not know."""

    def forget(self, before: Before, *, needed: Collection[int]) -> Forgotten:
        """Let go of what is older. Runs that are `needed` stay, and those that a notice tells of.

        What was measured is never let go of.
        """

    def backup(self, file: Path) -> None:
        """A copy in a file of its own, while others may write. Raises `UsageError` where the database is not a file."""

    def check(self, *, repair: bool, tell: Callable[[CheckResult], None]) -> bool:
        """Whether all is well; `repair` makes anew what follows from other rows."""
