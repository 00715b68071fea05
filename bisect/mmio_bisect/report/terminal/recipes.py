"""A recipe for people: what each of its cases asks of a compiler."""

from mmio_bisect.domain.recipe import Case, Recipe
from mmio_bisect.report.terminal.tables import columns


def recipe_text(recipe: Recipe) -> str:
    return "\n".join(_case_text(case) for case in recipe.cases)


def _case_text(case: Case) -> str:
    rows = [
        ("case", case.file_name),
        ("targets", ", ".join(case.targets)),
        ("levels", ", ".join(f"-O{level}" for level in case.opt_levels)),
        *([("issue", case.issue)] if case.issue else []),
        *([("window", str(case.constant_window))] if case.constant_window else []),
        *(("function", str(function)) for function in case.functions),
    ]
    return f"{columns(rows)}\n\n{case.text.decode(errors='replace').rstrip()}\n"
