"""`mmio-bisect recipes`: the reproducers at hand."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.errors import InvalidRecipeError, MissingToolchainError, SandboxError, UnknownRecipeError
from mmio_bisect.report.documents.documents import recipe_member
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.checks import CheckedRecipe, recipes_document, recipes_text
from mmio_bisect.report.terminal.listings import recipe_text
from mmio_bisect.report.terminal.tables import columns
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.rehearsal import find_toolchain, rehearse
from mmio_bisect.workflow.probing.sandboxes import choose

EXAMPLES = """
Examples:

  mmio-bisect recipes list

  mmio-bisect recipes show store_then_step

  mmio-bisect recipes check my_driver.c my_driver.rs --sandbox local
"""


def list_recipes(context: typer.Context, recipes: options.Recipes = None, as_json: options.AsJson = False) -> int:
    book = wiring_of(context, Settings(recipes=recipes)).recipes()
    found = [book.find(name) for name in book.names()]
    if as_json:
        output.show_document(document("recipes list", recipes=[recipe_member(recipe) for recipe in found]))
    else:
        rows = [(recipe.name, " ".join(language.value for language in recipe.languages)) for recipe in found]
        output.show(columns(rows) + "\n")
    return 0


def show(
    context: typer.Context,
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name or file.", autocompletion=options.recipe_names)
    ],
    recipes: options.Recipes = None,
    as_json: options.AsJson = False,
) -> int:
    found = wiring_of(context, Settings(recipes=recipes)).recipes().find(recipe)
    if as_json:
        output.show_document(document("recipes show", **recipe_member(found)))
    else:
        output.show(recipe_text(found))
    return 0


def check(
    context: typer.Context,
    how: options.How,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Read, and compiled once where the store has a toolchain for it. Default: all recipes are read.",
        ),
    ] = None,
    recipes: options.Recipes = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(context, Settings(recipes=recipes, store=store))
    found = [_checked(wiring, file, how) for file in files] if files else _read(wiring)
    if as_json:
        output.show_document(recipes_document(found))
    else:
        output.show(recipes_text(found))
    return InvalidRecipeError.exit_code if any(one.problems for one in found) else 0


def _read(wiring: Wiring) -> list[CheckedRecipe]:
    return [
        CheckedRecipe(name=name, problems=() if problem is None else (problem,))
        for name, problem in wiring.recipe_problems()
    ]


def _checked(wiring: Wiring, file: Path, how: options.How) -> CheckedRecipe:
    """A file that is there is meant as such, whatever recipe bears the same name."""
    name = str(file)
    try:
        recipe = wiring.recipes().find(
            f"{os.curdir}{os.sep}{file}" if file.is_file() and not file.is_absolute() else name
        )
    except (InvalidRecipeError, UnknownRecipeError) as error:
        return CheckedRecipe(name=name, problems=(str(error),))
    case, store = recipe.cases[0], wiring.store()
    toolchain = find_toolchain(case, store)
    if toolchain is None:
        return CheckedRecipe(name=name, note=f"not compiled: the store has no toolchain for .{case.language} files")
    try:
        sandbox = choose(wiring, how.sandbox, how.bounds(), cases=[case])
        tried = rehearse(case, toolchain, store, sandbox, wiring.judge())
    except (SandboxError, MissingToolchainError) as error:
        return CheckedRecipe(name=name, note=f"not compiled: {error}")
    return CheckedRecipe.compiled(name, tried)
