"""The recipes that come with the tool, and finding recipes by name and by path."""

import re
from pathlib import Path

import pytest

from mmio_bisect.adapters.recipes.recipe_files import RecipeFolder, open_folder, shipped_folder
from mmio_bisect.domain.recipe import Case, Language
from mmio_bisect.errors import InvalidRecipeError, UnknownRecipeError

GOOD = "//mmio: fn=f(mmio) accesses=store32+0\n"
ISSUE_2_RECIPES = {
    "asm_accessor",
    "block_write",
    "copy_in",
    "device_struct",
    "fill_loop",
    "fixed_address",
    "float_register",
    "packed_field",
    "read_sum",
    "slice_fill",
    "store_then_step",
    "u128_register",
    "u64_register",
}

# The recipes that come with the tool

BOOK = RecipeFolder(shipped_folder(), shipped=True)
SHIPPED = [case for name in BOOK.names() for case in BOOK.find(name).cases]


def test_every_recipe_of_the_first_milestone_is_shipped() -> None:
    assert set(BOOK.names()) >= ISSUE_2_RECIPES


def test_every_shipped_case_can_be_read() -> None:
    assert [checked.error for checked in BOOK.check_all() if checked.error] == []


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.file_name)
def test_a_shipped_case_says_why_it_is_there_and_where_it_comes_from(case: Case) -> None:
    assert case.shipped
    assert case.description
    assert case.issue


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.file_name)
def test_blanking_a_shipped_case_takes_its_directives_and_moves_no_line(case: Case) -> None:
    before, after = case.text.split(b"\n"), case.source.split(b"\n")
    assert len(after) == len(before)
    assert b"mmio:" not in case.source
    assert all(new == old or (new == b"" and b"mmio:" in old) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.file_name)
def test_the_functions_of_a_shipped_case_are_in_its_source(case: Case) -> None:
    for function in case.functions:
        assert re.search(rf"\b{function.symbol.rpartition('::')[2]}\(", case.source.decode())


def test_the_cases_of_a_recipe_expect_the_same() -> None:
    for name in BOOK.names():
        first, *others = BOOK.find(name).cases
        assert all(case.expectation_digest == first.expectation_digest for case in others), name


def test_the_readme_lists_every_recipe_with_its_languages() -> None:
    words = {Language.C: "C", Language.RUST: "Rust", Language.LLVM_IR: "LLVM IR"}
    readme = (shipped_folder() / "README.md").read_text()
    for name in BOOK.names():
        assert f"| `{name}` | {', '.join(words[language] for language in BOOK.find(name).languages)} |" in readme


# Finding


def test_without_a_folder_the_shipped_one_is_opened_and_another_one_is_foreign(tmp_path: Path) -> None:
    assert open_folder(None) == RecipeFolder(shipped_folder(), shipped=True)
    assert open_folder(tmp_path) == RecipeFolder(tmp_path, shipped=False)
    assert open_folder(shipped_folder()).shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    for name in ("step.c", "step.rs", "fill.c"):
        (recipes / name).write_text(GOOD)
    (recipes / "README.md").write_text("not a case")
    return recipes


def test_a_stem_finds_all_cases_and_a_file_name_one(folder: Path) -> None:
    book = RecipeFolder(folder, shipped=True)
    assert book.names() == ("fill", "step")
    assert book.find("step").languages == (Language.C, Language.RUST)
    assert book.find("step.rs").languages == (Language.RUST,)
    assert all(case.shipped for case in book.find("step").cases)


def test_a_path_finds_that_file_alone_and_never_calls_a_foreign_one_shipped(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "step.c").write_text(GOOD)
    (tmp_path / "step.rs").write_text(GOOD)
    (case,) = RecipeFolder(folder, shipped=True).find(str(tmp_path / "step.c")).cases
    assert (case.recipe, case.shipped) == ("step", False)


def test_a_path_into_the_folder_is_the_folders_case(folder: Path) -> None:
    (case,) = RecipeFolder(folder, shipped=True).find(str(folder / "step.c")).cases
    assert case.shipped


def test_a_bare_file_name_means_the_folder_first_and_then_the_current_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "step.c").write_text("//mmio: fn=other(mmio) each=load8\n")
    (tmp_path / "mine.c").write_text(GOOD)
    book = RecipeFolder(folder, shipped=True)
    assert book.find("step.c").cases[0].functions[0].symbol == "f"
    assert book.find("./step.c").cases[0].functions[0].symbol == "other"
    assert not book.find("mine.c").cases[0].shipped


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stepp", r"no recipe is named 'stepp' \(nearest: step, .*see `mmio-bisect recipes list`"),
        ("step.ll", r"recipe step has no case step.ll, only step.c, step.rs"),
        ("NOTES.md", r"no recipe is named 'NOTES.md'"),
        ("", r"no recipe is named ''"),
        ("nowhere/step.c", r"the recipe file nowhere/step.c is not found"),
        ("x" * 5000, r"no recipe is named 'xxx"),
        ("a\0b/c", r"the recipe file .* is not found"),
    ],
)
def test_an_unknown_recipe_is_refused_with_what_there_is(folder: Path, name: str, message: str) -> None:
    with pytest.raises(UnknownRecipeError, match=message):
        RecipeFolder(folder, shipped=False).find(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [("x.cpp", "no case ends in '.cpp'; allowed: .c, .rs, .ll"), ("-o.c", "'-o' cannot name a recipe")],
)
def test_a_file_that_cannot_be_a_case_is_refused(folder: Path, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_text(GOOD)
    with pytest.raises(InvalidRecipeError, match=re.escape(f"{tmp_path / name}:1: {message}")):
        RecipeFolder(folder, shipped=False).find(str(tmp_path / name))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownRecipeError, match=r"recipe folder .*/nowhere cannot be read \(No such file"):
        RecipeFolder(tmp_path / "nowhere", shipped=False).find("step")


def test_checking_a_folder_goes_on_after_an_error(folder: Path) -> None:
    (folder / "fill.c").write_text("//mmio: fn=f(mmio)\n")
    (folder / "step.rs").write_bytes(b"\xff")
    errors = {checked.path.name: checked.error for checked in RecipeFolder(folder, shipped=False).check_all()}
    assert list(errors) == ["fill.c", "step.c", "step.rs"]
    assert errors["step.c"] is None
    assert str(errors["fill.c"]).startswith(f"{folder / 'fill.c'}:1: function f expects nothing")
    assert str(errors["step.rs"]).startswith(f"{folder / 'step.rs'}:1: byte 0xff")
