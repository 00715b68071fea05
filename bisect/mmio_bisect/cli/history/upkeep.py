"""`history export`, `import`, `backup` and `check`."""

import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO
from uuid import uuid4

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.pages import write_file
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.errors import CorruptDatabaseError, InvalidExportError, UsageError, from_os_error
from mmio_bisect.redaction import redact
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.foreign_text import for_json
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.history_text import notes_text
from mmio_bisect.workflow.history.history_queries import NoteRow
from mmio_bisect.workflow.history.regressions import State
from mmio_bisect.workflow.history.upkeep import CheckResult
from mmio_bisect.workflow.probing.selection import read_defects

EXPORT_EXAMPLES = """
Examples:

  mmio-bisect history export --output history.jsonl

  mmio-bisect history export | ssh elsewhere mmio-bisect history import -

A line of JSON a row; the README describes them.
"""

NOTE_EXAMPLES = """
Examples:

  mmio-bisect history note --recipe store_then_step --defect writeback-post --state reported --link https://github.com/…

  mmio-bisect history note

States: introduced, confirmed, attributed, reported, fixed, verified. Outcomes move them too; the furthest holds.
"""


def export(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to. Default: standard output.")
    ] = None,
    database: options.Database = None,
) -> int:
    with wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        if to is None:
            for line in upkeep.export():
                output.show(for_json(line))
        else:
            write_file(to, upkeep.export())
    return 0


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="An export; - is standard input.")],
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    with _opened(file) as lines, wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        try:
            taken = upkeep.take_in(lines)
        except UnicodeDecodeError as error:
            raise InvalidExportError(f"{file} is not a text in UTF-8 ({error.reason}): export anew.") from error
    if as_json:
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
    found: list[CheckResult] = []

    def tell(looked: CheckResult) -> None:
        found.append(looked)
        if not as_json:
            output.show(f"{'ok  ' if looked.trouble is None else 'FAIL'}  {looked.what}: {looked.trouble or 'well'}\n")

    with wiring_of(context, Settings(database=database)).upkeep() as upkeep:
        well = upkeep.check(repair=repair, tell=tell)
    if as_json:
        looks = [{"what": looked.what, "trouble": looked.trouble} for looked in found]
        output.show_document(document("history check", well=well, looked=looks))
    return 0 if well else CorruptDatabaseError.exit_code


def _only(flag: str, metavar: str, text: str) -> Any:  # noqa: ANN401 - Typer's own options are
    return typer.Option(flag, metavar=metavar, help=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a note is about."""

    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME", help="Of which recipe.", autocompletion=options.recipe_names),
    ] = None
    series: Annotated[str, _only("--series", "NAME", "Only in this series.")] = ""
    target: Annotated[str, _only("--target", "NAME", "Only for this target.")] = ""
    function: Annotated[str, _only("--function", "NAME", "Only in this function.")] = ""
    access: Annotated[str, _only("--access", "ITEM", "Only of this access, as in store32+0.")] = ""
    defect: Annotated[
        str, typer.Option("--defect", metavar="KIND", help="Only this defect.", autocompletion=options.topic_names)
    ] = ""


def note(
    context: typer.Context,
    about: About,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What to say. Without it and --state: list notes.")
    ] = None,
    state: Annotated[State | None, typer.Option("--state", help="How far the regression is now, at least.")] = None,
    link: Annotated[str, _only("--link", "URL", "Where it was reported, or the like.")] = "",
    author: Annotated[str | None, _only("--author", "NAME", "Default: the user's name.")] = None,
    database: options.Database = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(context, Settings(database=database))
    if text is None and state is None and not link:
        with wiring.archive() as archive:
            _show_notes(archive.notes((about.recipe,) if about.recipe else ()), as_json=as_json)
        return 0
    if about.recipe is None:
        raise UsageError("A note is about a recipe: name it with --recipe.")
    if about.defect:
        read_defects([about.defect])
    said = NoteRow(
        uid=uuid4().hex,
        **asdict(about),
        state=state.value if state else "",
        link=redact(link),
        text=redact(text or ""),
        author=getpass.getuser() if author is None else author,
        recorded=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    with wiring.upkeep() as upkeep:
        upkeep.note(said)
    _show_notes((said,), as_json=as_json)
    return 0


def _show_notes(notes: Sequence[NoteRow], *, as_json: bool) -> None:
    if as_json:
        output.show_document(document("history note", notes=[one._asdict() for one in notes]))
    else:
        output.show(notes_text(notes))


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        with file.open(encoding="utf-8") as lines:
            yield lines
    except OSError as error:
        raise from_os_error(error, f"{file} cannot be read", UsageError, "name an export") from error
