"""`mmio-bisect check`: one compiler or one object file, with exit codes made for `git bisect run`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import exits, options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.families import CompilerFamily, guess_family
from mmio_bisect.domain.recipe import Case
from mmio_bisect.errors import MalformedObjectError, UsageError, from_os_error
from mmio_bisect.report.documents.keep import keep_cell
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.checks import Checked, Compiled, checked_document, checked_text, functions_text, worst
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.check import check_compiler, check_object
from mmio_bisect.workflow.probing.judge import restrict
from mmio_bisect.workflow.probing.requests import choose_case, requests_of, select_profile
from mmio_bisect.workflow.probing.sandboxes import choose_for_host_compiler

EXAMPLES = """
Examples:

  mmio-bisect check store_then_step --compiler /usr/bin/clang --opt 2

  mmio-bisect check --object driver.o --fn 'write_ring(mmio) accesses=store32+0,store32+4'

  mmio-bisect check --object driver.o --fn 'reset()' --window 0x9000000..0x9001000

  git bisect run mmio-bisect check store_then_step --compiler build/bin/clang --opt 2

Exits with 0 good, 1 bad, 125 untestable, 200 + the code of any error, at which `git bisect run` stops, and 130 when
interrupted. Bad if any level is bad; untestable if any is and none is bad.
"""


def check(
    context: typer.Context,
    what: options.What,
    how: options.How,
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="[RECIPE]", help="A recipe's name or file.", autocompletion=options.recipe_names),
    ] = None,
    compiler: Annotated[
        Path | None, typer.Option("--compiler", metavar="PATH", help="The compiler to run on the recipe.")
    ] = None,
    object_file: Annotated[
        Path | None, typer.Option("--object", metavar="FILE", help="An object file to judge as it is.")
    ] = None,
    function: Annotated[
        list[str] | None,
        typer.Option("--fn", metavar="TEXT", help="A function of the object, as in a recipe: 'f(mmio)'. Repeatable."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window", metavar="LOW..HIGH", help="Constant addresses that are device memory; several as in a recipe."
        ),
    ] = None,
    keep: options.Keep = None,
    recipes: options.Recipes = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(context, Settings(recipes=recipes))
    case = _case(wiring, recipe, compiler)
    match compiler, object_file:
        case Path(), None if case is not None:
            if function or window:
                raise UsageError("--fn and --window go with --object: with --compiler the recipe says what is judged.")
            checked = _check_compiler(wiring, case, _find_program(compiler), what, how, keep)
        case None, Path():
            if what.target or what.opt or keep:
                raise UsageError("--target, --opt and --keep go with --compiler: an object is judged as it is.")
            checked = _check_object(wiring, case, object_file, function or [], window, what)
        case _:
            raise UsageError(
                "Say what to check: either RECIPE --compiler PATH, or --object FILE with RECIPE or --fn 'f(mmio)'."
            )
    if as_json:
        output.show_document(checked_document(case, checked))
    else:
        styled.show(checked_text(checked))
    return exits.of_verdict(worst(checked))


def _case(wiring: Wiring, recipe: str | None, compiler: Path | None) -> Case | None:
    if recipe is None:
        return None
    name = compiler.name if compiler else ""
    family = CompilerFamily.RUSTC if recipe.endswith(".rs") else guess_family(name)
    return choose_case(wiring.recipes().find(recipe), recipe, family, compilers=name or family.value)


def _check_compiler(
    wiring: Wiring, case: Case, compiler: Path, what: options.What, how: options.How, keep: Path | None
) -> list[Checked]:
    sandbox = choose_for_host_compiler(wiring, how.sandbox, how.bounds(), cases=[case], say=output.note)
    family = guess_family(compiler.name)
    selection = what.selection()
    requests = requests_of(case, family, selection.targets, selection.opts)
    profile, judge = select_profile(selection.profile, requests), wiring.judge()
    checked = []
    for request in requests:
        toolchain, outcome, judgement = check_compiler(request, compiler, sandbox=sandbox, judge=judge, profile=profile)
        judgement = restrict(judgement, selection.defects)
        if keep:
            keep_cell(keep, compiler.name, request, outcome, judgement)
        compiled = Compiled(request=request, toolchain=toolchain, outcome=outcome)
        checked.append(Checked(name=compiler.name, judgement=judgement, compiled=compiled))
    return checked


def _check_object(
    wiring: Wiring, case: Case | None, path: Path, functions: list[str], window: str | None, what: options.What
) -> list[Checked]:
    windows = wiring.read_windows(window) if window else case.windows if case else ()
    expected = tuple(wiring.read_function(text, windows) for text in functions) or (case.functions if case else ())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise from_os_error(error, f"{path} cannot be read", MalformedObjectError, "name an ELF object file") from error
    selection, objects = what.selection(), wiring.objects()
    try:
        if not expected:
            output.show(functions_text(objects.read(data)))
            raise UsageError("Say what the object must do: name a RECIPE, or functions of these with --fn 'f(mmio)'.")
        judgement = check_object(
            data,
            case_functions=expected,
            windows=windows,
            prototypes=case.prototypes if case else (),
            profile=selection.profile,
            objects=objects,
        )
    except MalformedObjectError as error:
        raise MalformedObjectError(f"{path}: {error}") from error
    return [Checked(name=path.name, judgement=restrict(judgement, selection.defects))]


def _find_program(compiler: Path) -> Path:
    """A bare name is looked for as the shell does."""
    where = None if compiler.exists() else shutil.which(compiler)
    return Path(where) if where else compiler
