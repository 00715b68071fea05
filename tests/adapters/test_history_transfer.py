"""Out and in: nothing is lost, two histories become one, and a contradiction is refused whole."""

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from filled_history import fill
from history_values import a_case, a_cell, a_head, a_judgement, a_point, a_probe, a_toolchain, an_object

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.history.upkeep import SqlUpkeep
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.run import Cost
from mmio_bisect.errors import ConflictError, InvalidExportError, UsageError
from mmio_bisect.workflow.history.upkeep import Before, CheckResult
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import Notice, NoticeKind

ROOT = Path(__file__).parents[2]


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def exported(url: str) -> list[str]:
    with SqlUpkeep(open_history_database(url)) as upkeep:
        return list(upkeep.export())


def taken_in(url: str, lines: list[str]) -> dict[str, int]:
    with SqlUpkeep(open_history_database(url)) as upkeep:
        return upkeep.take_in(lines).new


def whole(url: str) -> bool:
    looks: list[CheckResult] = []
    with SqlUpkeep(open_history_database(url)) as upkeep:
        well = upkeep.check(repair=False, tell=looks.append)
    assert [looked for looked in looks if looked.trouble] == []
    return well


@pytest.fixture
def full(tmp_path: Path) -> str:
    """A history with a finished run in it, too."""
    url = url_of(tmp_path / "full.db")
    with SqlHistory(open_history_database(url)) as history:
        fill(history)
        finish_a_run(history)
    return url


def finish_a_run(history: SqlHistory) -> int:
    cell = a_cell()
    history.record([(cell, an_object())])
    run = history.begin_run(
        a_head(case=a_case(), series="zig", first=a_point("0.9.0"), last=a_point(), profile="arm-isv", argv=("run",))
    )
    history.record_probe(run, a_probe(cell, an_object()))
    history.finish_run(run, Cost(cells_compiled=1), json.dumps({"run": run, "answers": []}))
    return run


def test_an_export_taken_into_an_empty_history_makes_the_same(full: str, tmp_path: Path) -> None:
    lines = exported(full)
    other = url_of(tmp_path / "other.db")
    assert sum(taken_in(other, lines).values()) == len(lines) - 1
    assert exported(other) == lines
    assert whole(other)
    assert taken_in(other, lines) == {}


def test_between_sqlite_and_postgresql(full: str, postgresql: Callable[[], str]) -> None:
    lines = exported(full)
    server = postgresql()
    taken_in(server, lines)
    assert sorted(exported(server)) == sorted(lines)
    assert whole(server)


def test_two_histories_become_one_whichever_is_taken_into_the_other(tmp_path: Path) -> None:
    urls = [url_of(tmp_path / name) for name in ("a.db", "b.db")]
    for number, url in enumerate(urls):
        with SqlHistory(open_history_database(url)) as history:
            for name in ("both", f"only {number}"):
                cell = a_cell(toolchain=a_toolchain(name))
                history.remember_toolchain(a_point(f"0.{1 + number}.0"), cell.toolchain)
                history.record([(cell, replace(an_object(), seconds=float(number)))])
                history.record([], [(cell, an_object(), a_judgement())])
            assert finish_a_run(history) == 1
    first, second = exported(urls[0]), exported(urls[1])
    taken_in(urls[0], second)
    taken_in(urls[1], first)
    with SqlHistory(open_history_database(urls[0])) as ours, SqlHistory(open_history_database(urls[1])) as theirs:
        keys = [{record.cell_key for record in history.outcomes()} for history in (ours, theirs)]
        assert keys[0] == keys[1]
        assert len(keys[0]) == 4
        assert [run.id for run in ours.runs(limit=9)] == [2, 1]
        assert [json.loads(run.document or "")["run"] for run in ours.runs(limit=9)] == [2, 1]
    assert all(map(whole, urls))


def of_the_first_version(lines: list[str]) -> list[str]:
    """As the first exports were: runs tell their answers, and a column that came later is not there."""
    head, *rows = map(json.loads, lines)
    for row in rows:
        if row["row"] == "runs":
            row["answers"] = [{"ordinal": 0, "kind": "culprit"}]
        if row["row"] == "judgements":
            del row["reason"]
    return [json.dumps(row) for row in ({**head, "version": 1}, *rows)]


