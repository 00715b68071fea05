"""`mmio-bisect attribute`: which layer and which pass make the difference between two compilers."""

from dataclasses import dataclass
from typing import Annotated, assert_never

import typer

from mmio_bisect.cli import codes, options
from mmio_bisect.cli.context import typed, wiring_of
from mmio_bisect.composition import load_bars
from mmio_bisect.domain.attribution import Attribution, Confidence, NothingToAttribute
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.errors import NothingTestableError
from mmio_bisect.report.documents.attribution_documents import attribution_document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.attributions import attribution_text
from mmio_bisect.report.terminal.progress import watching
from mmio_bisect.workflow.attribution.plan import AttributeAsked, execute, plan_attribution

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
    plan = plan_attribution(
        AttributeAsked(
            recipe=recipe,
            pair=pair,
            selection=what.selection(),
            stand_ins=tuple(stand_in or ()),
            sandbox=how.sandbox,
            bounds=how.bounds(),
            refresh=refresh,
            wiring=wiring_of(context, where.settings_for(how.sandbox)),
            say=shown.say,
        )
    )
    watch = watching(styled.console(stderr=True), load_bars, expected=2, quiet=shown.quiet)
    findings = execute(plan, watch)
    if shown.as_json:
        output.show_document(attribution_document(findings, case=plan.case.file_name, argv=typed(context)))
    else:
        styled.show(attribution_text(findings, argv=typed(context)))
    return max(map(exit_code_of, findings), default=codes.ANSWERED)


def exit_code_of(found: Attribution | NothingToAttribute) -> int:
    match found:
        case NothingToAttribute(older=older, newer=newer):
            untestable = Verdict.UNTESTABLE in {older.judgement.verdict, newer.judgement.verdict}
            return NothingTestableError.exit_code if untestable else codes.ANSWERED
        case Attribution():
            return codes.SUSPECTS_ONLY if found.conclusion.confidence is Confidence.OPEN else codes.ANSWERED
        case _:
            assert_never(found)
