"""`history export`, `import`, `backup` and `check`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mmio_bisect.cli import options, output
from mmio_bisect.cli.history_page import write_aside
from mmio_bisect.cli.wiring import Settings, wiring_of
from mmio_bisect.errors import CorruptDatabaseError, InvalidExportError, UsageError
from mmio_bisect.workflow.upkeep import Looked

EXPORT_EXAMPLES = """
Examples:

  mmio-bisect history export --output history.jsonl

  mmio-bisect history export | ssh elsewhere mmio-bisect history import -

A line of JSON a row; the README describes them.
"""


def export(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to. Default: standard output.")
    ] = None,
    database: options.Database = None,
) -> int:
    """Write everything that was measured or said as JSON Lines."""
    with wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        if to is None:
            for line in upkeep.export():
                output.show(line)
        else:
            write_aside(to, upkeep.export())
    return 0


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="An export; - is standard input.")],
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    """Take an export in: all of it, or nothing where it contradicts what is here."""
    with _opened(file) as lines, wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        try:
            taken = upkeep.take_in(lines)
        except UnicodeDecodeError as error:
            raise InvalidExportError(f"{file} is no text in UTF-8 ({error.reason}): export anew.") from error
    if as_json:
        from mmio_bisect.report.documents import document  # noqa: PLC0415 - `--help` needs none

        output.show_document(document("history import", new=taken.new, known=taken.known))
    else:
        new = ", ".join(f"{count} {kind}" for kind, count in taken.new.items()) or "nothing"
        output.show(f"New: {new}. Known already: {taken.known}.\n")
    return 0


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; it must not be there yet.")],
    database: options.Database = None,
) -> int:
    """Copy the database into a file of its own, while others may write to it."""
    with wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        upkeep.backup(file)
    output.note(f"{file}: {file.stat().st_size:,} bytes")
    return 0


def check(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Make anew what follows from other rows.")] = False,
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    """Look whether the database is whole."""
    found: list[Looked] = []

    def tell(looked: Looked) -> None:
        found.append(looked)
        if not as_json:
            output.show(f"{'ok  ' if looked.trouble is None else 'FAIL'}  {looked.what}: {looked.trouble or 'well'}\n")

    with wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        well = upkeep.check(repair=repair, told=tell)
    if as_json:
        from mmio_bisect.report.documents import document  # noqa: PLC0415 - as above

        looks = [{"what": looked.what, "trouble": looked.trouble} for looked in found]
        output.show_document(document("history check", well=well, looked=looks))
    return 0 if well else CorruptDatabaseError.exit_code


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        with file.open(encoding="utf-8") as lines:
            yield lines
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}): name an export.") from error


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXPORT_EXAMPLES)(export)
    app.command("import")(import_)
    app.command()(backup)
    app.command()(check)
