"""`mmio-bisect history`: what was measured before."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mmio_bisect.cli import options, output
from mmio_bisect.cli.wiring import Settings, wiring_of

if TYPE_CHECKING:
    from mmio_bisect.workflow.ports import History

EXAMPLES = """
Examples:

  mmio-bisect history list

  mmio-bisect history list --outcomes --recipe store_then_step

  mmio-bisect history show 7

  mmio-bisect history show 3fa94c0d

A number is a run; eight or more hexadecimal digits are the beginning of an outcome's key.
"""

_RUN_DIGITS = 7

app = typer.Typer(help="List and show runs and outcomes.", no_args_is_help=True, epilog=EXAMPLES)


@app.command("list")
def list_history(
    context: typer.Context,
    outcomes: Annotated[bool, typer.Option("--outcomes", help="List outcomes, one a compiled cell.")] = False,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME", help="Of one recipe.", autocompletion=options.recipe_names),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = 50,
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    """List runs, newest first, or outcomes."""
    with wiring_of(context, Settings(database=database)).history() as history:
        if outcomes:
            _list_outcomes(history, recipe, limit, as_json=as_json)
        else:
            _list_runs(history, recipe, limit, as_json=as_json)
    return 0


@app.command()
def show(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="RUN|CELL", help="A run's number, or the beginning of a cell's key.")],
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    """Show a run's answer again in full, or everything that is kept of one cell."""
    with wiring_of(context, Settings(database=database)).history() as history:
        if what.isdecimal() and len(what) <= _RUN_DIGITS:
            _show_run(history, int(what), as_json=as_json)
        else:
            _show_outcome(history, what, as_json=as_json)
    return 0


def _list_runs(history: "History", recipe: str | None, limit: int, *, as_json: bool) -> None:
    from mmio_bisect.report.documents import document, run_record_member  # noqa: PLC0415 - `--help` needs none of this
    from mmio_bisect.report.tables import columns, moment_text  # noqa: PLC0415

    runs = [run for run in history.runs(limit=limit) if recipe in {None, run.recipe}]
    if as_json:
        output.show_document(document("history list", runs=[run_record_member(run) for run in runs]))
        return
    rows = [
        (str(run.id), moment_text(run.started), run.case, f"{run.series}:{run.first}..{run.last}", _state(run.document))
        for run in runs
    ]
    head = ("run", "started", "case", "range", "answer")
    output.show(columns(rows, head=head, right=frozenset({0})) + "\n" if rows else "No runs yet.\n")


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


def _list_outcomes(history: "History", recipe: str | None, limit: int, *, as_json: bool) -> None:
    from itertools import islice  # noqa: PLC0415 - as above

    from mmio_bisect.report.documents import compiler_name, document, outcome_record_member  # noqa: PLC0415
    from mmio_bisect.report.tables import columns  # noqa: PLC0415

    found = list(islice(history.outcomes(recipe=recipe), limit))
    if as_json:
        output.show_document(document("history list", outcomes=[outcome_record_member(record) for record in found]))
        return
    rows = [
        (
            record.cell_key.removeprefix("sha256:")[:12],
            f"{record.recipe}.{record.language}",
            compiler_name(record.toolchain),
            record.triple,
            f"-O{record.opt}",
            record.outcome.kind.value,
            ", ".join(sorted({judgement.verdict.value for judgement in record.judgements})),
        )
        for record in found
    ]
    head = ("cell", "case", "compiler", "target", "level", "outcome", "verdict")
    output.show(columns(rows, head=head) + "\n" if rows else "No outcomes yet.\n")


def _show_run(history: "History", number: int, *, as_json: bool) -> None:
    from mmio_bisect.report.documents import document, run_record_member  # noqa: PLC0415 - as above
    from mmio_bisect.report.runs import run_text  # noqa: PLC0415

    record = history.run(number)
    if as_json:
        answered = None if record.document is None else json.loads(record.document)
        output.show_document(document("history show", **run_record_member(record), document=answered))
    else:
        output.show(run_text(record, history.outcomes(run=number), width=output.width()))


def _show_outcome(history: "History", key: str, *, as_json: bool) -> None:
    from mmio_bisect.report.documents import document, outcome_record_member  # noqa: PLC0415 - as above
    from mmio_bisect.report.judgements import record_text  # noqa: PLC0415

    record = history.outcome(key)
    if as_json:
        output.show_document(document("history show", **outcome_record_member(record)))
    else:
        output.show(record_text(record))
