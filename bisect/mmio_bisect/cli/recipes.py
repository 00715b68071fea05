"""`mmio-bisect recipes`: the reproducers at hand."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.errors import InvalidRecipeError, UnknownRecipeError
from mmio_bisect.report.documents.documents import recipe_member
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.listings import recipe_text
from mmio_bisect.report.terminal.tables import columns, counted
from mmio_bisect.workflow.ports.recipes import RecipeBook

EXAMPLES = """
Examples:

  mmio-bisect recipes list

  mmio-bisect recipes show store_then_step

  mmio-bisect recipes check my_driver.c my_driver.rs
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
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Default: all recipes.")] = None,
    recipes: options.Recipes = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(context, Settings(recipes=recipes))
    found = _problems_of(wiring.recipes(), files) if files else wiring.recipe_problems()
    problems = [problem for _, problem in found if problem is not None]
    if as_json:
        output.show_document(document("recipes check", checked=[name for name, _ in found], problems=problems))
    else:
        summary = f"{counted(len(found), 'file')} read, {counted(len(problems), 'problem')}."
        output.show("".join(f"{line}\n" for line in (*problems, summary)))
    return InvalidRecipeError.exit_code if problems else 0


def _problems_of(book: RecipeBook, files: list[Path]) -> tuple[tuple[str, str | None], ...]:
    return tuple((str(file), _problem_of(book, file)) for file in files)


def _problem_of(book: RecipeBook, file: Path) -> str | None:
    """A file that is there is meant as such, whatever recipe bears the same name."""
    try:
        book.find(f"{os.curdir}{os.sep}{file}" if file.is_file() and not file.is_absolute() else str(file))
    except (InvalidRecipeError, UnknownRecipeError) as error:
        return str(error)
    return None
