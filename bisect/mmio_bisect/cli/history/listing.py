"""`history list` and `history show`: runs and outcomes that were recorded."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.cli.history import options as asked
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.report.documents.documents import outcome_record_member, run_record_member
from mmio_bisect.report.documents.history_rows import CELL_HEAD, cell_row_member
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.answers import stored_run_text
from mmio_bisect.report.terminal.history_text import cells_text
from mmio_bisect.report.terminal.judgements import record_text
from mmio_bisect.report.terminal.tables import columns, moment_text
from mmio_bisect.workflow.history.history_queries import CellOrder, Filters, Page
from mmio_bisect.workflow.ports.history import History, RunRecord
from mmio_bisect.workflow.ports.wiring import Wiring

_RUN_DIGITS = 7


def list_history(
    context: typer.Context,
    cells: asked.Cells,
    form: asked.Form,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="List outcomes, one a compiled cell and point of a series.")
    ] = False,
    sort: Annotated[
        CellOrder, typer.Option("--sort", help="What outcomes are sorted by.", rich_help_panel="In which form")
    ] = CellOrder.RECORDED,
    reverse: asked.Reverse = False,
    limit: asked.Limit = 50,
    page: asked.PageNumber = 1,
    database: options.Database = None,
) -> int:
    filters = cells.filters()
    paging = asked.page_of(limit, page, reverse=reverse)
    wiring = wiring_of(context, Settings(database=database))
    if outcomes or any((filters.targets, filters.opts, filters.verdicts, filters.defects, filters.functions)):
        _list_outcomes(wiring, filters, sort, paging, form)
    else:
        with wiring.history() as history:
            _list_runs(history.runs(limit=limit), form, filters)
    return 0


def show(
    context: typer.Context,
    cells: asked.Cells,
    what: Annotated[
        str | None, typer.Argument(metavar="[RUN|CELL]", help="A run's number, or the beginning of a cell's key.")
    ] = None,
    limit: asked.Limit = 1,
    page: asked.PageNumber = 1,
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    filters = cells.filters()
    wiring = wiring_of(context, Settings(database=database))
    with wiring.history() as history:
        if what is None:
            with wiring.archive() as archive:
                found = archive.cells(filters, CellOrder.RECORDED, asked.page_of(limit, page))
            _show_outcomes(history, [row.cell_key for row in found.rows], as_json=as_json)
        elif what.isdecimal() and len(what) <= _RUN_DIGITS:
            _show_run(history, int(what), as_json=as_json)
        else:
            _show_outcome(history, what, as_json=as_json)
    return 0


def _list_runs(records: Sequence[RunRecord], form: asked.Form, filters: Filters) -> None:
    runs = [run for run in records if _fits(run, filters)]
    if form.as_json:
        output.show_document(document("history list", runs=[run_record_member(run) for run in runs]))
        return
    rows = [
        (str(run.id), moment_text(run.started), run.case, f"{run.series}:{run.first}..{run.last}", _state(run.document))
        for run in runs
    ]
    head = ("run", "started", "case", "range", "answer")
    if form.as_csv:
        asked.show_csv(head, rows)
    else:
        output.show(columns(rows, head=head, right=frozenset({0})) + "\n" if rows else "No runs yet.\n")


def _fits(run: RunRecord, filters: Filters) -> bool:
    return (
        (not filters.recipes or bool({run.recipe, run.case} & set(filters.recipes)))
        and (not filters.series or run.series in filters.series)
        and (filters.since is None or run.started >= filters.since)
    )


def _state(document: str | None) -> str:
    """The answer in a word or two a level."""
    if document is None:
        return "not finished"
    answers = json.loads(document).get("answers", [])
    return ", ".join(
        f"-O{answer['opt']} {answer.get('change') or answer['kind']}"
        + (f" in {answer['first']}" if answer["kind"] == "culprit" else "")
        for answer in answers
    )


def _list_outcomes(wiring: Wiring, filters: Filters, sort: CellOrder, paging: Page, form: asked.Form) -> None:
    with wiring.archive() as archive:
        found = archive.cells(filters, sort, paging)
    if form.as_json:
        with wiring.history() as history:
            members = [
                outcome_record_member(history.outcome(row.cell_key)) | cell_row_member(row) for row in found.rows
            ]
        output.show_document(document("history list", total=found.total, more=found.more, outcomes=members))
    elif form.as_csv:
        asked.show_members_csv(CELL_HEAD, map(cell_row_member, found.rows))
    else:
        nothing_asked = filters == asked.Lines(profile=filters.profile).filters()
        output.show("No outcomes yet.\n" if nothing_asked and not found.rows else cells_text(found))


def _show_run(history: History, number: int, *, as_json: bool) -> None:
    record = history.run(number)
    if as_json:
        answered = None if record.document is None else json.loads(record.document)
        output.show_document(document("history show", **run_record_member(record), document=answered))
    else:
        styled.show(stored_run_text(record, history.outcomes(run=number), width=output.width()))


def _show_outcome(history: History, key: str, *, as_json: bool) -> None:
    record = history.outcome(key)
    if as_json:
        output.show_document(document("history show", **outcome_record_member(record)))
    else:
        styled.show(record_text(record))


def _show_outcomes(history: History, keys: Sequence[str], *, as_json: bool) -> None:
    records = [history.outcome(key) for key in keys]
    if as_json:
        output.show_document(document("history show", outcomes=[outcome_record_member(found) for found in records]))
        return
    for place, record in enumerate(records):
        output.show("\n" if place else "")
        styled.show(record_text(record))
    if not records:
        output.show("No outcomes fit.\n")
