"""`history diff A B`: the same recipe on two compilers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.cli.history import options as asked
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.llvm import llvm_major
from mmio_bisect.errors import UnknownVersionError
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.history_diff import Pair, Side, diff_text, pair_member
from mmio_bisect.workflow.history.history_queries import CellOrder, CellRow, Filters, HistoryQueries, Page
from mmio_bisect.workflow.ports.history import History

EXAMPLES = """
Examples:

  mmio-bisect history diff zig@0.12.1 zig@0.13.0 --recipe store_then_step --opt 2

  mmio-bisect history diff rustc clang --recipe store_then_step

A and B are points, or series: then the newest points with the same LLVM are compared, or the newest of each.
"""
_ALL = Page(limit=1_000_000, reverse=True)


def diff(
    context: typer.Context,
    left: Annotated[str, typer.Argument(metavar="A", help="A point, as in zig@0.12.1, or a series.")],
    right: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME", help="Which recipe.", autocompletion=options.recipe_names)
    ],
    target: asked.Targets = None,
    opt: asked.Opts = None,
    profile: options.ProfileName = options.DEFAULT_PROFILE_NAME,
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    filters = asked.Lines(recipe=[recipe], target=target, opt=opt, profile=profile).filters()
    wiring = wiring_of(context, Settings(database=database))
    with wiring.archive() as archive:
        rows = _chosen(_rows(archive, left, filters), _rows(archive, right, filters))
    with wiring.history() as history:
        sides = [[_side(history, row, filters.profile) for row in both] for both in rows]
    pairs = [
        Pair(target=row.target, opt=row.opt, left=left, right=right)
        for (row, _), (left, right) in zip(rows, sides, strict=True)
    ]
    if as_json:
        output.show_document(document("history diff", recipe=recipe, pairs=[pair_member(pair) for pair in pairs]))
    else:
        styled.show(diff_text(pairs, width=output.width()))
    return 0


def _rows(archive: HistoryQueries, text: str, filters: Filters) -> list[CellRow]:
    """Newest points first. Raises `UnknownVersionError`."""
    series, _, version = text.partition("@")
    found = archive.cells(replace(filters, series=(series,)), CellOrder.SERIES, _ALL).rows
    exact = [row for row in found if row.version == version]
    rows = exact or [row for row in found if not version or row.version.startswith(f"{version}.")]
    if not rows:
        raise UnknownVersionError(
            f"History has nothing of {', '.join(filters.recipes)} on {text}: `history matrix --recipe "
            f"{filters.recipes[0]}` shows what it has."
        )
    return rows


def _chosen(left: Sequence[CellRow], right: Sequence[CellRow]) -> list[tuple[CellRow, CellRow]]:
    """For each target and level the newest rows of both with the same LLVM, or else the newest. Raises as `_rows`."""
    by_cell: defaultdict[tuple[str, str], tuple[list[CellRow], list[CellRow]]] = defaultdict(lambda: ([], []))
    for place, rows in enumerate((left, right)):
        for row in rows:
            by_cell[row.target, row.opt][place].append(row)
    chosen = []
    for ours, theirs in (both for _, both in sorted(by_cell.items()) if all(both)):
        same = ((a, b) for a in ours for b in theirs if a.llvm and llvm_major(a.llvm) == llvm_major(b.llvm))
        chosen.append(next(same, (ours[0], theirs[0])))
    if not chosen:
        raise UnknownVersionError("No target and level was measured on both: `sweep` fills what is missing.")
    return chosen


def _side(history: History, row: CellRow, profile: str) -> Side:
    record = history.outcome(row.cell_key)
    judged = [found for found in record.judgements if found.profile == profile]
    latest = max(judged, key=lambda found: found.rules, default=None)
    return Side(point=f"{row.series}@{row.version}", record=record, judgement=latest)
