"""`history sql` runs one query that reads: a table of what else was tried, on both databases.

Each attack is refused by a sentence, and afterwards every row is there, no file was made, and the next query answers.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from filled_history import fill
from history_values import a_cell, an_object
from sqlalchemy import create_engine, make_url, text

from mmio_bisect.adapters.history.archive import SqlHistoryQueries
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.errors import DatabaseError, UsageError

ROOT = Path(__file__).parents[2]

ON_BOTH = {
    "two statements": "SELECT 1; DELETE FROM runs",
    "two statements, the second in a comment's guise": "SELECT 1; -- \nDELETE FROM runs",
    "an end of the transaction first": "COMMIT; DELETE FROM runs",
    "an end of the transaction between": "SELECT 1; COMMIT; DELETE FROM notes; SELECT 1",
    "a statement after nothing": "; DELETE FROM notes",
    "behind a comment": "/* SELECT */ DELETE FROM outcomes",
    "behind a line's comment": "-- SELECT\nDELETE FROM outcomes",
    "behind a comment in a comment": "/* /* */ SELECT 1 */ DELETE FROM outcomes",
    "behind parentheses": "((DELETE FROM outcomes))",
    "delete": "DELETE FROM outcomes",
    "update": "UPDATE runs SET series = ''",
    "insert": "INSERT INTO notes SELECT * FROM notes",
    "replace": "REPLACE INTO notes SELECT * FROM notes",
    "truncate": "TRUNCATE notes",
    "drop": "DROP TABLE notes",
    "drop a view": "DROP VIEW answers",
    "alter": "ALTER TABLE notes ADD COLUMN mine text",
    "create": "CREATE TABLE mine (a int)",
    "create from a query": "CREATE TABLE mine AS SELECT 1",
    "create a temporary table": "CREATE TEMPORARY TABLE mine (a int)",
    "create a trigger": "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM runs; END",
    "a query that deletes": "WITH gone AS (SELECT 1) DELETE FROM outcomes",
    "a query that deletes and returns": "WITH gone AS (DELETE FROM notes RETURNING *) SELECT * FROM gone",
    "a query that inserts and returns": "WITH made AS (INSERT INTO notes SELECT * FROM notes RETURNING *) TABLE made",
    "into a table": "SELECT * INTO mine FROM notes",
    "explain": "EXPLAIN SELECT 1",
    "explain what is then done": "EXPLAIN ANALYZE DELETE FROM outcomes",
    "explain a query that deletes": "EXPLAIN (ANALYZE) WITH gone AS (DELETE FROM notes RETURNING *) SELECT 1",
    "vacuum": "VACUUM",
    "reindex": "REINDEX",
    "analyze": "ANALYZE",
    "begin": "BEGIN",
    "savepoint": "SAVEPOINT mine",
    "nothing": "",
    "a comment": "-- SELECT 1",
}
ON_SQLITE = {
    "attach": "ATTACH DATABASE '{file}' AS other",
    "detach": "DETACH DATABASE main",
    "vacuum into": "VACUUM INTO '{file}'",
    "pragma that writes": "PRAGMA user_version = 7",
    "pragma that allows": "PRAGMA query_only = OFF",
    "pragma that reads": "PRAGMA table_info(runs)",
    "pragma as a table": "SELECT * FROM pragma_user_version(7)",
    "schema": "UPDATE sqlite_master SET sql = ''",
    "an extension": "SELECT load_extension('{file}')",
    "an extension behind a name": "SELECT \"load_extension\"('{file}', 'entry')",
    "a virtual table": "CREATE VIRTUAL TABLE mine USING fts5(a)",
    "pages": "INSERT INTO sqlite_dbpage VALUES (1, x'00')",
    "a giant value": "SELECT hex(zeroblob(500000000))",
    "values": "SELECT length(replace(hex(zeroblob(30000000)), '0', 'aaaaaaaaaa'))",
}
ON_POSTGRESQL = {
    "copy to a program": "COPY (SELECT 1) TO PROGRAM 'touch {file}'",
    "copy to a file": "COPY runs TO '{file}'",
    "copy to us": "COPY runs TO STDOUT",
    "copy from": "COPY notes FROM '/etc/passwd'",
    "copy behind a query": "SELECT 1; COPY (SELECT 1) TO PROGRAM 'touch {file}'",
    "copy behind a query that ends the transaction": "SELECT 1; COMMIT; COPY (SELECT 1) TO PROGRAM 'touch {file}'",
    "copy in a query": "WITH x AS (COPY (SELECT 1) TO PROGRAM 'touch {file}') SELECT 1",
    "call": "CALL mine()",
    "do": "DO $$ BEGIN PERFORM 1; END $$",
    "execute": "EXECUTE mine",
    "prepare": "PREPARE mine AS SELECT 1",
    "declare": "DECLARE mine CURSOR FOR SELECT 1",
    "listen": "LISTEN mine",
    "notify": "NOTIFY mine",
    "lock": "LOCK TABLE runs",
    "for update": "SELECT * FROM runs FOR UPDATE",
    "for share": "SELECT * FROM notes FOR KEY SHARE",
    "set": "SET TRANSACTION READ WRITE",
    "set by a function": "SELECT set_config('transaction_read_only', 'off', true)",
    "reset": "RESET ALL",
    "a role": "SET ROLE postgres",
    "an extension": "CREATE EXTENSION dblink",
    "a function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a sequence": "SELECT nextval(pg_get_serial_sequence('runs', 'id'))",
    "a security label": "SECURITY LABEL ON TABLE runs IS 'x'",
    "merge": "MERGE INTO notes USING notes AS n ON false WHEN MATCHED THEN DELETE",
    "import": "IMPORT FOREIGN SCHEMA public FROM SERVER s INTO public",
}


def endless(query: str) -> str:
    """A query of `n`, whose column `x` counts from 1 on."""
    return f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) {query}"  # noqa: S608 - the table's own


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlHistoryQueries]:
    yield from filled(f"sqlite:///{tmp_path_factory.mktemp('history') / 'history.db'}")


@pytest.fixture(scope="module")
def postgres_archive(request: pytest.FixtureRequest) -> Iterator[SqlHistoryQueries]:
    yield from filled(request.getfixturevalue("postgresql")())


def filled(url: str) -> Iterator[SqlHistoryQueries]:
    with SqlHistory(open_history_database(url)) as history:
        fill(history)
    with SqlHistoryQueries(open_history_database(url)) as archive:
        yield archive


def refused(archive: SqlHistoryQueries, attack: str, file: Path) -> None:
    with pytest.raises(UsageError) as said:
        archive.sql(attack.replace("{file}", str(file)), None, 20)
    assert "history sql" in str(said.value) or "The database does not take that SQL" in str(said.value)
    assert not file.exists()
    assert archive.statistics("arm-isv").outcomes == 40
    assert archive.sql("SELECT count(*) FROM outcomes", None, 20)[1] == ((40,),)


@pytest.mark.parametrize("attack", [*ON_BOTH.values(), *ON_SQLITE.values()], ids=[*ON_BOTH, *ON_SQLITE])
def test_sqlite_refuses(sqlite: SqlHistoryQueries, attack: str, tmp_path: Path) -> None:
    refused(sqlite, attack, tmp_path / "made")


@pytest.mark.postgresql
@pytest.mark.parametrize("attack", [*ON_BOTH.values(), *ON_POSTGRESQL.values()], ids=[*ON_BOTH, *ON_POSTGRESQL])
def test_postgresql_refuses(postgres_archive: SqlHistoryQueries, attack: str, tmp_path: Path) -> None:
    """The role is the server's superuser, which may do all of this."""
    tmp_path.chmod(0o777)
    refused(postgres_archive, attack, tmp_path / "made")


