"""`mmio-bisect attribute`: which layer and which pass make the difference between two compilers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, assert_never

import typer

from mmio_bisect.cli import codes, options
from mmio_bisect.cli.context import typed, wiring_of
from mmio_bisect.composition import load_bars
from mmio_bisect.domain.attribution import Attribution, Confidence, NothingToAttribute
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.recipe import Case, OptLevel
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CancelledError, NothingTestableError, UsageError
from mmio_bisect.report.documents.attribution_documents import attribution_document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.attributions import attribution_text
from mmio_bisect.report.terminal.progress import watching
from mmio_bisect.workflow.attribution.attribute import attribute_all
from mmio_bisect.workflow.attribution.open_toolchains import AttributeRequest, AttributeTools
from mmio_bisect.workflow.ports.recipes import RecipeBook
from mmio_bisect.workflow.ports.series import RunsIn
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.ranges import matching_points, parse_range, resolve_range
from mmio_bisect.workflow.probing.requests import choose_case, requests_of
from mmio_bisect.workflow.probing.sandboxes import SandboxChoice, choose, common_place

EXAMPLES = """
Examples:

  mmio-bisect attribute store_then_step zig:0.12.1..0.13.0

  mmio-bisect attribute store_then_step.rs rustc:1.78..1.85

  mmio-bisect attribute store_then_step clang@17..rustc@1.85.1

  mmio-bisect attribute store_then_step.rs rust:1.77.0..1.78.0 --stand-in zig@0.12.1 --stand-in zig@0.13.0

The optimised IR of each compiler is handed to the back end of the other (and each front end's IR to the other's middle
end), and every mix is judged. Then LLVM's passes are switched off one search step after another, and its dumps after
each pass are compared. It costs some 40 compiles of one small file.

A rustc reads no IR. A clang of the same LLVM stands in for it where IR is to be read, if it makes of the rustc's own IR
what the rustc does; the answer says which, and how like it is, and is likely rather than proven.

Exits with 0 when a layer is named or the two do not differ, 3 when the mixes that could be made leave it open, 16 when
one of the two makes nothing that can be judged.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _What(options.What):
    opt: Annotated[
        list[str] | None,
        typer.Option(
            "--opt",
            metavar="LEVEL",
            envvar="MMIO_BISECT_OPT",
            help="Optimisation levels. Default: 2, or the recipe's first where it has no 2.",
        ),
    ] = None


def attribute(
    context: typer.Context,
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name or file.", autocompletion=options.recipe_names)
    ],
    pair: Annotated[
        str,
        typer.Argument(
            metavar="SERIES:FROM..TO",
            help="Two compilers with LLVM inside; those of two series as SERIES@VERSION..SERIES@VERSION.",
            autocompletion=options.series_names,
        ),
    ],
    what: _What,
    how: options.How,
    where: options.Where,
    shown: options.Output,
    stand_in: Annotated[
        list[str] | None,
        typer.Option(
            "--stand-in",
            metavar="SERIES@VERSION",
            help="A clang that is to read IR for a rustc of the same LLVM. Default: the likest of the series `clang`.",
        ),
    ] = None,
    refresh: options.Refresh = False,
) -> int:
    targets, levels, kinds = (
        options.targets(what.target),
        options.opt_levels(what.opt),
        options.defect_kinds(what.defect),
    )
    judging = options.profile(what.profile)
    wiring = wiring_of(context, where.settings_for(how.sandbox))
    older, newer = _ends(wiring, pair, refresh=refresh)
    families = [wiring.family(point.series) for point in (older, newer)]
    refuse_without_llvm((older, newer), families)
    lent = _stand_ins(wiring, stand_in or (), families, refresh=refresh)
    cases = _cases(wiring.recipes(), recipe, (older, newer), families)
    places = {wiring.runs_in(point.series) for point in (older, newer, *lent)}
    chosen = choose(wiring, how.sandbox, how.bounds(), cases=cases, say=shown.say, runs_in=common_place(places))
    wanted = levels or _one_level(cases[0])
    request = AttributeRequest(
        older=older,
        newer=newer,
        asked=tuple(
            zip(*(requests_of(*pair, targets, wanted) for pair in zip(cases, families, strict=True)), strict=True)
        ),
        profile=judging,
        defects=kinds,
        stand_ins=lent,
    )
    with (
        wiring.history() as history,
        watching(styled.console(stderr=True), load_bars, expected=2, quiet=shown.quiet) as events,
    ):
        lender = partial(_lender, wiring, how.sandbox)
        tools = AttributeTools(wiring=wiring, lender=lender, sandbox=chosen, history=history)
        try:
            findings = attribute_all(request, tools, events.fetching)
        except KeyboardInterrupt:
            raise CancelledError("Interrupted: nothing is lost but the mixes tried so far.") from None
    if shown.as_json:
        output.show_document(attribution_document(findings, case=cases[0].file_name, argv=typed(context)))
    else:
        styled.show(attribution_text(findings, argv=typed(context)))
    return max(map(exit_code_of, findings), default=codes.ANSWERED)


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


def exit_code_of(found: Attribution | NothingToAttribute) -> int:
    match found:
        case NothingToAttribute(older=older, newer=newer):
            untestable = Verdict.UNTESTABLE in {older.judgement.verdict, newer.judgement.verdict}
            return NothingTestableError.exit_code if untestable else codes.ANSWERED
        case Attribution():
            return codes.SUSPECTS_ONLY if found.conclusion.confidence is Confidence.OPEN else codes.ANSWERED
        case _:
            assert_never(found)
