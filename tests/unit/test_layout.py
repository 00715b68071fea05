"""The shape of the tree: what must not stand where, and that each error has a code of its own."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import mmio_bisect
from mmio_bisect.errors import MmioBisectError, UsageError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bisect" / "mmio_bisect"


def test_the_folder_named_bisect_does_not_shadow_the_standard_module() -> None:
    # -S: a site file may have imported the standard module already, which would hide the shadowing.
    code = "import random, bisect; bisect.bisect_left([1], 1); print(bisect.__file__)"
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert found.returncode == 0, found.stderr
    assert not Path(found.stdout.strip()).is_relative_to(ROOT)
    assert not (ROOT / "bisect" / "__init__.py").exists()
    assert [entry.name for entry in (ROOT / "bisect").iterdir() if entry.name != "__pycache__"] == ["mmio_bisect"]


def test_no_module_is_named_after_a_standard_module_or_a_dependency() -> None:
    dependencies = {
        "docker",
        "git",
        "capstone",
        "typer",
        "sqlalchemy",
        "alembic",
        "rich",
        "pydantic",
        "elftools",
        "pip",
    }
    top = {path.stem for path in PACKAGE.iterdir()}
    everywhere = {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert not everywhere & dependencies
    assert not top & (sys.stdlib_module_names - {"__init__", "__main__"})


def test_every_program_is_started_so_that_it_ends_with_us() -> None:
    """`execution.py` starts the launcher, which sees to it itself."""
    starts = {"run", "Popen", "call", "check_call", "check_output"}
    untied = [
        f"{path.name}:{call.lineno}"
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {f"subprocess.{name}" for name in starts}
        and not ast.unparse(call.args[0]).startswith("tied(")
    ]
    assert [place.partition(":")[0] for place in untied] == ["execution.py"]


def test_every_error_has_an_exit_code_of_its_own() -> None:
    classes: list[type[MmioBisectError]] = [MmioBisectError, *_below(MmioBisectError)]
    codes = [error.exit_code for error in classes]
    assert len(set(codes)) == len(codes)
    assert all(code == 2 or code >= 10 for code in codes)
    assert UsageError.exit_code == 2
    assert all(error.__doc__ for error in classes)


def _below(error: type[MmioBisectError]) -> list[type[MmioBisectError]]:
    return [found for child in error.__subclasses__() for found in (child, *_below(child))]


def test_the_version_is_the_projects() -> None:
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert stated is not None
    assert stated[1] == mmio_bisect.__version__


def test_only_the_given_folders_stand_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in listed.splitlines() if "/" in line}
    assert {name for name in folders if not name.startswith(".")} <= {"bisect", "recipes", "results", "tests"}


def test_no_folder_has_more_than_twenty_files_and_no_file_more_than_400_lines() -> None:
    files = list(PACKAGE.rglob("*.py"))
    folders = Counter(path.parent for path in files)
    assert {str(folder): count for folder, count in folders.items() if count > 20} == {}
    lines = {str(path): len(path.read_text().splitlines()) for path in files}
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_composition_alone_imports_inside_functions() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(PACKAGE / "composition")]
    inside = [
        f"{path}:{node.lineno}"
        for path in files
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert len(files) > 300
    assert inside == []
