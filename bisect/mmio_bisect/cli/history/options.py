"""What narrows, sorts and pages every question to the history, and in which form it is answered."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

import typer

from mmio_bisect.cli import options
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.errors import UsageError
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.history.history_queries import Filters, Page
from mmio_bisect.workflow.probing.selection import (
    ALL_TARGETS,
    read_defects,
    read_members,
    read_opts,
    read_profile,
    read_targets,
    split_words,
)

_NARROW = "Which"
_FORM = "In which form"


def _which(flag: str, metavar: str, text: str, complete: Callable[[str], list[str]] | None = None) -> Any:  # noqa: ANN401
    return typer.Option(flag, metavar=metavar, help=text, autocompletion=complete, rich_help_panel=_NARROW)


_Words = list[str] | None

Targets = Annotated[_Words, _which("--target", "NAME", "For these targets.")]
Opts = Annotated[_Words, _which("--opt", "LEVEL", "At these optimisation levels.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.", rich_help_panel=_FORM)]
PageNumber = Annotated[
    int, typer.Option("--page", metavar="N", min=1, help="The first page, or a later one.", rich_help_panel=_FORM)
]
Reverse = Annotated[bool, typer.Option("--reverse", help="The other way round.", rich_help_panel=_FORM)]
AsCsv = Annotated[bool, typer.Option("--csv", help="Comma-separated values with a head.", rich_help_panel=_FORM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which lines of the history; `filters` is what was typed, every word of a closed set checked."""

    recipe: Annotated[
        _Words,
        _which(
            "--recipe",
            "NAME",
            "Of these recipes (or files: fill_loop.c), repeated or with commas.",
            options.recipe_names,
        ),
    ] = None
    series: Annotated[
        _Words, _which("--series", "NAME", "Of these series, repeated or with commas.", options.series_names)
    ] = None
    target: Targets = None
    opt: Opts = None
    since: Annotated[str | None, _which("--since", "DATE", "Recorded since then (UTC), as in 2026-11-01.")] = None
    profile: options.ProfileName = options.DEFAULT_PROFILE_NAME

    def filters(self) -> Filters:
        """Raises `UsageError`."""
        chosen = read_targets(self.target)
        return Filters(
            recipes=split_words(self.recipe),
            series=split_words(self.series),
            targets=() if chosen == ALL_TARGETS else tuple(found.name for found in chosen),
            opts=tuple(found.value for found in read_opts(self.opt)),
            since=None if self.since is None else moment(self.since),
            profile=read_profile(self.profile).name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells(Lines):
    """Which cells of those lines."""

    verdict: Annotated[_Words, _which("--verdict", "VERDICT", "good, bad, untestable.")] = None
    defect: Annotated[
        _Words, _which("--defect", "KIND", "With a defect of these kinds (see `explain`).", options.topic_names)
    ] = None
    function: Annotated[_Words, _which("--function", "NAME", "With a defect in these functions.")] = None

    def filters(self) -> Filters:
        return replace(
            Lines.filters(self),
            verdicts=tuple(found.value for found in read_members(Verdict, self.verdict, "a verdict")),
            defects=tuple(sorted(read_defects(self.defect) or ())),
            functions=split_words(self.function),
        )


def moment(text: str) -> str:
    """A date or time in UTC, as times are kept. Raises `UsageError`."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"“{text}” is not a date: write one as in 2026-11-01 or 2026-11-01T12:00.") from None
    return text.replace(" ", "T")


def page_of(limit: int, number: int, *, reverse: bool = False) -> Page:
    return Page(limit=limit, offset=limit * (number - 1), reverse=reverse)


@dataclass(frozen=True, slots=True)
class Form:
    """How to print. Raises `UsageError` for two forms at once."""

    as_json: options.AsJson = False
    as_csv: AsCsv = False

    def __post_init__(self) -> None:
        if self.as_json and self.as_csv:
            raise UsageError("--json and --csv are two forms of one answer: choose one.")

    @property
    def as_text(self) -> bool:
        return not (self.as_json or self.as_csv)


def show_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """RFC 4180, but for line ends, which are the system's."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    output.show(text.getvalue())


def show_members_csv(head: Sequence[str], members: Iterable[Mapping[str, object]]) -> None:
    """Members of documents as rows: what is nested is joined by blanks."""
    show_csv(
        head,
        (
            [" ".join(map(str, value)) if isinstance(value, list) else value for value in member.values()]
            for member in members
        ),
    )
