"""Recipes as files: a folder of cases, found by name, and single cases found by path.

A case that came with the tool is marked as shipped, which is what lets it run without a container; a file from
anywhere else never is. Nothing outside the regular files asked for is opened, and none beyond `MAX_BYTES`.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mmio_bisect.adapters.recipes.recipe_directives import MAX_BYTES, parse_case
from mmio_bisect.domain.recipe import Case, Language, Recipe
from mmio_bisect.errors import InvalidRecipeError, UnknownRecipeError, from_os_error

# It becomes a file name in a compiler's command and a crate's name: no leading dash, no dot
_STEM = re.compile(r"\w[\w-]*", re.ASCII)
_ENDINGS = {f".{language}": language for language in Language}
_SEE = "see `mmio-bisect recipes list`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A file of a recipe folder, and why it cannot be used: None when it can."""

    path: Path
    error: InvalidRecipeError | None


@dataclass(frozen=True, slots=True)
class RecipeFolder:
    """The `RecipeBook` of one folder. `shipped` says that its files came with the tool."""

    path: Path
    shipped: bool

    def names(self) -> tuple[str, ...]:
        return tuple(sorted({file.stem for file in self._files() if _STEM.fullmatch(file.stem)}))

    def find(self, name: str) -> Recipe:
        """By stem (all languages), file name (that one case) or path (that one file, never shipped unless it is here).

        Raises `UnknownRecipeError` with the nearest names, `InvalidRecipeError`.
        """
        if os.sep in name:
            return self._at(Path(name))
        named = Path(name)
        if named.suffix in _ENDINGS and named.stem in self.names():
            return self._case_of(named.stem, _ENDINGS[named.suffix])
        if name in self.names():
            return Recipe(name=name, cases=tuple(self._read(file) for file in self._files_of(name)))
        if _is_file(named):
            return self._at(named)
        raise UnknownRecipeError(f"no recipe is named {name!r}{_nearest(name, self._known())}: {_SEE}")

    def check_all(self) -> tuple[CheckedFile, ...]:
        """Every case of the folder, wrong ones with their first error."""
        return tuple(CheckedFile(path=file, error=self._error_of(file)) for file in self._files())

    def _files(self) -> tuple[Path, ...]:
        try:
            return tuple(sorted(file for file in self.path.iterdir() if file.suffix in _ENDINGS and _is_file(file)))
        except OSError as reason:
            raise from_os_error(
                reason,
                f"the recipe folder {self.path} cannot be read",
                UnknownRecipeError,
                "name an existing one with --recipes",
            ) from None

    def _files_of(self, stem: str) -> tuple[Path, ...]:
        files = {_ENDINGS[file.suffix]: file for file in self._files() if file.stem == stem}
        return tuple(files[language] for language in Language if language in files)

    def _known(self) -> tuple[str, ...]:
        return (*self.names(), *(file.name for file in self._files()))

    def _case_of(self, stem: str, language: Language) -> Recipe:
        files = self._files_of(stem)
        for file in files:
            if file.suffix == f".{language}":
                return Recipe(name=stem, cases=(self._read(file),))
        there = ", ".join(file.name for file in files)
        raise UnknownRecipeError(f"recipe {stem} has no case {stem}.{language}, only {there}: name one of these")

    def _at(self, path: Path) -> Recipe:
        if not _is_file(path):
            raise UnknownRecipeError(
                f"the recipe file {path} is not found: give the path of a .c, .rs or .ll file, or {_SEE}"
            )
        own = path.resolve().parent == self.path.resolve()
        return Recipe(name=path.stem, cases=(read_case(path, shipped=self.shipped and own),))

    def _read(self, path: Path) -> Case:
        return read_case(path, shipped=self.shipped)

    def _error_of(self, path: Path) -> InvalidRecipeError | None:
        try:
            self._read(path)
        except InvalidRecipeError as error:
            return error
        return None


def shipped_folder() -> Path:
    """Where the recipes that came with the tool are: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "shipped_recipes"
    return installed if installed.is_dir() else package.parents[1] / "recipes"


def open_folder(path: Path | None) -> RecipeFolder:
    """The folder asked for, or the shipped one; nothing is read yet."""
    own = shipped_folder()
    return RecipeFolder(path or own, shipped=path is None or path.resolve() == own.resolve())


def read_case(path: Path, *, shipped: bool = False) -> Case:
    """One file. Raises `InvalidRecipeError`."""
    language = _ENDINGS.get(path.suffix)
    if language is None:
        raise InvalidRecipeError(f"{path}:1: no case ends in {path.suffix!r}; allowed: {', '.join(_ENDINGS)}")
    if not _STEM.fullmatch(path.stem):
        raise InvalidRecipeError(
            f"{path}:1: {path.stem!r} cannot name a recipe; allowed: letters, digits, - and _, no - first"
        )
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as reason:
        raise InvalidRecipeError(
            f"{path}:1: the file cannot be read ({reason.strerror}); allowed: a readable file"
        ) from None
    return parse_case(text, path=str(path), recipe=path.stem, language=language, shipped=shipped)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, tuple(known), n=3)
    return f" (nearest: {', '.join(near)})" if near else ""
