"""One bisection planned and executed: of the range that was asked for, or of one below it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.names import select
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import Case, FunctionExpectation
from mmio_bisect.domain.run import VerifyMode
from mmio_bisect.errors import CancelledError, UsageError
from mmio_bisect.redaction import command_to_repeat
from mmio_bisect.workflow.bisect.hunt import HuntEvents, HuntRequest, HuntResult, Render, attempt
from mmio_bisect.workflow.ports.sandbox import Bounds, Sandbox
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.prefetch import Ahead
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.ranges import RangeText, resolve_range
from mmio_bisect.workflow.probing.requests import choose_case, requests_of, select_profile
from mmio_bisect.workflow.probing.retry import BACK_OFF
from mmio_bisect.workflow.probing.sandboxes import choose
from mmio_bisect.workflow.probing.selection import Selection


class Counting(HuntEvents, Protocol):
    """Events that count the probes."""

    @property
    def count(self) -> int: ...


Watch = Callable[[HuntRequest], AbstractContextManager[Counting]]
"""The events of a hunt while it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of the command that hold for every range, checked.

    `budget` None: as much as it takes; `back_off` None: the usual. `quiet`: no word of the sandbox.
    """

    recipe: str
    selection: Selection
    only: frozenset[Mark] | None = None
    changed: bool = False
    verify: VerifyMode = VerifyMode.AUTO
    verify_build: VerifyMode = VerifyMode.AUTO
    jobs: int
    ahead: Ahead = field(default_factory=Ahead)
    sandbox: str
    bounds: Bounds
    refresh: bool
    quiet: bool
    argv: tuple[str, ...]
    wiring: Wiring
    render: Render
    watch: Watch
    say: Callable[[str], None]
    budget: Budget | None = None
    back_off: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """All that is needed to begin, before anything is opened."""

    asked: Asked
    request: HuntRequest
    sandbox: Sandbox


def plan_bisection(asked: Asked, text: RangeText, *, entered: bool = False) -> Bisection:
    """Raises what is wrong with the recipe, the series, the range or the sandbox.

    `entered` from a coarser series, whose case may be in another language, with other functions.
    """
    wiring = asked.wiring
    family = wiring.family(text.series)
    case = choose_case(wiring.recipes().find(asked.recipe), asked.recipe, family, compilers=f"The series {text.series}")
    chosen = choose(
        wiring,
        asked.sandbox,
        asked.bounds,
        cases=[case],
        say=None if asked.quiet else asked.say,
        runs_in=wiring.runs_in(text.series),
    )
    source = wiring.source(text.series)
    found = resolve_range(text, source.listing(refresh=asked.refresh), source.interpret)
    requests = requests_of(case, family, asked.selection.targets, asked.selection.opts)
    request = HuntRequest(
        requests=requests,
        points=found.points,
        profile=select_profile(asked.selection.profile, requests),
        defects=asked.selection.defects,
        marks=_counting(asked, case, requests, entered=entered),
        changed=asked.changed,
        jobs=asked.jobs,
        ahead=asked.ahead,
        ask_again=asked.refresh,
        back_off=BACK_OFF if asked.back_off is None else asked.back_off,
        verify=asked.verify,
        verify_build=asked.verify_build,
        argv=asked.argv,
        render=asked.render,
        reversed=found.reversed,
    )
    return Bisection(asked=asked, request=request, sandbox=chosen)


def _counting(
    asked: Asked, case: Case, requests: Sequence[CellRequest], *, entered: bool
) -> dict[CellRequest, frozenset[Mark]]:
    """What alone counts. Raises `UsageError` for functions and accesses that the case does not have."""
    if asked.only is None:
        return {}
    meant = {mark.function: _tested(case, mark.function) for mark in asked.only}
    strange = {name for name, functions in meant.items() if not functions}
    if strange and entered:
        return {}
    if strange:
        raise UsageError(
            f"{case.file_name} tests no function {', '.join(sorted(strange))}: --only takes "
            f"{', '.join(function.symbol for function in case.functions)}."
        )
    for mark in asked.only:
        items = frozenset().union(*(function.items for function in meant[mark.function]))
        if mark.access is not None and mark.access not in items:
            raise UsageError(
                f"--only {mark} can match nothing: {mark.function} of {case.file_name} has the accesses "
                f"{', '.join(sorted(items))}; without an access it means all of them."
            )
    return dict.fromkeys(requests, asked.only)


def _tested(case: Case, name: str) -> tuple[FunctionExpectation, ...]:
    """What a recipe calls a function by may be a pattern of its name, or a demangled name without parameters."""
    return tuple(one for one in case.functions if select(one.symbol, {name: name}))


def execute(plan: Bisection) -> HuntResult:
    """Raises `CancelledError` with the command that resumes it, and as `attempt` does."""
    asked, wiring = plan.asked, plan.asked.wiring
    with wiring.history() as history, asked.watch(plan.request) as events:
        tools = Adapters.of(wiring, plan.request.head.series, plan.sandbox, history, asked.budget)
        try:
            return attempt(plan.request, tools, events)
        except KeyboardInterrupt:
            kept = f"Interrupted: {events.count} probes are kept"
            raise CancelledError(command_to_repeat(f"{kept}; resume with", asked.argv)) from None
