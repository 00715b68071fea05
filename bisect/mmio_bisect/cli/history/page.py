"""`history report --html FILE`: the history as a page to look at."""

from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.cli.history import options as asked
from mmio_bisect.composition.pages import write_page
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.report.terminal import output

EXAMPLES = """
Examples:

  mmio-bisect history report --html history.html

  mmio-bisect history report --html nightly.html --series rust-nightly --since 2026-11-01

One file, which needs no network and no other file.
"""


def report(
    context: typer.Context,
    lines: asked.Lines,
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="Where to write the page.")],
    database: options.Database = None,
) -> int:
    filters = lines.filters()
    cells = write_page(html, wiring_of(context, Settings(database=database)), filters)
    output.note(f"{html}: {cells} cells, {html.stat().st_size:,} bytes")
    return 0
