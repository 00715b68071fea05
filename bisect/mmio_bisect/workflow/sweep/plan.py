"""A sweep planned from what was asked for, and executed; and what it would do, before it does any of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CancelledError, UsageError
from mmio_bisect.redaction import command_to_repeat
from mmio_bisect.search.grid import Grid
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.sandbox import Bounds, Sandbox
from mmio_bisect.workflow.ports.store import StoredToolchain, ToolchainStore
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.probe import Adapters, unanswered
from mmio_bisect.workflow.probing.ranges import RangeText
from mmio_bisect.workflow.probing.requests import choose_case, profiles_by_target, requests_of, select_profile
from mmio_bisect.workflow.probing.sandboxes import choose
from mmio_bisect.workflow.probing.selection import Selection
from mmio_bisect.workflow.sweep.cells import SweepEvents, SweepRequest, SweepResult, sweep, swept_range


class Counting(SweepEvents, Protocol):
    """Events that count the answered cells."""

    @property
    def count(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAsked:
    """The words of the command, checked. No `names`: every recipe that the compilers can take.

    `say` None: no word of the sandbox.
    """

    names: tuple[str, ...]
    selection: Selection
    transitions: bool
    jobs: int
    sandbox: str
    bounds: Bounds
    refresh: bool
    argv: tuple[str, ...]
    wiring: Wiring
    say: Callable[[str], None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepHead:
    """What was asked of a sweep, as its documents repeat it; `profiles` by the target's name."""

    cases: tuple[Case, ...]
    series: str
    points: tuple[Point, ...]
    reversed: bool
    transitions: bool
    profile: str
    profiles: Mapping[str, str]
    defects: frozenset[DefectKind] | None
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All that is needed to begin, before anything is opened."""

    head: SweepHead
    request: SweepRequest
    wiring: Wiring
    sandbox: Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What will be done at `points`; `may_follow` points more may be looked at where these differ.

    `to_compile` counts cells; one that two points share (one toolchain under two names) counts twice. `bytes_to_fetch`
    is an estimate from the stored toolchains of the series, unpacked: None where the store has none.
    """

    points: tuple[Point, ...]
    may_follow: int
    known: int
    to_compile: int
    to_fetch: tuple[Point, ...]
    bytes_to_fetch: int | None


def plan_sweep(asked: SweepAsked, text: RangeText) -> Sweep:
    """Raises what is wrong with the recipes, the series, the range or the sandbox."""
    wiring, selection = asked.wiring, asked.selection
    family = wiring.family(text.series)
    cases = _cases(asked.names, wiring, family, series=text.series)
    sandbox = choose(
        wiring, asked.sandbox, asked.bounds, cases=cases, say=asked.say, runs_in=wiring.runs_in(text.series)
    )
    source = wiring.source(text.series)
    found = swept_range(text, source.listing(refresh=asked.refresh), source.interpret)
    requests = tuple(
        request for case in cases for request in requests_of(case, family, selection.targets, selection.opts)
    )
    request = SweepRequest(
        requests=requests,
        points=found.points,
        profile=select_profile(selection.profile, requests),
        defects=selection.defects,
        transitions=asked.transitions,
        jobs=asked.jobs,
        ask_again=asked.refresh,
    )
    head = SweepHead(
        cases=cases,
        series=text.series,
        points=found.points,
        reversed=found.reversed,
        transitions=asked.transitions,
        profile=request.profile.name,
        profiles=profiles_by_target(request.profile, requests),
        defects=selection.defects,
        argv=asked.argv,
    )
    return Sweep(head=head, request=request, wiring=wiring, sandbox=sandbox)


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


def execute(planned: Sweep, watch: AbstractContextManager[Counting]) -> SweepResult:
    """Raises `CancelledError` with the command that resumes it, and as `sweep` does."""
    with planned.wiring.history() as history, watch as events:
        tools = Adapters.of(planned.wiring, planned.head.series, planned.sandbox, history)
        try:
            return sweep(planned.request, tools, events)
        except KeyboardInterrupt:
            kept = f"Interrupted: {events.count} cells are kept"
            raise CancelledError(command_to_repeat(f"{kept}; resume with", planned.head.argv)) from None


def forecast(request: SweepRequest, history: History, store: ToolchainStore) -> SweepPlan:
    """Asks history and store; fetches and starts nothing."""
    grid = Grid[Mark](request.points, lines=len(request.requests), stride=request.stride)
    known = missing = 0
    to_fetch = []
    for point in grid.coarse:
        stored = store.known(point)
        lacking = len(unanswered(request.requests, history.toolchain_of(point) or stored, history))
        known += len(request.requests) - lacking
        missing += lacking
        if lacking and stored is None:
            to_fetch.append(point)
    return SweepPlan(
        points=grid.coarse,
        may_follow=len(request.points) - len(grid.coarse),
        known=known,
        to_compile=missing,
        to_fetch=tuple(to_fetch),
        bytes_to_fetch=_estimate(to_fetch, store.entries()) if to_fetch else 0,
    )


def _estimate(points: Sequence[Point], stored: Sequence[StoredToolchain]) -> int | None:
    series = {point.series for point in points}
    sizes = [entry.size for entry in stored if series & {point.series for point in entry.points}]
    return round(sum(sizes) / len(sizes) * len(points)) if sizes else None
