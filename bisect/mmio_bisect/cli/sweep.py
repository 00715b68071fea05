"""`mmio-bisect sweep`: every cell of recipes and compilers, or where along the compilers they change."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import codes, options
from mmio_bisect.cli.context import typed, wiring_of
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import Case
from mmio_bisect.errors import CancelledError, UsageError, sentence
from mmio_bisect.report.documents.keep import keep_probe
from mmio_bisect.report.documents.sweep_documents import SweepHead, plan_document, sweep_document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.sweep_matrix import plan_text, sweep_text
from mmio_bisect.report.terminal.sweep_progress import watching_sweep
from mmio_bisect.workflow.ports.sandbox import Sandbox
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.ranges import parse_range
from mmio_bisect.workflow.probing.requests import choose_case, requests_of, select_profile
from mmio_bisect.workflow.probing.sandboxes import choose
from mmio_bisect.workflow.sweep.cells import SweepRequest, SweepResult, swept_range
from mmio_bisect.workflow.sweep.cells import sweep as sweep_all
from mmio_bisect.workflow.sweep.plan import plan_sweep

EXAMPLES = """
Examples:

  mmio-bisect sweep zig

  mmio-bisect sweep fill_loop store_then_step.c zig:0.12..0.17 --opt 2,s

  mmio-bisect sweep zig --transitions --dry-run

The same sweep again answers from the history what is known: that is how an interrupted one is resumed.

Exits with 0 when every cell was answered, with an error's code when toolchains could not be had (all others are done).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """All that was asked for, every word checked, before anything is opened."""

    head: SweepHead
    request: SweepRequest
    wiring: Wiring
    sandbox: Sandbox


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
    targets, levels, kinds = (
        options.targets(what.target),
        options.opt_levels(what.opt),
        options.defect_kinds(what.defect),
    )
    wiring = wiring_of(context, where.settings_for(how.sandbox))
    family = wiring.family(text.series)
    cases = _cases(names, wiring, family, series=text.series)
    chosen = choose(wiring, how.sandbox, how.bounds(), cases=cases, say=shown.say, runs_in=wiring.runs_in(text.series))
    source = wiring.source(text.series)
    found = swept_range(text, source.listing(refresh=how.refresh), source.interpret)
    if found.reversed and not shown.quiet:
        output.note(f"note: the range was given newest first; it is {found.first} to {found.last}.")
    requests = tuple(request for case in cases for request in requests_of(case, family, targets, levels))
    judging = select_profile(options.profile(what.profile), requests)
    head = SweepHead(
        cases=cases,
        series=text.series,
        points=found.points,
        reversed=found.reversed,
        transitions=transitions,
        profile=judging.name,
        defects=kinds,
        argv=typed(context),
    )
    request = SweepRequest(
        requests=requests,
        points=found.points,
        profile=judging,
        defects=kinds,
        transitions=transitions,
        jobs=how.jobs,
        ask_again=how.refresh,
    )
    plan = _Plan(head=head, request=request, wiring=wiring, sandbox=chosen)
    if dry_run:
        _say_plan(plan, as_json=shown.as_json)
        return codes.ANSWERED
    result = _carry_out(plan, keep=how.keep, quiet=shown.quiet)
    _print(plan, result, as_json=shown.as_json)
    for failed in result.failed:
        output.note(f"error: {failed.point}: {sentence(str(failed.error))}")
    if result.failed:
        output.note(f"To try these again (nothing is compiled twice): {shlex.join(head.argv)}")
    return max((failed.error.exit_code for failed in result.failed), default=codes.ANSWERED)


def _cases(names: Sequence[str], wiring: Wiring, family: CompilerFamily, *, series: str) -> tuple[Case, ...]:
    """Those named, once each; or else every recipe's that the compilers can take. Raises `UnknownRecipeError`."""
    book, compilers = wiring.recipes(), f"The series {series}"
    if names:
        chosen = [choose_case(book.find(name), name, family, compilers=compilers) for name in names]
        return tuple({case.digest + case.file_name: case for case in chosen}.values())
    found = [book.find(name) for name in book.names()]
    fitting = [recipe for recipe in found if set(recipe.languages) & set(family.descriptor.languages)]
    if not fitting:
        endings = ", ".join(f".{language}" for language in family.descriptor.languages)
        raise UsageError(f"{compilers} compiles none of the recipes ({endings}): name some that it does.")
    return tuple(choose_case(recipe, recipe.name, family, compilers=compilers) for recipe in fitting)


def _say_plan(plan: _Plan, *, as_json: bool) -> None:
    wiring = plan.wiring
    with wiring.history() as history:
        found = plan_sweep(plan.request, history, wiring.store())
    free = _free_space(wiring.store_folder())
    if as_json:
        output.show_document(plan_document(plan.head, found, disk_free=free))
    else:
        output.show(plan_text(found, points=len(plan.head.points), disk_free=free))


def _free_space(folder: Path) -> int:
    """Bytes, on the file system where the folder is or will be."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def _carry_out(plan: _Plan, *, keep: Path | None, quiet: bool) -> SweepResult:
    request, wiring = plan.request, plan.wiring
    expected = -(-len(request.points) // request.stride) * len(request.requests)
    sink = partial(keep_probe, keep) if keep else None
    with (
        wiring.history() as history,
        watching_sweep(styled.console(stderr=True), expected=expected, sink=sink, quiet=quiet) as events,
    ):
        tools = Adapters.of(wiring, plan.head.series, plan.sandbox, history)
        try:
            return sweep_all(request, tools, events)
        except KeyboardInterrupt:
            resume = shlex.join(plan.head.argv)
            raise CancelledError(f"Interrupted: {events.count} cells are kept; resume with: {resume}") from None


def _print(plan: _Plan, result: SweepResult, *, as_json: bool) -> None:
    if as_json:
        output.show_document(sweep_document(plan.head, result))
        return
    request = plan.request
    styled.show(sweep_text(result, requests=request.requests, points=request.points, width=output.width()))
