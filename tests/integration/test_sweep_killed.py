"""A sweep killed at random moments and begun again, a hundred times: nothing is lost, doubled or otherwise than else.

The compilers are scripts that hand out objects, fetched from an index on the loopback device; in every round one of
them has to be fetched anew.
"""

import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from loopback_index import Index
from real_zigs import scripted_wheel
from tool_process import Tool

from mmio_bisect.adapters.held_folder import remove_tree
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.workflow.ports.history import OutcomeRecord

pytestmark = pytest.mark.slow

ROUNDS, KILLS = 20, 5
VERSIONS = ("0.9.1", "0.12.1", "0.13.0", "0.14.0", "0.15.1", "0.17.1")
SWEEP = ("sweep", "store_then_step", "fill_loop", "copy_in", "zig", "--opt", "1,2", "--sandbox", "local")
CELLS = 3 * 2 * len(VERSIONS)
OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"


@pytest.fixture
def compilers(index: Index) -> Index:
    """Two kinds of objects by turns; one compiler takes no recipe but the first."""
    for place, version in enumerate(VERSIONS):
        made = OBJECTS / ("plain.o", "post_indexed.o")[place % 2]
        says = f'case "$*" in *--version*) echo "clang version {place}.0.0"; exit 0;; esac'
        refuses = 'case "$*" in *store_then*) ;; *) echo "error: not this one"; exit 1;; esac' if place == 3 else ""
        index.add(version, scripted_wheel(version, f"{says}\n{refuses}\ncat {made} > case.o"))
    return index


def kept(database: Path) -> list[OutcomeRecord]:
    """All that history holds, without when and how long it took."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with SqlHistory(open_history_database(f"sqlite:///{database}")) as history:
        records = [
            replace(record, recorded="", outcome=replace(record.outcome, seconds=0.0)) for record in history.outcomes()
        ]
    return sorted(records, key=lambda record: record.cell_key)


def forget(store: Path, version: str) -> None:
    """Take one toolchain out of the store."""
    (entry,) = store.glob(f"entries/*/points/zig@{version}.json")
    remove_tree(entry.parents[1])


def gone(tool: Tool) -> None:
    deadline = time.monotonic() + 10
    while tool.processes():
        assert time.monotonic() < deadline, tool.processes()
        time.sleep(0.005)


def kill_after(tool: Tool, words: Sequence[str], seconds: float) -> bool:
    """Whether it was still running."""
    process = tool.start(*words)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    gone(tool)
    return process.returncode == -signal.SIGKILL


def test_a_hundred_kills_leave_the_history_of_an_undisturbed_sweep(served: Tool, compilers: Index) -> None:
    begun = time.monotonic()
    undisturbed = served(*SWEEP, "--json")
    took = time.monotonic() - begun
    assert undisturbed.status == 0, undisturbed.err
    assert undisturbed.document["cost"] == {"toolchains_fetched": len(VERSIONS), "cells_compiled": CELLS}
    expected = kept(served.database)
    assert len(expected) == CELLS
    assert {record.outcome.kind.value for record in expected} == {"object", "rejected"}
    files = served.files()

    chance = random.Random(131894)  # noqa: S311 - the same moments each time
    compiled = 0
    for number in range(ROUNDS):
        database = served.root / "results" / f"{number}.db"
        words = (*SWEEP, "--database", f"sqlite:///{database}")
        version = VERSIONS[number % len(VERSIONS)]
        forget(served.store, version)
        killed = 0
        while killed < KILLS:
            if kill_after(served, words, chance.uniform(0.1, min(took, 1.2))):
                killed += 1
            else:  # it was done before it was to be killed: again from the beginning
                database.unlink()
                forget(served.store, version)
        kill_after(served, words, took * 0.7)  # once when there is something to resume from
        before = len(kept(database)) if database.exists() else 0
        resumed = served(*words, "--json")
        assert resumed.status == 0, resumed.err
        assert resumed.document["cost"]["cells_compiled"] == CELLS - before
        compiled += before
        assert kept(database) == expected
        assert [cell["verdict"] for cell in resumed.document["cells"]] == [
            cell["verdict"] for cell in undisturbed.document["cells"]
        ]
        database.unlink()
        assert served.files() == files
    assert compiled > 0, "no kill came late enough to leave anything to resume from"
    assert set(compilers.served) == set(VERSIONS)
