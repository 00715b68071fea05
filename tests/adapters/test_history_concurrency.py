"""Several processes and threads at once, and processes that are killed: nothing acknowledged is ever lost."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from history_values import a_case, a_cell, a_head, a_judgement, a_point, a_toolchain, an_object, outcome_of

from mmio_bisect.adapters.history.archive import SqlHistoryQueries
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.history.upkeep import SqlUpkeep
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.outcome import Cell, Verdict
from mmio_bisect.workflow.history.history_queries import ChangeOrder, Filters, Page
from mmio_bisect.workflow.history.upkeep import CheckResult

ROOT = Path(__file__).parents[2]

# Says "ready", waits for a line, then opens the history and records outcomes one by one, acknowledging each.
RECORDER = """
import sys
from history_values import a_cell, a_judgement, a_toolchain, an_object
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database

url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with SqlHistory(open_history_database(url)) as history:
    for number in range(count):
        cell = a_cell(toolchain=a_toolchain(f"{name} {number}"))
        outcome = an_object(f"{name} {number}".encode() * 500)
        history.record([(cell, outcome)])
        history.record([], [(cell, outcome, a_judgement())])
        print(cell.key, flush=True)
"""


@contextmanager
def recorder(file: Path, name: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun and waits for a line before it opens the history."""
    with subprocess.Popen(
        [sys.executable, "-c", RECORDER, f"sqlite:///{file}", name, str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "bisect"), str(ROOT / "tests" / "fakes")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert lines_of(process, 1) == ["ready"]
        yield process


def release(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def lines_of(process: subprocess.Popen[str], count: int | None = None) -> list[str]:
    """The next `count` lines, or all that are whole until the end."""
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "") if count is None else (process.stdout.readline() for _ in range(count))
    return [line.rstrip("\n") for line in lines if line.endswith("\n")]


def recorded_in(file: Path) -> set[str]:
    with SqlHistory(open_history_database(f"sqlite:///{file}")) as history:
        return {record.cell_key for record in history.outcomes()}


def test_processes_that_open_a_new_history_together_all_get_it_and_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    with recorder(file, "a", 20) as a, recorder(file, "b", 20) as b, recorder(file, "c", 20) as c:
        for process in (a, b, c):
            release(process)
        told = [lines_of(process) for process in (a, b, c)]
    assert [process.returncode for process in (a, b, c)] == [0, 0, 0]
    assert [len(lines) for lines in told] == [20, 20, 20]
    assert recorded_in(file) == set().union(*told)


def test_processes_that_record_the_same_cells_agree_on_the_first(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    with recorder(file, "same", 20) as a, recorder(file, "same", 20) as b:
        release(a)
        release(b)
        assert lines_of(a) == lines_of(b)
    with SqlHistory(open_history_database(f"sqlite:///{file}")) as history:
        assert [len(record.judgements) for record in history.outcomes()] == [1] * 20


def test_threads_share_a_history(tmp_path: Path) -> None:
    def work(name: int) -> list[Cell]:
        cells = [a_cell(toolchain=a_toolchain(f"{name} {number}")) for number in range(8)]
        for cell in cells:
            assert outcome_of(history, cell) is None
            history.remember_toolchain(a_point(f"{name}.{len(cells)}"), cell.toolchain)
            history.record([(cell, an_object(cell.key.encode()))])
            history.record([], [(cell, an_object(cell.key.encode()), a_judgement())])
            assert outcome_of(history, cell) == an_object(cell.key.encode())
        return cells

    with (
        SqlHistory(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")) as history,
        ThreadPoolExecutor(8) as pool,
    ):
        cells = [cell for done in pool.map(work, range(8)) for cell in done]
        assert {record.cell_key for record in history.outcomes()} == {cell.key for cell in cells}


def test_threads_take_turns_in_a_history_of_no_file() -> None:
    def work(number: int) -> int:
        return history.begin_run(
            a_head(case=a_case(), series="zig", first=a_point(), last=a_point(), profile="arm-isv", argv=(str(number),))
        )

    with SqlHistory(open_history_database("sqlite://")) as history, ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(20))) == list(range(1, 21))


def test_a_killed_process_leaves_a_whole_database_with_all_that_it_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    chance = random.Random(131894)  # noqa: S311 - to be the same every time
    acknowledged: set[str] = set()
    for kill in range(15):
        with recorder(file, f"kill {kill}", 1_000_000) as process:
            release(process)
            # Killed right after one of its first few commits was heard of, so somewhere in the next; or, at first, in
            # the making of the database.
            acknowledged.update(lines_of(process, chance.randrange(6)))
            process.kill()
            acknowledged.update(lines_of(process))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert len(acknowledged) > 15
    assert acknowledged <= recorded_in(file)
    assert [path.name for path in tmp_path.iterdir()] == ["history.db"], "no log is left behind"


def test_writers_of_neighbouring_points_in_postgresql_leave_what_one_would_make_anew(
    postgresql: Callable[[], str],
) -> None:
    """Three at once, as two sweeps and a watch: what follows from a row's neighbours must not be missed."""

    def work(name: int) -> set[str]:
        keys = set()
        with SqlHistory(open_history_database(url)) as history:
            for number in range(name, 24, 3):
                toolchain = a_toolchain(f"0.{number}.0")
                cell, outcome = a_cell(toolchain=toolchain), an_object(b"bad" if number % 5 == 0 else b"good")
                history.remember_toolchain(a_point(f"0.{number}.0"), toolchain)
                history.record([(cell, outcome)])
                history.record([], [(cell, outcome, a_judgement(Verdict.BAD if number % 5 == 0 else Verdict.GOOD))])
                keys.add(cell.key)
        return keys

    url = postgresql()
    with ThreadPoolExecutor(3) as pool:
        keys = set().union(*pool.map(work, range(3)))
    looks: list[CheckResult] = []
    with SqlUpkeep(open_history_database(url)) as upkeep:
        assert upkeep.check(repair=False, tell=looks.append), looks
    with SqlHistory(open_history_database(url)) as history:
        assert {record.cell_key for record in history.outcomes()} == keys
    with SqlHistoryQueries(open_history_database(url)) as archive:
        found = archive.transitions(Filters(profile="arm-isv"), ChangeOrder.PLACE, Page()).rows
    assert [row.first_version for row in found if row.change == "introduced"] == [f"0.{n}.0" for n in (5, 10, 15, 20)]
