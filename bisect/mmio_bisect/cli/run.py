"""`mmio-bisect run`: bisect a range of compilers."""

import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmio_bisect.cli import exits, options, output
from mmio_bisect.cli.requests import choose_case, requests_of
from mmio_bisect.cli.sandboxes import choose
from mmio_bisect.cli.wiring import Wiring, typed, wiring_of
from mmio_bisect.errors import CancelledError
from mmio_bisect.workflow.ports import Sandbox

if TYPE_CHECKING:
    from mmio_bisect.report.documents import RunHead
    from mmio_bisect.workflow.hunt import HuntRequest, HuntResult

EXAMPLES = """
Examples:

  mmio-bisect run store_then_step zig:0.8.0..0.17.1 --opt 2

  mmio-bisect run fill_loop zig:0.9..0.17 --defect writeback-post,writeback-pre --json

  mmio-bisect run store_then_step rust-nightly:1.77.0..2024-05-01 --opt 2

  mmio-bisect run my_driver.c zig:.. --sandbox local --keep probes

FROM and TO are versions, dates, commits or prefixes of them: FROM its oldest match, TO its newest; `latest` is the
newest point, and an empty end the series' own.

Exits with 0 when answered, 3 when only suspects can be named, 4 when verdicts contradict one another: the most severe
of several levels. `mmio-bisect --help` lists the codes of errors.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """All that was asked for, every word checked, before anything is opened."""

    head: "RunHead"
    request: "HuntRequest"
    wiring: Wiring
    sandbox: Sandbox


def run(
    context: typer.Context,
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name or file.", autocompletion=options.recipe_names)
    ],
    extent: Annotated[
        str,
        typer.Argument(
            metavar="SERIES:FROM..TO", help="Which compilers, both ends included.", autocompletion=options.series_names
        ),
    ],
    target: options.Targets = None,
    opt: options.Opts = None,
    defect: options.Defects = None,
    profile: options.ProfileName = options.DEFAULT_PROFILE_NAME,
    changed: Annotated[
        bool, typer.Option("--changed", help="Look for any change of the object code instead of a verdict.")
    ] = False,
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="Compile both neighbours of a culprit again. Default: if this run compiled either.",
        ),
    ] = None,
    jobs: options.Jobs = 2,
    prefetch: options.Prefetch = None,
    disk_budget: options.DiskBudget = None,
    sandbox: options.SandboxName = options.DEFAULT_SANDBOX,
    memory: options.Memory = None,
    time: options.Time = None,
    refresh: options.Refresh = False,
    keep: options.Keep = None,
    database: options.Database = None,
    store: options.Store = None,
    recipes: options.Recipes = None,
    series_file: options.SeriesFiles = None,
    rust_repo: options.RustRepo = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> int:
    """Bisect: find the first compiler whose verdict differs, and show the proof."""
    from mmio_bisect.report.documents import RunHead, run_document, text_of  # noqa: PLC0415 - `--help` needs none
    from mmio_bisect.workflow.hunt import HuntRequest  # noqa: PLC0415
    from mmio_bisect.workflow.prefetch import Ahead  # noqa: PLC0415
    from mmio_bisect.workflow.ranges import parse_range, resolve_range  # noqa: PLC0415

    text = parse_range(extent)
    targets, levels, kinds = options.targets(target), options.opt_levels(opt), options.defect_kinds(defect)
    judged_as = options.profile(profile)
    wiring = wiring_of(
        context,
        options.settings(
            database=database, store=store, recipes=recipes, series_files=series_file, rust_repo=rust_repo
        ),
    )
    family = wiring.family(text.series)
    case = choose_case(wiring.recipes().find(recipe), recipe, family, compilers=f"The series {text.series}")
    chosen = choose(
        wiring, sandbox, options.bounds(memory, time), cases=[case], quiet=quiet, runs_in=wiring.runs_in(text.series)
    )
    source = wiring.source(text.series)
    found = resolve_range(text, source.listing(refresh=refresh), source.interpret)
    if found.reversed and not quiet:
        output.note(f"note: the range was given newest first; it is {found.first} to {found.last}.")
    head = RunHead(
        case=case,
        series=text.series,
        first=found.first,
        last=found.last,
        reversed=found.reversed,
        profile=judged_as.name,
        defects=kinds,
        changed=changed,
        argv=typed(context),
    )
    request = HuntRequest(
        requests=requests_of(case, family, targets, levels),
        points=found.points,
        profile=judged_as,
        defects=kinds,
        changed=changed,
        jobs=jobs,
        ahead=Ahead(
            count=(2 if jobs > 1 else 0) if prefetch is None else prefetch,
            budget=options.size(disk_budget) if disk_budget else None,
        ),
        ask_again=refresh,
        verify=verify,
        argv=head.argv,
        render=lambda number, answers, cost: text_of(run_document(head, run=number, answers=answers, cost=cost)),
    )
    result = _carry_out(_Plan(head=head, request=request, wiring=wiring, sandbox=chosen), keep=keep, quiet=quiet)
    _print(head, result, as_json=as_json)
    return exits.of_answers(cell.answer for cell in result.answers)


def _carry_out(plan: _Plan, *, keep: Path | None, quiet: bool) -> "HuntResult":
    from mmio_bisect.report.keep import keep_probe  # noqa: PLC0415 - as above
    from mmio_bisect.report.progress import expected_probes, watching  # noqa: PLC0415
    from mmio_bisect.workflow.hunt import Toolbox, hunt  # noqa: PLC0415

    request, wiring = plan.request, plan.wiring
    expected = expected_probes(len(request.points), len(request.requests))
    sink = partial(keep_probe, keep) if keep else None
    with (
        wiring.history() as history,
        watching(
            output.console(stderr=True), expected=expected, sink=sink, quiet=quiet, changed=request.changed
        ) as events,
    ):
        tools = Toolbox(
            source=wiring.source(plan.head.series),
            store=wiring.store(),
            sandbox=plan.sandbox,
            objects=wiring.objects(),
            history=history,
        )
        try:
            return hunt(request, tools, events)
        except KeyboardInterrupt:
            resume = shlex.join(plan.head.argv)
            raise CancelledError(f"Interrupted: {events.count} probes are kept; resume with: {resume}") from None


def _print(head: "RunHead", result: "HuntResult", *, as_json: bool) -> None:
    if as_json:
        from mmio_bisect.report.documents import run_document  # noqa: PLC0415 - as above

        output.show_document(run_document(head, run=result.run, answers=result.answers, cost=result.cost))
        return
    from mmio_bisect.report.answers import answer_text  # noqa: PLC0415 - as above

    output.show(
        answer_text(result.answers, argv=head.argv, cost=result.cost, width=output.width(), changed=head.changed)
    )
