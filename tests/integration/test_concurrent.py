"""Several processes on one database and one store: none loses anything, and nothing is fetched twice."""

import json
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from loopback_index import Index
from real_zigs import scripted_wheel
from tool_process import Tool

VERSIONS = ("0.9.1", "0.12.1", "0.13.0", "0.14.0", "0.15.1", "0.17.1")
OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"
RECIPES = ("store_then_step", "fill_loop", "copy_in")
LEVELS = ("1", "2", "3")
CELLS = len(VERSIONS) * len(RECIPES) * len(LEVELS)
SWEEP = ("sweep", *RECIPES, "zig", "--opt", ",".join(LEVELS), "--sandbox", "local", "--json")


@pytest.fixture
def compilers(index: Index) -> Index:
    for place, version in enumerate(VERSIONS):
        made = OBJECTS / ("plain.o", "post_indexed.o")[place % 2]
        says = f'case "$*" in *--version*) echo "clang version {place}.0.0"; exit 0;; esac'
        index.add(version, scripted_wheel(version, f"{says}\ncat {made} > case.o"))
    return index


def count(database: Path, table: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a name from below
        return int(number)


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return [out for out, _ in said]


def test_the_same_sweep_four_times_at_once_is_done_once(served: Tool, compilers: Index) -> None:
    documents = [json.loads(out) for out in ended([served.start(*SWEEP) for _ in range(4)])]
    assert all(len(document["cells"]) == CELLS for document in documents)
    verdicts = {json.dumps([cell["verdict"] for cell in document["cells"]]) for document in documents}
    assert len(verdicts) == 1
    assert count(served.database, "outcomes") == CELLS
    assert Counter(compilers.served) == Counter(VERSIONS)
    fetched = sum(document["cost"]["toolchains_fetched"] for document in documents)
    assert fetched == len(VERSIONS)


def test_sweeps_and_runs_that_overlap_lose_nothing(served: Tool, compilers: Index) -> None:
    words = [
        SWEEP,
        (*SWEEP[:-1], "--transitions", "--json"),
        *(
            ("run", recipe, "zig:..", "--opt", level, "--sandbox", "local", "--json")
            for recipe in RECIPES
            for level in "23"
        ),
    ]
    documents = [json.loads(out) for out in ended([served.start(*one) for one in words])]
    assert count(served.database, "outcomes") == CELLS
    assert Counter(compilers.served) == Counter(VERSIONS)
    runs = [document["run"] for document in documents if "run" in document]
    assert len(set(runs)) == len(runs) == len(words) - 2
    for run in runs:
        shown = served("history", "show", str(run), "--json")
        assert shown.status == 0, shown.err
    assert served("sweep", *SWEEP[1:]).document["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}


def test_toolchains_in_use_are_not_pruned_under_a_sweep(served: Tool, compilers: Index) -> None:
    sweep = served.start(*SWEEP)
    for _ in range(5):
        assert served("toolchains", "prune", "--keep", "0").status == 0
    (out,) = ended([sweep])
    assert len(json.loads(out)["cells"]) == CELLS
    assert set(compilers.served) == set(VERSIONS)