@pytest.mark.postgresql
def test_what_a_function_made_is_undone(postgres_archive: SqlHistoryQueries) -> None:
    """Where it is not refused: PostgreSQL before 16 lets a read-only transaction make large objects."""
    with suppress(UsageError):
        postgres_archive.sql("SELECT lo_from_bytea(0, 'x')", None, 20)
    assert postgres_archive.sql("SELECT count(*) FROM pg_largeobject_metadata", None, 20)[1] == ((0,),)


@pytest.mark.postgresql
def test_the_role_of_the_readme_reads_the_history_and_nothing_else(
    postgresql: Callable[[], str], tmp_path: Path
) -> None:
    owner = make_url(postgresql())
    (statements,) = re.findall(r"```sql\n(.*?CREATE ROLE.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    engine = create_engine(owner)
    with engine.begin() as connection:
        connection.execute(text(statements.replace("DATABASE mmio ", f"DATABASE {owner.database} ")))
    engine.dispose()
    reader = owner.set(username="mmio_reader").render_as_string(hide_password=False)
    with SqlHistoryQueries(open_history_database(reader)) as archive:
        assert archive.statistics("arm-isv").outcomes == 0
        assert archive.sql("SELECT count(*) FROM outcomes", None, 20)[1] == ((0,),)
        for attack in (
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT pg_ls_dir('/')",
            f"SELECT lo_export(1, '{tmp_path / 'made'}')",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
            "SELECT set_config('role', (SELECT rolname FROM pg_roles WHERE rolsuper LIMIT 1), true)",
            "SELECT * FROM pg_authid",
        ):
            with pytest.raises(UsageError, match=r"permission denied|must be"):
                archive.sql(attack, None, 20)
    with SqlHistory(open_history_database(reader)) as history, pytest.raises(DatabaseError, match=r"read-only|denied"):
        history.record([(a_cell(), an_object())])


@pytest.fixture(params=["sqlite", pytest.param("postgres_archive", marks=pytest.mark.postgresql)])
def archive(request: pytest.FixtureRequest) -> SqlHistoryQueries:
    found: SqlHistoryQueries = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "select 1;",
        "  -- first\n /* and */ SELECT 1",
        "VALUES (1), (1)",
        "WITH one AS (SELECT 1 AS n) SELECT n FROM one",
        endless("SELECT 1 FROM n WHERE x = 5 LIMIT 1"),
        "SELECT 1 WHERE 'a; DELETE FROM runs' LIKE '%; %'",
    ],
)
def test_a_query_is_answered(archive: SqlHistoryQueries, query: str) -> None:
    assert archive.sql(query, 1, 20)[1] == ((1,),)


