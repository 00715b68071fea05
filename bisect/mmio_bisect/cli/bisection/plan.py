"""One bisection as the command line plans and carries it out: of the range that was asked for, or of one below it."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmio_bisect.classify.verdict.profiles import Profile
from mmio_bisect.composition.sandboxes import Bounds, choose
from mmio_bisect.composition.wiring import Wiring
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import Case, OptLevel
from mmio_bisect.errors import CancelledError, UsageError
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.ports.sandbox import Sandbox
from mmio_bisect.workflow.probing.requests import TargetChoice, choose_case, requests_of, select_profile

if TYPE_CHECKING:
    from mmio_bisect.report.documents.documents import RunHead
    from mmio_bisect.report.terminal.progress import Watcher
    from mmio_bisect.workflow.bisect.hunt import HuntRequest, HuntResult
    from mmio_bisect.workflow.probing.budget import Budget
    from mmio_bisect.workflow.probing.prefetch import Ahead
    from mmio_bisect.workflow.probing.ranges import RangeText


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of the command that hold for every range, checked.

    `budget` None: as much as it takes; `watcher` None: what suits the terminal; `back_off` None: the usual.
    """

    recipe: str
    targets: TargetChoice
    opts: tuple[OptLevel, ...]
    defects: frozenset[DefectKind] | None
    only: frozenset[Mark] | None
    profile: Profile
    changed: bool
    verify: bool | None
    verify_build: bool | None
    jobs: int
    ahead: "Ahead"
    sandbox: str
    bounds: Bounds
    refresh: bool
    keep: Path | None
    quiet: bool
    argv: tuple[str, ...]
    wiring: Wiring
    budget: "Budget | None" = None
    watcher: "Watcher | None" = None
    back_off: tuple[float, ...] | None = None
    say: Callable[[str], None] = output.note


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """All that is needed to begin, before anything is opened."""

    asked: Asked
    head: "RunHead"
    request: "HuntRequest"
    sandbox: Sandbox


def plan_bisection(asked: Asked, text: "RangeText", *, entered: bool = False) -> Bisection:
    """Raises what is wrong with the recipe, the series, the range or the sandbox.

    `entered` from a coarser series, whose case may be in another language, with other functions.
    """
    from mmio_bisect.report.documents.documents import RunHead, run_document, text_of  # noqa: PLC0415 - `--help` needs none
    from mmio_bisect.workflow.bisect.hunt import HuntRequest  # noqa: PLC0415
    from mmio_bisect.workflow.probing.ranges import resolve_range  # noqa: PLC0415
    from mmio_bisect.workflow.probing.retry import BACK_OFF  # noqa: PLC0415

    wiring = asked.wiring
    family = wiring.family(text.series)
    case = choose_case(wiring.recipes().find(asked.recipe), asked.recipe, family, compilers=f"The series {text.series}")
    chosen = choose(
        wiring,
        asked.sandbox,
        asked.bounds,
        cases=[case],
        quiet=asked.quiet,
        runs_in=wiring.runs_in(text.series),
    )
    source = wiring.source(text.series)
    found = resolve_range(text, source.listing(refresh=asked.refresh), source.interpret)
    requests = requests_of(case, family, asked.targets, asked.opts)
    profile = select_profile(asked.profile, requests)
    only = _counting(asked, case, requests, entered=entered)
    head = RunHead(
        case=case,
        series=text.series,
        first=found.first,
        last=found.last,
        reversed=found.reversed,
        profile=profile.name,
        defects=asked.defects,
        changed=asked.changed,
        argv=asked.argv,
        only=only,
    )
    request = HuntRequest(
        requests=requests,
        points=found.points,
        profile=profile,
        defects=asked.defects,
        marks=only,
        changed=asked.changed,
        jobs=asked.jobs,
        ahead=asked.ahead,
        ask_again=asked.refresh,
        back_off=BACK_OFF if asked.back_off is None else asked.back_off,
        verify=asked.verify,
        verify_build=asked.verify_build,
        argv=asked.argv,
        render=lambda number, answers, cost: text_of(run_document(head, run=number, answers=answers, cost=cost)),
    )
    return Bisection(asked=asked, head=head, request=request, sandbox=chosen)


def _counting(
    asked: Asked, case: Case, requests: Sequence[CellRequest], *, entered: bool
) -> dict[CellRequest, frozenset[Mark]]:
    """What alone counts. Raises `UsageError` for functions that the case has not."""
    if asked.only is None:
        return {}
    strange = {mark.function for mark in asked.only} - {function.symbol for function in case.functions}
    if not strange:
        return dict.fromkeys(requests, asked.only)
    if entered:
        return {}
    raise UsageError(
        f"{case.file_name} tests no function {', '.join(sorted(strange))}: --only takes "
        f"{', '.join(function.symbol for function in case.functions)}."
    )


def execute(plan: Bisection) -> "HuntResult":
    from mmio_bisect.report.documents.keep import keep_probe  # noqa: PLC0415 - imported on demand
    from mmio_bisect.report.terminal.progress import expected_probes, watching  # noqa: PLC0415
    from mmio_bisect.workflow.bisect.hunt import Adapters, hunt  # noqa: PLC0415
    from mmio_bisect.workflow.probing.budget import Budget  # noqa: PLC0415

    asked, request, wiring = plan.asked, plan.request, plan.asked.wiring
    expected = expected_probes(len(request.points), len(request.requests))
    sink = partial(keep_probe, asked.keep) if asked.keep else None
    shown = (
        watching(output.console(stderr=True), expected=expected, sink=sink, quiet=asked.quiet, changed=request.changed)
        if asked.watcher is None
        else nullcontext(asked.watcher)
    )
    with wiring.history() as history, shown as events:
        tools = Adapters(
            source=wiring.source(plan.head.series),
            store=wiring.store(),
            sandbox=plan.sandbox,
            objects=wiring.objects(),
            history=history,
            budget=asked.budget or Budget(),
        )
        try:
            return hunt(request, tools, events)
        except KeyboardInterrupt:
            resume = shlex.join(asked.argv)
            raise CancelledError(f"Interrupted: {events.count} probes are kept; resume with: {resume}") from None
