"""`mmio-bisect history rejudge`: stored objects under the rules of today, or another hypervisor's."""

import os
from functools import partial
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.rejudge_processes import judge_here, judge_in_processes
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.rejudged import rejudged_document, rejudged_text
from mmio_bisect.workflow.history.rejudge import rejudge as judge_again
from mmio_bisect.workflow.probing.selection import read_profile

EXAMPLES = """
Examples:

  mmio-bisect history rejudge

  mmio-bisect history rejudge --profile xen-arm --json

What was judged before is kept; the new judgement stands beside it, under the version of the rules.
"""


def rejudge(
    context: typer.Context,
    profile: options.ProfileName = options.DEFAULT_PROFILE_NAME,
    since_rules: Annotated[
        int,
        typer.Option("--since-rules", metavar="N", min=0, help="Only what was judged by rules of version N or later."),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", min=1, envvar="MMIO_BISECT_JOBS", help="Processes. Default: one a processor."
        ),
    ] = None,
    database: options.Database = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> int:
    chosen = read_profile(profile)
    processes = jobs or len(os.sched_getaffinity(0))
    judge_all = (
        partial(judge_here, profile=chosen.name)
        if processes == 1
        else partial(judge_in_processes, profile=chosen.name, processes=processes)
    )

    def progress(done: int, total: int) -> None:
        if not quiet:
            output.note(f"{done} of {total} judged")

    with wiring_of(context, Settings(database=database)).stored_judgements() as stored:
        done = judge_again(stored, judge_all, profile=chosen.name, since=since_rules, progress=progress)
    if as_json:
        output.show_document(rejudged_document(done))
    else:
        output.show(rejudged_text(done))
    return 0
