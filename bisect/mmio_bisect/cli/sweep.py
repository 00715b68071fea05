"""`mmio-bisect sweep`: every cell of recipes and compilers, or where along the compilers they change."""

import shutil
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import codes, options
from mmio_bisect.cli.context import typed, wiring_of
from mmio_bisect.errors import sentence
from mmio_bisect.redaction import command_to_repeat
from mmio_bisect.report.documents.keep import keep_probe
from mmio_bisect.report.documents.sweep_documents import plan_document, sweep_document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.sweep_matrix import plan_text, sweep_text
from mmio_bisect.report.terminal.sweep_progress import watching_sweep
from mmio_bisect.workflow.probing.ranges import parse_range
from mmio_bisect.workflow.sweep.cells import SweepResult
from mmio_bisect.workflow.sweep.plan import Counting, Sweep, SweepAsked, execute, forecast, plan_sweep

EXAMPLES = """
Examples:

  mmio-bisect sweep zig

  mmio-bisect sweep fill_loop store_then_step.c zig:0.12..0.17 --opt 2,s

  mmio-bisect sweep zig --transitions --dry-run

The same sweep again answers from the history what is known: that is how an interrupted one is resumed.

Exits with 0 when every cell was answered, with an error's code when toolchains could not be had (all others are done).
"""


def sweep(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RECIPE…] SERIES[:FROM..TO]",
            help="Recipes or their files (default: all that the compilers can take), then the compilers.",
            autocompletion=lambda incomplete: [*options.recipe_names(incomplete), *options.series_names(incomplete)],
        ),
    ],
    what: options.What,
    how: options.Probing,
    where: options.Where,
    shown: options.Output,
    transitions: Annotated[
        bool, typer.Option("--transitions", help="Probe a grid of points, and between them only where they differ.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do none of it.")] = False,
) -> int:
    *names, extent = words
    text = parse_range(extent)
    planned = plan_sweep(
        SweepAsked(
            names=tuple(names),
            selection=what.selection(),
            transitions=transitions,
            jobs=how.jobs,
            sandbox=how.sandbox,
            bounds=how.bounds(),
            refresh=how.refresh,
            argv=typed(context),
            wiring=wiring_of(context, where.settings_for(how.sandbox)),
            say=shown.say,
        ),
        text,
    )
    head = planned.head
    if head.reversed and not shown.quiet:
        output.note(f"note: the range was given newest first; it is {head.points[0]} to {head.points[-1]}.")
    if dry_run:
        _say_plan(planned, as_json=shown.as_json)
        return codes.ANSWERED
    result = execute(planned, _watching(planned, how.keep, quiet=shown.quiet))
    _print(planned, result, as_json=shown.as_json)
    for failed in result.failed:
        output.note(f"error: {failed.point}: {sentence(str(failed.error))}")
    if result.failed:
        output.note(command_to_repeat("To try these again (nothing is compiled twice)", head.argv))
    return max((failed.error.exit_code for failed in result.failed), default=codes.ANSWERED)


def _watching(planned: Sweep, keep: Path | None, *, quiet: bool) -> AbstractContextManager[Counting]:
    request = planned.request
    expected = -(-len(request.points) // request.stride) * len(request.requests)
    sink = partial(keep_probe, keep) if keep else None
    return watching_sweep(styled.console(stderr=True), expected=expected, sink=sink, quiet=quiet)


def _say_plan(planned: Sweep, *, as_json: bool) -> None:
    wiring = planned.wiring
    with wiring.history() as history:
        found = forecast(planned.request, history, wiring.store())
    free = _free_space(wiring.store_folder())
    if as_json:
        output.show_document(plan_document(planned.head, found, disk_free=free))
    else:
        output.show(plan_text(found, points=len(planned.head.points), disk_free=free))


def _free_space(folder: Path) -> int:
    """Bytes, on the file system where the folder is or will be."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def _print(planned: Sweep, result: SweepResult, *, as_json: bool) -> None:
    if as_json:
        output.show_document(sweep_document(planned.head, result))
        return
    request = planned.request
    profiles = planned.head.profiles
    styled.show(
        sweep_text(result, requests=request.requests, points=request.points, profiles=profiles, width=output.width())
    )
