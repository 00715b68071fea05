"""`mmio-bisect run`: bisect a range of compilers."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import codes, exits, options
from mmio_bisect.cli.context import typed, wiring_of
from mmio_bisect.composition import load_bars
from mmio_bisect.domain.run import RunHead, VerifyMode
from mmio_bisect.errors import UsageError, sentence
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.documents.keep import keep_probe
from mmio_bisect.report.documents.run_documents import run_document, run_text
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.answers import answer_text
from mmio_bisect.report.terminal.descents import descent_members, descent_text, plan_members, plan_text
from mmio_bisect.report.terminal.progress import Watcher, expected_probes, watching
from mmio_bisect.workflow.bisect.follow import BrokenOff, DescentLevel, follow_culprits, plan_levels
from mmio_bisect.workflow.bisect.hunt import HuntRequest, HuntResult
from mmio_bisect.workflow.bisect.plan import Asked, Bisection, execute, plan_bisection
from mmio_bisect.workflow.probing.prefetch import Ahead
from mmio_bisect.workflow.probing.ranges import parse_range
from mmio_bisect.workflow.probing.selection import read_marks

EXAMPLES = """
Examples:

  mmio-bisect run store_then_step zig:0.8.0..0.17.1 --opt 2

  mmio-bisect run fill_loop zig:0.9..0.17 --defect writeback-post,writeback-pre --json

  mmio-bisect run store_then_step rust-nightly:1.77.0..2024-05-01 --opt 2

  mmio-bisect run store_then_step zig:0.12.1..0.13.0 --descend --dry-run

  mmio-bisect run my_driver.c zig:.. --sandbox local --keep probes

FROM and TO are versions, dates, commits or prefixes of them: FROM its oldest match, TO its newest; `latest` is the
newest point, and an empty end the series' own.

Exits with 0 when answered, 3 when only suspects can be named, 4 when verdicts contradict one another: the most severe
of several levels. `mmio-bisect --help` lists the codes of errors. Where trouble breaks off a descent, the exit code is
the trouble's, and the answers above are shown all the same.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question(options.What):
    only: options.Only = None
    changed: Annotated[
        bool, typer.Option("--changed", help="Look for any change of the object code instead of a verdict.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    prefetch: options.Prefetch = None
    disk_budget: options.DiskBudget = None

    def of(self, jobs: int) -> Ahead:
        return Ahead(
            count=(2 if jobs > 1 else 0) if self.prefetch is None else self.prefetch,
            budget=options.size(self.disk_budget) if self.disk_budget else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verification:
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="Compile both neighbours of a culprit again. Default: if this run compiled either.",
        ),
    ] = None
    verify_build: Annotated[
        bool | None,
        typer.Option(
            "--verify-build/--no-verify-build",
            help="Build them again for it, where they are built: from clean trees, without a cache. Default: if that "
            "takes a minute or less.",
        ),
    ] = None

    def modes(self) -> tuple[VerifyMode, VerifyMode]:
        """Of compiles and of builds. Raises `UsageError`."""
        if self.verify is False and self.verify_build:
            raise UsageError("--verify-build is a part of what --no-verify leaves out: give one of them.")
        return _when(self.verify), _when(self.verify_build)


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
    what: _Question,
    ahead: _Ahead,
    how: options.Probing,
    where: options.Where,
    shown: options.Output,
    verification: _Verification,
    descend: Annotated[
        bool,
        typer.Option("--descend", help="Follow each culprit into the series that has points between its neighbours."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be probed, fetched and built, and do none of it.")
    ] = False,
) -> int:
    text = parse_range(extent)
    asked = _asked(context, recipe, what, ahead, verification, how, where, shown)
    bisection = plan_bisection(asked, text)
    head = bisection.request.head
    if head.reversed and not shown.quiet:
        output.note(f"note: the range was given newest first; it is {head.first} to {head.last}.")
    if dry_run or descend:
        _print_plan(bisection, descend=descend, dry_run=dry_run, shown=shown)
    if dry_run:
        return codes.ANSWERED
    result = execute(bisection)
    if result.untestable is not None and shown.as_json:
        _print(head, result, [], as_json=True)
    result.testable()
    levels = follow_culprits(asked, head.series, result.answers, interruptible=True) if descend else []
    _print(head, result, levels, as_json=shown.as_json)
    trouble = [level.end.error for level in levels if isinstance(level.end, BrokenOff)]
    if not trouble:
        return exits.of_answers(cell.answer for cell in result.answers)
    output.note(f"error: below {head.series}: {sentence(str(trouble[-1]))}")
    return trouble[-1].exit_code


def _asked(
    context: typer.Context,
    recipe: str,
    what: _Question,
    ahead: _Ahead,
    verification: _Verification,
    how: options.Probing,
    where: options.Where,
    shown: options.Output,
) -> Asked:
    verify, verify_build = verification.modes()
    return Asked(
        recipe=recipe,
        selection=what.selection(),
        only=read_marks(what.only),
        changed=what.changed,
        verify=verify,
        verify_build=verify_build,
        jobs=how.jobs,
        ahead=ahead.of(how.jobs),
        sandbox=how.sandbox,
        bounds=how.bounds(),
        refresh=how.refresh,
        quiet=shown.quiet,
        argv=typed(context),
        wiring=wiring_of(context, where.settings_for(how.sandbox)),
        render=run_text,
        watch=lambda request: _watching(request, how.keep, quiet=shown.quiet),
        say=output.note,
    )


def _when(flag: bool | None) -> VerifyMode:
    return VerifyMode.AUTO if flag is None else VerifyMode.ALWAYS if flag else VerifyMode.NEVER


def _watching(request: HuntRequest, keep: Path | None, *, quiet: bool) -> AbstractContextManager[Watcher]:
    return watching(
        styled.console(stderr=True),
        load_bars,
        expected=expected_probes(len(request.points), len(request.requests)),
        sink=partial(keep_probe, keep) if keep else None,
        quiet=quiet,
        changed=request.changed,
    )


def _print_plan(bisection: Bisection, *, descend: bool, dry_run: bool, shown: options.Output) -> None:
    levels = plan_levels(bisection) if descend else plan_levels(bisection)[:1]
    if not dry_run:
        if not shown.quiet:
            output.note(plan_text(levels).rstrip("\n"))
    elif shown.as_json:
        output.show_document(document("run", plan=plan_members(levels)))
    else:
        output.show(plan_text(levels))


def _print(head: RunHead, result: HuntResult, levels: list[DescentLevel], *, as_json: bool) -> None:
    if as_json:
        found = run_document(head, run=result.run, answers=result.answers, cost=result.cost)
        if levels:
            found["descent"] = descent_members(levels)
        output.show_document(found)
        return
    text = answer_text(result.answers, argv=head.argv, cost=result.cost, width=output.width(), changed=head.changed)
    if levels:
        text.append_text(descent_text(levels, argv=head.argv, width=output.width()))
    styled.show(text)
