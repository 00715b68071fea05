"""`mmio-bisect report`: a run as Markdown for an issue tracker."""

from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.report.documents.issue import issue_text
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.documents.run_documents import replay
from mmio_bisect.report.terminal import output

EXAMPLES = """
Examples:

  mmio-bisect report 7 > issue.md

`history list` shows the numbers of runs.
"""


def report(
    context: typer.Context,
    run: Annotated[int, typer.Argument(metavar="RUN", min=1, help="A run's number.")],
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(context, Settings(database=database))
    with wiring.history() as history:
        record = history.run(run)
        told = replay(record, history.outcomes(run=run))
    if told is None:
        raise UnknownRunError(
            f"Run {run} did not finish, so there is nothing to report: `history show {run}` resumes it."
        )
    with wiring.archive() as archive:
        text = issue_text(record, told, archive.notes((record.recipe,)))
    if as_json:
        output.show_document(document("report", run=run, markdown=text))
    else:
        output.show(text)
    return 0
