"""An attribution planned from what was asked for, and executed."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import Case, OptLevel
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CancelledError, UsageError
from mmio_bisect.workflow.attribution.attribute import Finding, attribute_all
from mmio_bisect.workflow.attribution.open_toolchains import AttributeRequest, AttributeTools
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.recipes import RecipeBook
from mmio_bisect.workflow.ports.sandbox import Bounds, Sandbox
from mmio_bisect.workflow.ports.series import RunsIn
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.ranges import matching_points, parse_range, resolve_range
from mmio_bisect.workflow.probing.requests import choose_case, requests_of
from mmio_bisect.workflow.probing.sandboxes import SandboxChoice, choose, common_place
from mmio_bisect.workflow.probing.selection import Selection


class Fetching(Protocol):
    """What tells of the toolchains that are fetched."""

    def fetching(self, point: Point) -> Signals: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeAsked:
    """The words of the command, checked. No levels: -O2, or the recipe's first where it has no -O2.

    `pair` is SERIES:FROM..TO or SERIES@VERSION..SERIES@VERSION; `stand_ins` are SERIES@VERSION. `say` None: no word of
    the sandbox.
    """

    recipe: str
    pair: str
    selection: Selection
    stand_ins: tuple[str, ...]
    sandbox: str
    bounds: Bounds
    refresh: bool
    wiring: Wiring
    say: Callable[[str], None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionPlan:
    """All that is needed to begin, before anything is opened; `case` is the older compiler's."""

    asked: AttributeAsked
    case: Case
    request: AttributeRequest
    sandbox: Sandbox


def plan_attribution(asked: AttributeAsked) -> AttributionPlan:
    """Raises what is wrong with the recipe, the two compilers, the stand-ins or the sandbox."""
    wiring, selection = asked.wiring, asked.selection
    ends = _ends(wiring, asked.pair, refresh=asked.refresh)
    families = [wiring.family(point.series) for point in ends]
    refuse_without_llvm(ends, families)
    stand_ins = _stand_ins(wiring, asked.stand_ins, families, refresh=asked.refresh)
    cases = _cases(wiring.recipes(), asked.recipe, ends, families)
    places = {wiring.runs_in(point.series) for point in (*ends, *stand_ins)}
    sandbox = choose(wiring, asked.sandbox, asked.bounds, cases=cases, say=asked.say, runs_in=common_place(places))
    levels = selection.opts or _one_level(cases[0])
    of_each = [
        requests_of(case, family, selection.targets, levels) for case, family in zip(cases, families, strict=True)
    ]
    request = AttributeRequest(
        older=ends[0],
        newer=ends[1],
        asked=tuple(zip(*of_each, strict=True)),
        profile=selection.profile,
        defects=selection.defects,
        stand_ins=stand_ins,
    )
    return AttributionPlan(asked=asked, case=cases[0], request=request, sandbox=sandbox)


def execute(plan: AttributionPlan, watch: AbstractContextManager[Fetching]) -> tuple[Finding, ...]:
    """Raises `CancelledError`, and as `attribute_all` does."""
    wiring = plan.asked.wiring
    with wiring.history() as history, watch as events:
        lender = partial(_lender, wiring, plan.asked.sandbox)
        tools = AttributeTools(wiring=wiring, lender=lender, sandbox=plan.sandbox, history=history)
        try:
            return attribute_all(plan.request, tools, events.fetching)
        except KeyboardInterrupt:
            raise CancelledError("Interrupted: nothing is lost but the mixes tried so far.") from None


def refuse_without_llvm(points: Sequence[Point], families: Sequence[CompilerFamily]) -> None:
    """Before anything is fetched."""
    for point, family in zip(points, families, strict=True):
        if family.descriptor.llvm is None:
            raise UsageError(
                f"{point} is a {family}, which has no LLVM inside: attribute needs two compilers that have, such as "
                "clang, zig or rustc."
            )


def _one_level(case: Case) -> tuple[OptLevel, ...]:
    return (OptLevel.O2,) if OptLevel.O2 in case.opt_levels else case.opt_levels[:1]


def _cases(book: RecipeBook, name: str, points: Sequence[Point], families: Sequence[CompilerFamily]) -> list[Case]:
    """One for each; where they compile different languages, a file name decides for those that compile it."""
    ending = name.rpartition(".")[2] if "." in name else ""
    compiled = {language.value for family in families for language in family.descriptor.languages}
    cases = []
    for point, family in zip(points, families, strict=True):
        foreign = ending in compiled and ending not in {language.value for language in family.descriptor.languages}
        wanted = name.removesuffix(f".{ending}") if foreign else name
        cases.append(choose_case(book.find(wanted), wanted, family, compilers=f"The series {point.series}"))
    return cases


def _stand_ins(
    wiring: Wiring, words: Sequence[str], families: Sequence[CompilerFamily], *, refresh: bool
) -> tuple[Point, ...]:
    """The compilers that `--stand-in` names. Raises `UsageError`, and the errors of the series."""
    if words and all(family.descriptor.llvm and family.descriptor.llvm.reads_ir for family in families):
        raise UsageError("Both compilers read IR themselves: leave --stand-in out.")
    points = []
    for word in words:
        series, _, version = word.partition("@")
        if not series or not version:
            raise UsageError(f"“{word}” is not a compiler: write --stand-in SERIES@VERSION, as in zig@0.13.0.")
        if wiring.family(series) is not CompilerFamily.CLANG:
            raise UsageError(f"“{word}” is not a clang: name one, as in --stand-in zig@0.13.0.")
        source = wiring.source(series)
        points.append(matching_points(version, source.listing(refresh=refresh), source.interpret)[-1])
    return tuple(points)


def _lender(wiring: Wiring, sandbox: str, series: str) -> str | None:
    """Whose compilers may stand in, if they can run where the others are to."""
    found = wiring.lender(series)
    needs_docker = found is not None and wiring.runs_in(found) is RunsIn.DOCKER
    return None if needs_docker and sandbox == SandboxChoice.LOCAL else found


def _ends(wiring: Wiring, pair: str, *, refresh: bool) -> tuple[Point, Point]:
    """The two points, older first if they are of one series."""
    if "@" not in pair:
        text = parse_range(pair)
        source = wiring.source(text.series)
        found = resolve_range(text, source.listing(refresh=refresh), source.interpret)
        return found.first, found.last
    ends = [end.strip().partition("@") for end in pair.split("..") if "@" in end]
    if len(ends) != 2 or not all(series and version for series, _, version in ends):
        raise UsageError(
            f"“{pair}” does not name two compilers: write SERIES:FROM..TO or SERIES@VERSION..SERIES@VERSION, "
            "as in zig@0.12.1..zig@0.13.0."
        )
    (first, _, oldest), (second, _, newest) = ends
    sources = wiring.source(first), wiring.source(second)
    points = (
        matching_points(oldest, sources[0].listing(refresh=refresh), sources[0].interpret)[0],
        matching_points(newest, sources[1].listing(refresh=refresh), sources[1].interpret)[-1],
    )
    if points[0] == points[1]:
        raise UsageError(f"“{pair}” is the one compiler {points[0]}: name two different ones.")
    if first == second and points[0].sort_key > points[1].sort_key:
        return points[1], points[0]
    return points