def test_an_older_export_is_taken_in_without_the_columns_that_came_later(full: str, tmp_path: Path) -> None:
    lines = exported(full)
    older = of_the_first_version(lines)
    other = url_of(tmp_path / "other.db")
    assert sum(taken_in(other, older).values()) == len(lines) - 1
    assert [line for line in exported(other) if '"row":"judgements"' not in line] == [
        line for line in lines if '"row":"judgements"' not in line
    ]
    assert whole(other)
    assert taken_in(full, older) == {}


def test_an_export_of_today_must_have_every_column(full: str, tmp_path: Path) -> None:
    head, *rows = of_the_first_version(exported(full))
    today = json.dumps({**json.loads(head), "version": int(schema.HEAD)})
    with pytest.raises(InvalidExportError, match="look at reason"):
        taken_in(url_of(tmp_path / "other.db"), [today, *rows])


def test_a_contradiction_is_refused_with_both_rows_and_nothing_is_taken_in(full: str, tmp_path: Path) -> None:
    other = url_of(tmp_path / "other.db")
    with SqlHistory(open_history_database(other)) as history:
        history.record([(a_cell(), an_object(b"another object"))])
        history.record([], [(a_cell(), an_object(b"another object"), a_judgement())])
    before = exported(other)
    with pytest.raises(ConflictError) as refused:
        taken_in(other, exported(full))
    said = str(refused.value)
    assert said.startswith("Two outcomes of the same name differ in object_digest, so nothing was taken in")
    for outcome in (an_object(), an_object(b"another object")):
        assert str(outcome.object_digest) in said
    assert exported(other) == before


def test_a_judgement_that_differs_is_a_contradiction(full: str, tmp_path: Path) -> None:
    other = url_of(tmp_path / "other.db")
    lines = exported(full)
    taken_in(other, lines)
    forged = [line.replace('"verdict":"good"', '"verdict":"bad"', 1) for line in lines]
    with pytest.raises(ConflictError, match="Two judgements of the same name differ in verdict"):
        taken_in(other, forged)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "is empty"),
        (["nonsense"], "Line 1 of the export is not JSON"),
        (["[]"], "not a JSON object"),
        (['{"format":"else"}'], "not an export of a history"),
        (['{"format":"mmio-bisect-history","version":99}'], "version 99"),
        (
            ['{"format":"mmio-bisect-history","version":1}', '{"row":"elephants"}'],
            "Line 2 .*no kind of row: elephants",
        ),
        (['{"format":"mmio-bisect-history","version":1}', '{"row":"cases","digest":"x"}'], "Line 2 .* look at "),
        (['{"format":"mmio-bisect-history","version":1}', "{"], "Line 2 of the export is not JSON"),
    ],
)
def test_what_is_no_export_is_said(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InvalidExportError, match=said):
        taken_in(url_of(tmp_path / "history.db"), lines)


def test_a_line_that_refers_to_nothing_is_refused(full: str, tmp_path: Path) -> None:
    from mmio_bisect.errors import DatabaseError  # noqa: PLC0415 - for this alone

    lines = [line for line in exported(full) if '"row":"objects"' not in line]
    with pytest.raises(DatabaseError, match="FOREIGN KEY"):
        taken_in(url_of(tmp_path / "other.db"), lines)


