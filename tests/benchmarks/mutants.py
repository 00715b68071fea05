"""How many random mutants of the package the tests notice. `make mutants` runs it; it fails below nine in ten.

Cosmic Ray says which mutants there are, and makes each; coverage by test says which tests reach a line. Of the places
in `ROOMS` that can be changed and that some test reaches, `--count` are drawn by `--seed`, and of what Cosmic Ray would
do there one thing. Each mutant is made in a copy of the package, and the tests that reach its line run there until one
fails; all tests, where the line runs when its module is imported. A mutant that survives is a test that is missing,
unless `EQUIVALENT` says why nothing can tell it from the original.
"""

import argparse
import ast
import compileall
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import CoverageData

ROOT = Path(__file__).parents[2]
PACKAGE = Path("bisect/mmio_bisect")
ROOMS = ("classify", "search", "workflow")
TESTS = "tests/unit"
COPIED = ("bisect", "tests", "recipes", "pyproject.toml")
PATIENCE = 300
"""Seconds. A mutant that runs for ever is noticed by that."""

BOUND = 0.9
IDENTITY = frozenset(
    f"core/ReplaceComparisonOperator_{one}" for one in ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq")
)
"""Passed over: whether equal numbers and strings are one object is the interpreter's matter, and what is compared by
identity is None, a member of an enumeration or an object that equals itself alone."""

EQUIVALENT: Mapping[tuple[str, str], str] = {}
"""By the text of the line and the operator's name: why nothing can tell the mutant from the original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """Where an operator applies for the `occurrence`th time in a file."""

    path: Path
    operator: str
    occurrence: int
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column} {self.operator.removeprefix('core/')}"

    @property
    def key(self) -> tuple[str, str]:
        text = (ROOT / self.path).read_text().splitlines()[self.line - 1]
        return text.strip(), self.operator.removeprefix("core/")


def mutants_of(path: Path) -> Iterator[Mutant]:
    """All but those of annotations and decorators: most fail when the module is imported, whatever the tests are."""
    tree = get_ast_from_path(ROOT / path)
    passed_over = set(_declared((ROOT / path).read_text()))
    for name in sorted(set(operator_names()) - {"core/RemoveDecorator", *IDENTITY}):
        kind = get_operator(name)
        if kind.arguments():
            continue
        operator = kind()
        places = (start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
        for number, (line, column) in enumerate(places):
            if (line, column) not in passed_over:
                yield Mutant(path=path, operator=name, occurrence=number, line=line, column=column)


def _declared(text: str) -> Iterator[tuple[int, int]]:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        decorators = getattr(node, "decorator_list", [])
        for child in (getattr(node, "annotation", None), getattr(node, "returns", None), *decorators):
            if child is None:
                continue
            for line in range(child.lineno, child.end_lineno + 1):
                first = child.col_offset if line == child.lineno else 0
                last = child.end_col_offset if line == child.end_lineno else len(lines[line - 1])
                yield from ((line, column) for column in range(first, last + 1))


def tests_by_line(folder: Path, jobs: int) -> dict[tuple[Path, int], frozenset[str]]:
    """Runs all tests once. By file and line: the tests that execute it, none for what runs when it is imported."""
    data = folder / "coverage"
    words = ("-m", "pytest", "-q", "-n", str(jobs), TESTS)
    measured = ("--cov", "--cov-context=test", "--cov-report=")
    environment = _environment(ROOT) | {"COVERAGE_FILE": str(data)}
    subprocess.run([sys.executable, *words, *measured], cwd=ROOT, check=True, env=environment)
    read = CoverageData(str(data))
    read.read()
    return {
        (Path(name).relative_to(ROOT), line): frozenset(test.rpartition("|")[0] for test in tests if test)
        for name in read.measured_files()
        for line, tests in read.contexts_by_lineno(name).items()
    }


def _environment(root: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(root / "bisect"), "PYTHONDONTWRITEBYTECODE": "1"}


def survives(copies: "SimpleQueue[Path]", tests: Mapping[tuple[Path, int], frozenset[str]], mutant: Mutant) -> bool:
    """Whether the tests that reach the line pass with the mutant."""
    copy = copies.get()
    original = (ROOT / mutant.path).read_text()
    try:
        (copy / mutant.path).write_text(mutate_code(original, get_operator(mutant.operator)(), mutant.occurrence))
        (copy / "wanted").write_text("\n".join(sorted(tests[mutant.path, mutant.line]) or [TESTS]))
        words = ("-m", "pytest", "-q", "-x", "--hypothesis-seed=0", "@wanted")
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=copy,
            env=_environment(copy),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    else:
        return ended.returncode == 0
    finally:
        (copy / mutant.path).write_text(original)
        copies.put(copy)


def draw(tests: Mapping[tuple[Path, int], frozenset[str]], count: int, seed: int) -> Sequence[Mutant]:
    paths = (path.relative_to(ROOT) for room in ROOMS for path in sorted((ROOT / PACKAGE / room).rglob("*.py")))
    places: dict[tuple[Path, int, int], list[Mutant]] = {}
    for path in paths:
        for one in mutants_of(path):
            if (one.path, one.line) in tests:
                places.setdefault((one.path, one.line, one.column), []).append(one)
    print(f"{count} of {len(places)} places drawn by seed {seed}", flush=True)
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    return [chance.choice(places[place]) for place in chance.sample(sorted(places), min(count, len(places)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tests = tests_by_line(Path(folder), asked.jobs)
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(asked.jobs):
            copies.put(_copied(Path(folder) / str(number)))
        mutants = [one for one in draw(tests, asked.count, asked.seed) if one.key not in EQUIVALENT]
        alive = []
        with ThreadPoolExecutor(asked.jobs) as pool:
            for mutant, survived in zip(mutants, pool.map(partial(survives, copies, tests), mutants), strict=True):
                print(f"{'SURVIVED' if survived else 'killed  '} {mutant}", flush=True)
                alive += [mutant] if survived else []
    killed = len(mutants) - len(alive)
    print(f"{killed} of {len(mutants)} killed ({killed / len(mutants):.0%}), {asked.count - len(mutants)} equivalent")
    return int(killed < BOUND * len(mutants))


def _copied(folder: Path) -> Path:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    # Tests would compile the package each time, as they may not leave a mutant's bytecode behind.
    compileall.compile_dir(folder / PACKAGE, quiet=1)
    return folder


if __name__ == "__main__":
    sys.exit(main())