@pytest.mark.postgresql
def test_table_is_a_query_of_postgresqls(postgres_archive: SqlHistoryQueries) -> None:
    assert len(postgres_archive.sql("TABLE outcomes", None, 20)[1]) == 40


@pytest.mark.parametrize(
    "query",
    [
        endless("SELECT count(*) FROM n"),
        endless("SELECT x FROM n WHERE x < 0"),
        endless("SELECT x FROM n ORDER BY 1"),
    ],
)
def test_what_takes_for_ever_is_ended(archive: SqlHistoryQueries, query: str) -> None:
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"took longer than 0\.5 s and was ended"):
        archive.sql(query, None, 0.5)
    assert time.monotonic() - begun < 10
    assert archive.sql("SELECT count(*) FROM outcomes", None, 20)[1] == ((40,),)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "query",
    [
        "SELECT pg_sleep(1000)",
        "SELECT set_config('statement_timeout', '0', true), pg_sleep(1000)",
        "SELECT set_config('statement_timeout','0',true) FROM generate_series(1,5) UNION ALL SELECT pg_sleep(99)::text",
    ],
)
def test_the_time_limit_cannot_be_lifted_by_the_query(postgres_archive: SqlHistoryQueries, query: str) -> None:
    with pytest.raises(UsageError, match="took longer"):
        postgres_archive.sql(query, None, 0.5)


def test_an_endless_result_is_ended_before_it_fills_the_memory(archive: SqlHistoryQueries) -> None:
    with pytest.raises(UsageError, match="The result is larger than 256 MiB"):
        archive.sql(endless("SELECT x, replace('aaaaaaaaaa', 'a', '" + "a" * 5_000 + "') FROM n"), None, 60)


def test_so_many_rows_as_are_asked_for_are_taken_of_an_endless_result(archive: SqlHistoryQueries) -> None:
    rows = archive.sql(endless("SELECT x FROM n"), 2500, 60)[1]
    assert rows == tuple((number,) for number in range(1, 2501))