def test_a_backup_is_a_history(full: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with SqlUpkeep(open_history_database(full)) as upkeep:
        upkeep.backup(copy)
        with pytest.raises(UsageError, match="is there already"):
            upkeep.backup(copy)
        with pytest.raises(UsageError, match="cannot be written"):
            upkeep.backup(tmp_path / "nowhere" / "copy.db")
    assert exported(url_of(copy)) == exported(full)
    assert whole(url_of(copy))
    assert {path.name for path in tmp_path.iterdir()} == {"full.db", "copy.db"}


def test_old_runs_ticks_and_notices_are_let_go_of_and_nothing_that_was_measured(full: str) -> None:
    told = Notice(key="k", kind=NoticeKind.FIXED, series="zig", title="t", plain="p", markdown="m", run=2)
    with SqlHistory(open_history_database(full)) as history, SqlOutbox(open_history_database(full)) as outbox:
        for _ in range(3):
            finish_a_run(history)  # 2, 3 and 4
        outbox.finish_tick(outbox.begin_tick(), 0, "{}")
        outbox.keep("zig", "arm-isv", SeriesState(), [told, replace(told, key="waits", run=3)], ["mail"])
        outbox.delivered("k", "mail")
    before = {line for line in exported(full) if json.loads(line).get("row") != "runs"}

    def forgotten(moment: str) -> tuple[int, int, int]:
        with SqlUpkeep(open_history_database(full)) as upkeep:
            gone = upkeep.forget(Before(runs=moment, ticks=moment, notices=moment), needed={4})
        return gone.runs, gone.ticks, gone.notices

    assert forgotten("2000-01-01") == (0, 0, 0)
    assert forgotten("2999-01-01") == (2, 1, 1)  # not 3, which has still to be told, nor 4, which is needed
    with SqlHistory(open_history_database(full)) as history, SqlOutbox(open_history_database(full)) as outbox:
        assert [run.id for run in history.runs(limit=9)] == [4, 3]
        assert [waiting.notice.key for waiting in outbox.pending()] == ["waits"]
    assert {line for line in exported(full) if json.loads(line).get("row") != "runs"} == before
    assert whole(full)


def test_any_number_of_ticks_runs_and_notices_is_let_go_of(full: str) -> None:
    notice = Notice(key="k", kind=NoticeKind.FIXED, series="zig", title="t", plain="p", markdown="m", run=None)
    with SqlOutbox(open_history_database(full)) as outbox:
        outbox.keep("zig", "arm-isv", SeriesState(), [replace(notice, key=str(number)) for number in range(1200)], [])
    with SqlUpkeep(open_history_database(full)) as upkeep:
        with upkeep.database.bare() as bare:  # the one connection that there is
            bare.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        gone = upkeep.forget(Before(notices="2999-01-01"), needed=())
    assert gone.notices == 1200


def test_a_check_finds_and_mends_what_does_not_follow(full: str) -> None:
    file = full.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM transitions")
        connection.execute("UPDATE objects SET data = x'00' WHERE digest = (SELECT min(digest) FROM objects)")
    looks: list[CheckResult] = []
    with SqlUpkeep(open_history_database(full)) as upkeep:
        assert not upkeep.check(repair=False, tell=looks.append)
        assert [looked.what for looked in looks if looked.trouble] == [
            "objects and their digests",
            "lines, standings and transitions",
        ]
        assert "transitions do not follow" in str(looks[-1].trouble)
        upkeep.check(repair=True, tell=looks.append)
        assert looks[-1].trouble is None
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM transitions").fetchone() == (8,)


TAKER = """
import sys
from mmio_bisect.adapters.history.upkeep import SqlUpkeep
from mmio_bisect.composition.history_database import open_history_database
with SqlUpkeep(open_history_database(sys.argv[1])) as upkeep, open(sys.argv[2]) as lines:
    print("begun", flush=True)
    upkeep.take_in(lines)
"""


def test_an_import_that_is_killed_leaves_all_or_nothing(full: str, tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    export.write_text("".join(exported(full)))
    file = tmp_path / "other.db"
    with SqlHistory(open_history_database(url_of(file))) as history:
        history.record([(a_cell(toolchain=a_toolchain("before")), an_object())])
        history.record([], [(a_cell(toolchain=a_toolchain("before")), an_object(), a_judgement(Verdict.GOOD))])
    before = exported(url_of(file))
    chance = random.Random(131894)  # noqa: S311 - the same each time
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bisect")}
    killed = 0
    for _ in range(12):
        words = [sys.executable, "-c", TAKER, url_of(file), str(export)]
        with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.06))
            process.kill()
        killed += process.returncode != 0
        assert whole(url_of(file))
        now = exported(url_of(file))
        if now == before:
            continue
        assert len(now) > len(before)
        break
    assert killed
    taken_in(url_of(file), export.read_text().splitlines())
    assert set(export.read_text().splitlines(keepends=True)) - {*exported(url_of(file))} == set()
