"""Questions to a small history, each answer known beforehand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from filled_history import LLVM, fill

from mmio_bisect.adapters.history.archive import SqlHistoryQueries
from mmio_bisect.adapters.history.queries import cells
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.errors import UsageError
from mmio_bisect.workflow.history.history_queries import CellOrder, ChangeOrder, Filters, Page

EVERYTHING = Filters(profile="arm-isv")
ALL = Page(limit=1000)


def only(**conditions: object) -> Filters:
    return Filters(profile="arm-isv", **conditions)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlHistoryQueries]:
    url = (
        request.getfixturevalue("postgresql")()
        if request.param == "postgresql"
        else f"sqlite:///{tmp_path_factory.mktemp('history') / 'history.db'}"
    )
    with SqlHistory(open_history_database(url)) as history:
        fill(history)
    with SqlHistoryQueries(open_history_database(url)) as archive:
        yield archive


class TestCells:
    def test_come_newest_first(self, archive: SqlHistoryQueries) -> None:
        found = archive.cells(EVERYTHING, CellOrder.RECORDED, Page(limit=3))
        assert [(row.recipe, row.opt, row.series, row.version) for row in found.rows] == [
            ("loop", "2", "clang", "0.13.0"),
            ("loop", "1", "clang", "0.13.0"),
            ("store", "2", "clang", "0.13.0"),
        ]
        assert (found.total, found.more) == (40, True)

    @pytest.mark.parametrize(
        ("filters", "count"),
        [
            (only(recipes=("store",)), 20),
            (only(recipes=("store.c", "loop.rs")), 20),
            (only(series=("zig",), opts=("2",)), 10),
            (only(verdicts=("bad",)), 2 * 2 + 2 * 2 * 2),
            (only(verdicts=("untestable",)), 2),
            (only(defects=("writeback-post",), recipes=("loop",)), 8),
            (only(defects=("pair",)), 0),
            (only(functions=("store",)), 12),
            (only(functions=("nowhere",)), 0),
            (only(targets=("aarch64",), verdicts=("good", "untestable")), 28),
            (Filters(profile="another"), 0),
        ],
    )
    @pytest.mark.parametrize("order", CellOrder)
    def test_fit_all_that_is_asked(
        self,
        archive: SqlHistoryQueries,
        filters: Filters,
        count: int,
        order: CellOrder,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        answers = []
        for much in (0.0, 2.0):  # by each of the two ways
            monkeypatch.setattr(cells, "_MUCH", much)
            answers.append(archive.cells(filters, order, ALL))
        assert answers[0] == answers[1]
        assert len(answers[0].rows) == answers[0].total == count

    @pytest.mark.parametrize("order", CellOrder)
    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("limit", [1, 7, 40])
    def test_come_in_pages_that_make_the_whole(
        self, archive: SqlHistoryQueries, order: CellOrder, reverse: bool, limit: int
    ) -> None:
        whole = archive.cells(EVERYTHING, order, Page(limit=1000, reverse=reverse)).rows
        pages = [
            archive.cells(EVERYTHING, order, Page(limit=limit, offset=offset, reverse=reverse))
            for offset in range(0, 40, limit)
        ]
        assert tuple(row for page in pages for row in page.rows) == whole
        assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]

    def test_are_sorted_along_their_lines(self, archive: SqlHistoryQueries) -> None:
        rows = archive.cells(EVERYTHING, CellOrder.RECIPE, ALL).rows
        assert [(row.recipe, row.opt, row.series, row.version) for row in rows] == [
            (recipe, opt, series, version)
            for recipe in ("loop", "store")
            for opt in ("1", "2")
            for series in ("clang", "zig")
            for version in LLVM
        ]

    @pytest.mark.parametrize("order", CellOrder)
    def test_since_a_time(self, archive: SqlHistoryQueries, order: CellOrder) -> None:
        newest = archive.cells(EVERYTHING, CellOrder.RECORDED, Page(limit=5)).rows
        since = only(since=newest[-1].recorded)
        assert set(archive.cells(since, order, ALL).rows) == set(newest)
        assert archive.cells(only(since="9999"), order, ALL).rows == ()


class TestMatrix:
    def test_has_a_block_a_series_and_a_column_a_version(self, archive: SqlHistoryQueries) -> None:
        found = archive.matrix(EVERYTHING, ALL, columns=60)
        assert [block.series for block in found.rows] == ["clang", "zig"]
        assert found.total == 8
        clang = found.rows[0]
        assert [tuple(column) for column in clang.columns] == list(LLVM.items())
        told = {
            (row.recipe, row.opt): "".join(cell.verdict[0] if cell else " " for cell in row.cells) for row in clang.rows
        }
        assert told == {
            ("loop", "1"): "bbggg",
            ("loop", "2"): "bbggg",
            ("store", "1"): "ggugb",
            ("store", "2"): "ggugb",
        }

    def test_shows_the_newest_versions_or_leaves_them_out(self, archive: SqlHistoryQueries) -> None:
        block = archive.matrix(only(series=("zig",), recipes=("loop",)), Page(limit=1), columns=2, skip=1).rows[0]
        assert [column.version for column in block.columns] == ["0.11.0", "0.12.0"]
        assert block.older == 2
        assert [cell and cell.verdict for cell in block.rows[0].cells] == ["good", "good"]

    def test_shows_the_verdict_of_the_kinds_asked_for(self, archive: SqlHistoryQueries) -> None:
        (block,) = archive.matrix(only(defects=("writeback-post",), series=("zig",)), ALL, columns=9).rows
        assert len(block.rows) == 4
        assert archive.matrix(only(defects=("pair",)), ALL, columns=9).rows == ()

    def test_comes_in_pages(self, archive: SqlHistoryQueries) -> None:
        first, second = (archive.matrix(EVERYTHING, Page(limit=6, offset=offset), columns=9) for offset in (0, 6))
        assert [sum(len(block.rows) for block in page.rows) for page in (first, second)] == [6, 2]
        assert (first.more, second.more) == (True, False)


class TestTransitions:
    def test_name_function_access_defect_and_the_llvm_on_both_sides(self, archive: SqlHistoryQueries) -> None:
        rows = archive.transitions(only(recipes=("store",), opts=("2",)), ChangeOrder.PLACE, ALL).rows
        assert [
            (row.series, row.function, row.access, row.kind, row.change, row.last_llvm, row.first_llvm, row.untestable)
            for row in rows
        ] == [
            (series, "store", "store32", "writeback-post", "introduced", "17.0.6", "18.1.6", 0)
            for series in ("clang", "zig")
        ]

    @pytest.mark.parametrize(
        ("filters", "count"),
        [
            (EVERYTHING, 8),
            (only(verdicts=("bad",)), 4),
            (only(verdicts=("good",)), 4),
            (only(verdicts=("untestable",)), 0),
            (only(defects=("writeback-post",), series=("zig",)), 4),
            (only(defects=("pair",)), 0),
            (only(since="9999"), 0),
        ],
    )
    @pytest.mark.parametrize("order", ChangeOrder)
    def test_fit_all_that_is_asked(
        self, archive: SqlHistoryQueries, filters: Filters, count: int, order: ChangeOrder
    ) -> None:
        found = archive.transitions(filters, order, ALL)
        assert len(found.rows) == found.total == count
        backwards = archive.transitions(filters, order, Page(limit=1000, reverse=True))
        assert backwards.rows == found.rows[::-1]


class TestCodeChanges:
    def test_are_those_that_changed_no_verdict_unless_all_are_wanted(self, archive: SqlHistoryQueries) -> None:
        quiet = archive.code_changes(EVERYTHING, ChangeOrder.PLACE, ALL, same_verdict=True)
        assert {
            (row.recipe, row.series, row.last_version, row.first_version, row.untestable) for row in quiet.rows
        } == {
            ("store", "zig", "0.10.0", "0.11.0", 0),
            ("store", "clang", "0.10.0", "0.12.0", 1),
        }
        every = archive.code_changes(EVERYTHING, ChangeOrder.PLACE, ALL, same_verdict=False)
        assert every.total == 4 + 8


def test_statistics_count_everything(archive: SqlHistoryQueries) -> None:
    found = archive.statistics("arm-isv")
    assert (found.outcomes, found.kinds, found.toolchains, found.recipes) == (
        40,
        (("object", 38), ("rejected", 2)),
        10,
        2,
    )
    assert (found.transitions, found.code_changes, found.objects, found.judgements) == (8, 12, 5, 5)
    assert [tuple(row) for row in found.series] == [("clang", 5, 12, 6, 2), ("zig", 5, 14, 6, 0)]
    assert found.size is not None
    assert found.size > 0


class TestSql:
    def test_gives_columns_and_rows(self, archive: SqlHistoryQueries) -> None:
        assert archive.sql("SELECT 1 AS one, 'a%b' AS text UNION SELECT 2, NULL ORDER BY 1", None, 60) == (
            ("one", "text"),
            ((1, "a%b"), (2, None)),
        )
        assert archive.sql("SELECT cell_key FROM outcomes", 3, 60)[1].__len__() == 3

    def test_may_look_at_the_schema(self, tmp_path: Path) -> None:
        with SqlHistoryQueries(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")) as archive:
            assert ("recipe",) in archive.sql("SELECT name FROM pragma_table_info('lines')", None, 60)[1]

    @pytest.mark.parametrize(
        "statement",
        ["DELETE FROM outcomes", "DROP TABLE outcomes", "UPDATE runs SET series = ''", "CREATE TABLE mine (a int)"],
    )
    def test_cannot_change_anything(self, archive: SqlHistoryQueries, statement: str) -> None:
        with pytest.raises(UsageError, match="only reads"):
            archive.sql(statement, None, 60)
        assert archive.statistics("arm-isv").outcomes == 40

    @pytest.mark.parametrize(
        "statement",
        ["ATTACH DATABASE '/tmp/other.db' AS other", "PRAGMA query_only = 0", "PRAGMA journal_mode = DELETE", "VACUUM"],
    )
    def test_cannot_change_how_sqlite_works(self, tmp_path: Path, statement: str) -> None:
        with (
            SqlHistoryQueries(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")) as archive,
            pytest.raises(UsageError, match="only reads"),
        ):
            archive.sql(statement, None, 60)

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            ("SELECT FROM WHERE", "syntax error"),
            ("SELECT missing FROM runs", "missing"),
            ("SELECT 1; SELECT 2", ""),
            ("SELECT 1; COMMIT; DELETE FROM runs", ""),
        ],
    )
    def test_says_what_is_wrong(self, archive: SqlHistoryQueries, statement: str, said: str) -> None:
        with pytest.raises(UsageError, match=said or "one statement|multiple commands"):
            archive.sql(statement, None, 60)


def test_an_empty_history_answers_everything_with_nothing(tmp_path: Path) -> None:
    with SqlHistoryQueries(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")) as archive:
        for order in CellOrder:
            assert archive.cells(EVERYTHING, order, ALL).rows == ()
        assert archive.matrix(EVERYTHING, ALL, columns=9).rows == ()
        for change_order in ChangeOrder:
            assert archive.transitions(EVERYTHING, change_order, ALL).rows == ()
        assert archive.statistics("arm-isv").outcomes == 0
