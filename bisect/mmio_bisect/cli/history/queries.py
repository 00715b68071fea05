"""`history matrix`, `transitions`, `fingerprint`, `stats` and `sql`: what is asked of the history as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.cli.history import options as asked
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.report.documents.history_rows import (
    CODE_CHANGE_HEAD,
    TRANSITION_HEAD,
    code_change_member,
    matrix_member,
    statistics_members,
    transition_member,
)
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.history_text import (
    code_changes_text,
    matrix_text,
    rows_text,
    statistics_text,
    transitions_text,
)
from mmio_bisect.workflow.history.history_queries import (
    ChangeOrder,
    Filters,
    HistoryQueries,
    Matrix,
    Page,
    TransitionRow,
)
from mmio_bisect.workflow.history.regressions import Life, lives
from mmio_bisect.workflow.probing.selection import read_profile

MATRIX_EXAMPLES = """
Examples:

  mmio-bisect history matrix --series zig --opt 2

  mmio-bisect history matrix --recipe fill_loop --defect writeback-post --csv

Rows are recipes, targets and levels, columns the newest versions of each series.
"""
TRANSITION_EXAMPLES = """
Examples:

  mmio-bisect history transitions

  mmio-bisect history transitions --verdict bad --since 2026-11-01 --sort noticed --json

--verdict bad gives what was introduced, --verdict good what was fixed.
"""
SQL_EXAMPLES = """
Examples:

  mmio-bisect history sql "SELECT recipe, count(*) FROM verdicts GROUP BY recipe"

  mmio-bisect history sql "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
"""

_MOST_SECONDS = 86400.0

Sort = Annotated[ChangeOrder, typer.Option("--sort", help="What comes first.", rich_help_panel="In which form")]


def matrix(
    context: typer.Context,
    cells: asked.Cells,
    form: asked.Form,
    limit: asked.Limit = 200,
    page: asked.PageNumber = 1,
    versions: Annotated[
        int, typer.Option("--versions", metavar="N", min=1, help="So many versions of each series.")
    ] = 60,
    skip: Annotated[
        int, typer.Option("--skip-versions", metavar="N", min=0, help="Leave so many of the newest out.")
    ] = 0,
    reverse: asked.Reverse = False,
    database: options.Database = None,
) -> int:
    filters = cells.filters()
    with wiring_of(context, Settings(database=database)).archive() as archive:
        found = archive.matrix(filters, asked.page_of(limit, page, reverse=reverse), columns=versions, skip=skip)
    if form.as_json:
        blocks = [matrix_member(block) for block in found.rows]
        output.show_document(document("history matrix", total=found.total, more=found.more, series=blocks))
    elif form.as_csv:
        asked.show_csv(_MATRIX_HEAD, _matrix_rows(found.rows))
    else:
        styled.show(matrix_text(found, width=output.width()))
    return 0


_MATRIX_HEAD = ("series", "version", "llvm", "case", "target", "opt", "extra", "verdict", "defects", "cell")


def _matrix_rows(blocks: Iterable[Matrix]) -> Iterator[tuple[object, ...]]:
    for block in blocks:
        for row in block.rows:
            line = (f"{row.recipe}.{row.language}", row.target, row.opt, row.extra)
            for column, cell in zip(block.columns, row.cells, strict=True):
                if cell is not None:
                    yield (block.series, *column, *line, *cell)


def transitions(
    context: typer.Context,
    cells: asked.Cells,
    form: asked.Form,
    sort: Sort = ChangeOrder.PLACE,
    reverse: asked.Reverse = False,
    limit: asked.Limit = 200,
    page: asked.PageNumber = 1,
    database: options.Database = None,
) -> int:
    filters = cells.filters()
    with wiring_of(context, Settings(database=database)).archive() as archive:
        found = archive.transitions(filters, sort, asked.page_of(limit, page, reverse=reverse))
        known = _lives(archive, {row.recipe for row in found.rows}, filters.profile)
    members = [] if form.as_text else [transition_member(row, known.get(row)) for row in found.rows]
    if form.as_json:
        output.show_document(document("history transitions", total=found.total, more=found.more, transitions=members))
    elif form.as_csv:
        asked.show_members_csv(TRANSITION_HEAD, members)
    else:
        styled.show(transitions_text(found, known))
    return 0


def _lives(archive: HistoryQueries, recipes: set[str], profile: str) -> Mapping[TransitionRow, Life]:
    """Of all transitions of these recipes: a regression's life may have moved where nobody asked for it."""
    if not recipes:
        return {}
    every = Filters(recipes=tuple(sorted(recipes)), profile=profile)
    rows = archive.transitions(every, ChangeOrder.PLACE, Page(limit=1_000_000)).rows
    return lives(rows, archive.notes(every.recipes))


def fingerprint(
    context: typer.Context,
    lines: asked.Lines,
    form: asked.Form,
    every: Annotated[
        bool, typer.Option("--all", help="Also where a verdict changed with the code.", rich_help_panel="Which")
    ] = False,
    sort: Sort = ChangeOrder.NOTICED,
    reverse: asked.Reverse = False,
    limit: asked.Limit = 200,
    page: asked.PageNumber = 1,
    database: options.Database = None,
) -> int:
    filters = lines.filters()
    with wiring_of(context, Settings(database=database)).archive() as archive:
        found = archive.code_changes(filters, sort, asked.page_of(limit, page, reverse=reverse), same_verdict=not every)
    members = [] if form.as_text else [code_change_member(row) for row in found.rows]
    if form.as_json:
        output.show_document(document("history fingerprint", total=found.total, more=found.more, changes=members))
    elif form.as_csv:
        asked.show_members_csv(CODE_CHANGE_HEAD, members)
    else:
        styled.show(code_changes_text(found))
    return 0


def stats(
    context: typer.Context,
    form: asked.Form,
    profile: options.ProfileName = options.DEFAULT_PROFILE_NAME,
    database: options.Database = None,
) -> int:
    judging = read_profile(profile).name
    with wiring_of(context, Settings(database=database)).archive() as archive:
        found = archive.statistics(judging)
    if form.as_json:
        output.show_document(document("history stats", profile=judging, **statistics_members(found)))
    elif form.as_csv:
        asked.show_csv(("series", "points", "good", "bad", "untestable"), found.series)
    else:
        output.show(statistics_text(found))
    return 0


def sql(
    context: typer.Context,
    form: asked.Form,
    statement: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT, WITH, VALUES or TABLE.")],
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="How many rows at most. Default: all.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, max=_MOST_SECONDS, help="How long it may take.")
    ] = 60.0,
    database: options.Database = None,
) -> int:
    with wiring_of(context, Settings(database=database)).archive() as archive:
        head, rows = archive.sql(statement, limit, timeout)
    if form.as_json:
        told = [[_as_json(value) for value in row] for row in rows]
        output.show_document(document("history sql", columns=list(head), rows=told))
    elif form.as_csv:
        asked.show_csv(head, rows)
    else:
        output.show(rows_text(head, rows))
    return 0


def _as_json(value: object) -> object:
    """Bytes in hexadecimal; what JSON has no form for (a time, a decimal, no number) as text."""
    match value:
        case bytes():
            return value.hex()
        case list() | tuple():
            return [_as_json(each) for each in value]
        case dict():
            return {str(key): _as_json(each) for key, each in value.items()}
        case float() if not isfinite(value):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
