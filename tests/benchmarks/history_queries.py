"""Each question to a history of a million outcomes, beside the best SQL that we could write for it by hand.

Run it with `make benchmark-history`, or `python tests/benchmarks/history_queries.py [FILE] [COUNT]`; FILE is made first
if it is not there. Ours is the whole call of the tool's own query, from opening a transaction to the rows as values; by
hand is Python's `sqlite3` on a connection of its own, fetching the same rows and, where ours tells it, the same total.
Both go by turns. Prints the medians in milliseconds of processor time, their ratio, and whether both answered the same.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from million_outcomes import fill

from mmio_bisect.adapters.history.archive import SqlHistoryQueries
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.workflow.history.history_queries import CellOrder, ChangeOrder, Filters, Page, Paged

ROUNDS = 15
PROFILE = "arm-isv"
SINCE = "2026-01-01T04:40"

LINE = "l.current AND l.profile = 'arm-isv'"
CELL = """SELECT s.cell_key, l.recipe, l.language, l.series, s.version, c.family, c.compiler_version, c.llvm_version,
    l.target, l.opt, o.kind, v.verdict, v.marks, o.seconds, s.recorded"""
JOINED = """JOIN lines l ON l.id = s.line_id JOIN vectors v ON v.id = s.vector_id
    JOIN outcomes o ON o.cell_key = s.cell_key JOIN toolchains c ON c.digest = o.toolchain_digest"""
NEWEST = "ORDER BY s.recorded DESC, s.vector_id DESC, s.line_id DESC, s.sort_key DESC"
TALLY = "FROM tallies t JOIN lines l ON l.id = t.line_id JOIN vectors v ON v.id = t.vector_id"
EDGE = "t.last_version, t.first_version, t.last_llvm, t.first_llvm, t.untestable, t.last_cell, t.first_cell, t.noticed"
CHANGE = "l.recipe, l.language, l.target, l.opt, l.series"
MARK = "t.function, t.access, t.kind, t.change"
PLACE = f"l.recipe, l.language, l.target, {MARK}, t.llvm_key, l.series, t.first_sort_key, l.opt, l.id"
WITH_DEFECT = "v.id IN (SELECT vector_id FROM marks WHERE kind = 'pair')"
IN_TIME = f"""WITH top AS MATERIALIZED (
    SELECT s.line_id, s.sort_key, s.version FROM standings s
    WHERE +s.line_id IN (SELECT l.id FROM lines l WHERE {LINE}) AND %s {NEWEST} LIMIT 51)
    {CELL} FROM top CROSS JOIN standings s USING (line_id, sort_key, version) {JOINED} {NEWEST}"""
LOOKED_UP = f"""WITH top AS MATERIALIZED (
    SELECT s.line_id, s.sort_key, s.version
    FROM lines l CROSS JOIN tallies t CROSS JOIN vectors v CROSS JOIN standings s
    WHERE t.line_id = l.id AND v.id = t.vector_id AND s.line_id = t.line_id AND s.vector_id = t.vector_id
    AND {LINE} AND %s {NEWEST} LIMIT 51)
    {CELL} FROM top CROSS JOIN standings s USING (line_id, sort_key, version) {JOINED} {NEWEST}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`hand` are statements whose rows, one after the other, are what `ours` gives."""

    name: str
    ours: Callable[[SqlHistoryQueries], Any]
    hand: Sequence[str]


def asked(**conditions: Any) -> Filters:
    return Filters(profile=PROFILE, **conditions)


def cells(
    order: CellOrder = CellOrder.RECORDED, page: Page | None = None, **conditions: Any
) -> Callable[[SqlHistoryQueries], Any]:
    return lambda archive: archive.cells(asked(**conditions), order, page or Page())


QUESTIONS = (
    Question(
        name="list",
        ours=cells(),
        hand=(
            f"SELECT sum(t.standings) {TALLY} WHERE {LINE}",
            IN_TIME % "1",
        ),
    ),
    Question(
        name="list --opt 2",
        ours=cells(opts=("2",)),
        hand=(
            f"SELECT sum(t.standings) {TALLY} WHERE {LINE} AND l.opt = '2'",
            (IN_TIME % "1").replace(LINE, f"{LINE} AND l.opt = '2'"),
        ),
    ),
    Question(
        name="list --recipe --series",
        ours=cells(recipes=("recipe_07",), series=("rustc",)),
        hand=(
            f"SELECT sum(t.standings) {TALLY} WHERE {LINE} AND l.recipe = 'recipe_07' AND l.series = 'rustc'",
            LOOKED_UP % "l.recipe = 'recipe_07' AND l.series = 'rustc'",
        ),
    ),
    Question(
        name="list --verdict bad",
        ours=cells(verdicts=("bad",)),
        hand=(
            f"SELECT sum(t.standings) {TALLY} WHERE {LINE} AND v.verdict = 'bad'",
            IN_TIME % "+s.vector_id IN (SELECT id FROM vectors WHERE verdict = 'bad')",
        ),
    ),
    Question(
        name="list --verdict untestable",
        ours=cells(verdicts=("untestable",)),
        hand=(
            f"SELECT sum(t.standings) {TALLY} WHERE {LINE} AND v.verdict = 'untestable'",
            LOOKED_UP % "v.verdict = 'untestable'",
        ),
    ),
    Question(
        name="list --defect pair",
        ours=cells(defects=("pair",)),
        hand=(
            f"SELECT sum(t.standings) {TALLY} WHERE {LINE} AND {WITH_DEFECT}",
            IN_TIME % "+s.vector_id IN (SELECT vector_id FROM marks WHERE kind = 'pair')",
        ),
    ),
    Question(
        name="list --since",
        ours=cells(since=SINCE),
        hand=(f"{CELL} FROM standings s {JOINED} WHERE {LINE} AND s.recorded >= '{SINCE}' {NEWEST} LIMIT 51",),
    ),
    Question(
        name="list --sort recipe, page 5,000",
        ours=cells(CellOrder.RECIPE, Page(limit=50, offset=250_000)),
        hand=(
            f"""SELECT l.id, sum(t.standings) {TALLY} WHERE {LINE}
                GROUP BY l.id ORDER BY l.recipe, l.language, l.target, l.opt, l.series, l.id""",
            f"""{CELL} FROM lines l CROSS JOIN standings s ON s.line_id = l.id
                JOIN vectors v ON v.id = s.vector_id JOIN outcomes o ON o.cell_key = s.cell_key
                JOIN toolchains c ON c.digest = o.toolchain_digest
                WHERE l.recipe = 'recipe_10' AND {LINE}
                ORDER BY l.recipe, l.language, l.target, l.opt, l.series, l.id, s.sort_key LIMIT 51 OFFSET 0""",
        ),
    ),
    Question(
        name="matrix --series rust-nightly",
        ours=lambda archive: archive.matrix(asked(series=("rust-nightly",)), Page(limit=200), columns=60),
        hand=(
            f"SELECT count(*) FROM lines l WHERE {LINE} AND series = 'rust-nightly'",
            """SELECT p.version, c.llvm_version FROM points p JOIN toolchains c ON c.digest = p.toolchain_digest
                WHERE p.series = 'rust-nightly' ORDER BY p.sort_key DESC LIMIT 60""",
            f"""WITH low AS MATERIALIZED (SELECT min(sort_key) AS sort_key FROM (SELECT sort_key FROM points
                    WHERE series = 'rust-nightly' ORDER BY sort_key DESC LIMIT 60))
                SELECT s.line_id, s.version, v.verdict, v.marks, s.cell_key
                FROM lines l CROSS JOIN low CROSS JOIN standings s JOIN vectors v ON v.id = s.vector_id
                WHERE {LINE} AND l.series = 'rust-nightly' AND s.line_id = l.id AND s.sort_key >= low.sort_key""",
        ),
    ),
    Question(
        name="matrix, everything, 60 versions of each series",
        ours=lambda archive: archive.matrix(asked(), Page(limit=2000), columns=60),
        hand=(
            f"SELECT count(*) FROM lines l WHERE {LINE}",
            f"""WITH low AS MATERIALIZED (SELECT series, min(sort_key) AS sort_key FROM (
                    SELECT series, sort_key, row_number() OVER (PARTITION BY series ORDER BY sort_key DESC) AS place
                    FROM points) WHERE place <= 60 GROUP BY series)
                SELECT l.id, l.recipe, l.opt, s.version, v.verdict, v.marks, s.cell_key
                FROM lines l CROSS JOIN low CROSS JOIN standings s JOIN vectors v ON v.id = s.vector_id
                WHERE {LINE} AND low.series = l.series AND s.line_id = l.id AND s.sort_key >= low.sort_key""",
        ),
    ),
    Question(
        name="transitions",
        ours=lambda archive: archive.transitions(asked(), ChangeOrder.PLACE, Page(limit=200)),
        hand=(
            f"SELECT count(*) FROM transitions t JOIN lines l ON l.id = t.line_id WHERE {LINE}",
            f"""SELECT {CHANGE}, {MARK}, {EDGE} FROM transitions t JOIN lines l ON l.id = t.line_id
                WHERE {LINE} ORDER BY {PLACE} LIMIT 200""",
        ),
    ),
    Question(
        name="transitions --recipe --defect",
        ours=lambda archive: archive.transitions(
            asked(recipes=("recipe_07",), defects=("pair",)), ChangeOrder.PLACE, Page(limit=200)
        ),
        hand=(
            f"""SELECT count(*) FROM transitions t JOIN lines l ON l.id = t.line_id
                WHERE {LINE} AND l.recipe = 'recipe_07' AND t.kind = 'pair'""",
            f"""SELECT {CHANGE}, {MARK}, {EDGE} FROM transitions t JOIN lines l ON l.id = t.line_id
                WHERE {LINE} AND l.recipe = 'recipe_07' AND t.kind = 'pair' ORDER BY {PLACE} LIMIT 200""",
        ),
    ),
    Question(
        name="transitions --sort noticed",
        ours=lambda archive: archive.transitions(asked(), ChangeOrder.NOTICED, Page(limit=200)),
        hand=(
            f"SELECT count(*) FROM transitions t JOIN lines l ON l.id = t.line_id WHERE {LINE}",
            f"""SELECT {CHANGE}, {MARK}, {EDGE} FROM transitions t JOIN lines l ON l.id = t.line_id
                WHERE {LINE} ORDER BY t.noticed DESC, {PLACE} LIMIT 200""",
        ),
    ),
    Question(
        name="fingerprint",
        ours=lambda archive: archive.code_changes(asked(), ChangeOrder.NOTICED, Page(limit=200), same_verdict=True),
        hand=(
            f"SELECT count(*) FROM code_changes t JOIN lines l ON l.id = t.line_id WHERE {LINE} AND t.same_verdict",
            f"""SELECT {CHANGE}, t.same_verdict, {EDGE} FROM code_changes t JOIN lines l ON l.id = t.line_id
                WHERE {LINE} AND t.same_verdict ORDER BY t.noticed DESC, l.recipe, l.language, l.target, t.llvm_key,
                l.series, t.first_sort_key, l.opt, l.id LIMIT 200""",
        ),
    ),
    Question(
        name="stats",
        ours=lambda archive: archive.statistics(PROFILE),
        hand=(
            """SELECT (SELECT count(*) FROM objects), (SELECT count(*) FROM judgements),
                (SELECT count(*) FROM vectors), (SELECT count(*) FROM transitions), (SELECT count(*) FROM code_changes),
                (SELECT count(*) FROM toolchains), (SELECT count(*) FROM runs),
                (SELECT count(DISTINCT recipe) FROM lines), (SELECT sum(size) FROM objects),
                (SELECT min(recorded) FROM outcomes), (SELECT max(recorded) FROM outcomes)""",
            "SELECT kind, count(*) FROM outcomes GROUP BY kind",
            "SELECT series, count(DISTINCT sort_key) FROM points GROUP BY series",
            f"SELECT l.series, v.verdict, sum(t.standings) {TALLY} WHERE {LINE} GROUP BY l.series, v.verdict",
        ),
    ),
    Question(
        name="sql",
        ours=lambda archive: archive.sql("SELECT opt, count(*) FROM outcomes GROUP BY opt", None, 60),
        hand=("SELECT opt, count(*) FROM outcomes GROUP BY opt",),
    ),
)


def measured(
    archive: SqlHistoryQueries, connection: sqlite3.Connection, question: Question
) -> tuple[float, float, bool]:
    """Medians of both in seconds, and whether the pages that can be compared at once are the same."""
    ours, hand = [], []
    answer: Any = None
    rows: list[list[tuple[Any, ...]]] = []
    for _ in range(ROUNDS):
        answer, seconds = timed(lambda: question.ours(archive))
        ours.append(seconds)
        rows, seconds = timed(lambda: [connection.execute(statement).fetchall() for statement in question.hand])
        hand.append(seconds)
    return statistics.median(ours), statistics.median(hand), _same(answer, rows)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Processor time, which other work on the machine does not lengthen; it all lies in memory anyhow."""
    begun = time.process_time()
    return work(), time.process_time() - begun


def _same(answer: Any, rows: list[list[tuple[Any, ...]]]) -> bool:
    if not isinstance(answer, Paged) or not answer.rows or not hasattr(answer.rows[0], "recipe"):
        return True
    plain = [tuple(row) for row in answer.rows]
    return plain == [tuple(row) for row in rows[-1]][: len(plain)]


def main() -> None:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "million.db"
        if not file.exists():
            print(f"Making {count:,} outcomes…")
            fill(file, count)
        with (
            SqlHistoryQueries(open_history_database(f"sqlite:///{file}")) as archive,
            closing(sqlite3.connect(file)) as connection,
        ):
            print(f"{'':50} {'ours':>9} {'by hand':>9} {'ratio':>6}  same")
            for question in QUESTIONS:
                ours, hand, same = measured(archive, connection, question)
                told = f"{ours * 1000:7.2f}ms {hand * 1000:7.2f}ms {ours / hand:6.2f}  {'yes' if same else 'NO'}"
                print(f"{question.name:50} {told}")


if __name__ == "__main__":
    main()
