"""The recipes at hand."""

from typing import Protocol

from mmio_bisect.domain.recipe import Recipe


class RecipeBook(Protocol):
    """The recipes at hand."""

    def names(self) -> tuple[str, ...]: ...

    def find(self, name: str) -> Recipe:
        """By stem, file name or path. Raises `UnknownRecipeError` with the nearest names, `InvalidRecipeError`."""
