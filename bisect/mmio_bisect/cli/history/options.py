"""What narrows, sorts and pages every question to the history, and in which form it is answered."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.errors import UsageError
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.history.history_queries import Filters, Page
from mmio_bisect.workflow.probing.requests import ALL_TARGETS

_NARROW = "Which"
_FORM = "In which form"

Recipes = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        metavar="NAME",
        help="Of these recipes (or files: fill_loop.c), repeated or with commas.",
        autocompletion=options.recipe_names,
        rich_help_panel=_NARROW,
    ),
]
Series = Annotated[
    list[str] | None,
    typer.Option(
        "--series",
        metavar="NAME",
        help="Of these series, repeated or with commas.",
        autocompletion=options.series_names,
        rich_help_panel=_NARROW,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="NAME", help="For these targets.", rich_help_panel=_NARROW),
]
Opts = Annotated[
    list[str] | None,
    typer.Option("--opt", metavar="LEVEL", help="At these optimisation levels.", rich_help_panel=_NARROW),
]
Verdicts = Annotated[
    list[str] | None,
    typer.Option("--verdict", metavar="VERDICT", help="good, bad, untestable.", rich_help_panel=_NARROW),
]
Defects = Annotated[
    list[str] | None,
    typer.Option(
        "--defect",
        metavar="KIND",
        help="With a defect of these kinds (see `explain`).",
        autocompletion=options.topic_names,
        rich_help_panel=_NARROW,
    ),
]
Functions = Annotated[
    list[str] | None,
    typer.Option("--function", metavar="NAME", help="With a defect in these functions.", rich_help_panel=_NARROW),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="DATE", help="Recorded since then (UTC), as in 2026-11-01.", rich_help_panel=_NARROW
    ),
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.", rich_help_panel=_FORM)]
PageNumber = Annotated[
    int, typer.Option("--page", metavar="N", min=1, help="The first page, or a later one.", rich_help_panel=_FORM)
]
Reverse = Annotated[bool, typer.Option("--reverse", help="The other way round.", rich_help_panel=_FORM)]
AsCsv = Annotated[bool, typer.Option("--csv", help="Comma-separated values with a head.", rich_help_panel=_FORM)]


CELL_HEAD = (
    *("cell", "recipe", "case", "series", "version", "compiler", "llvm", "target", "opt", "outcome_kind", "verdict"),
    *("marks", "seconds", "recorded"),
)
_EDGE_HEAD = ("last", "first", "last_llvm", "first_llvm", "untestable", "last_cell", "first_cell", "noticed")
_LINE_HEAD = ("recipe", "case", "target", "opt", "series")
TRANSITION_HEAD = (*_LINE_HEAD, "function", "access", "defect", "change", *_EDGE_HEAD, "state", "links")
CODE_CHANGE_HEAD = (*_LINE_HEAD, "same_verdict", *_EDGE_HEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which lines of the history; `filters` is what was typed, every word of a closed set checked."""

    recipe: Recipes = None
    series: Series = None
    target: Targets = None
    opt: Opts = None
    since: Since = None
    profile: options.ProfileName = options.DEFAULT_PROFILE_NAME

    def filters(self) -> Filters:
        """Raises `UsageError`."""
        chosen = options.targets(self.target)
        return Filters(
            recipes=options.words(self.recipe),
            series=options.words(self.series),
            targets=() if chosen == ALL_TARGETS else tuple(found.name for found in chosen),
            opts=tuple(found.value for found in options.opt_levels(self.opt)),
            since=None if self.since is None else moment(self.since),
            profile=options.profile(self.profile).name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells(Lines):
    """Which cells of those lines."""

    verdict: Verdicts = None
    defect: Defects = None
    function: Functions = None

    def filters(self) -> Filters:
        return replace(
            Lines.filters(self),
            verdicts=tuple(found.value for found in options.members(Verdict, self.verdict, "a verdict")),
            defects=tuple(sorted(options.defect_kinds(self.defect) or ())),
            functions=options.words(self.function),
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


def flattened(members: Iterable[Mapping[str, object]]) -> Iterator[list[object]]:
    """Members of documents as rows: what is nested is joined by blanks."""
    for member in members:
        yield [" ".join(map(str, value)) if isinstance(value, list) else value for value in member.values()]
