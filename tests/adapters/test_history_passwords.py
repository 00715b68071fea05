"""Passwords that an older version kept go out of a history that is opened, out of its file, and out of imports."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from history_values import a_case, a_cell, a_head, a_point, an_object
from sqlalchemy import create_engine, text

from mmio_bisect.adapters.history import migrate, schema, transfer
from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.history.upkeep import SqlUpkeep
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import Cost, RunHead
from mmio_bisect.workflow.history.history_queries import NoteRow
from mmio_bisect.workflow.probing.compile import outcome_without
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import Notice, NoticeKind

URL = "postgresql+psycopg://me:canary word@host/db?x=1&sslpassword=canary2"
MIRROR = "https://canary3@mirror/dist?token=canary4 is refused"
ARGV = ("mmio-bisect", "run", "--database", URL)
SHOWN = ["mmio-bisect", "run", "--database", "postgresql+psycopg://me:***@host/db?x=1&sslpassword=***"]
ERROR = "https://***@mirror/dist?token=*** is refused"
DOCUMENT = json.dumps({"run": 1, "answers": [], "argv": ARGV}, ensure_ascii=False, indent=2) + "\n"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.db'}"
    make: Callable[[], str] = request.getfixturevalue("postgresql")
    return make()


def head(*argv: str) -> RunHead:
    return a_head(case=a_case(), series="zig", first=a_point("1"), last=a_point(), profile="arm-isv", argv=argv)


def fill(url: str) -> None:
    """As the version before wrote it: through the stores of today, which write what they are given, and then dated."""
    with SqlHistory(open_history_database(url)) as history:
        history.record([(a_cell(), an_object()), (a_cell(opt=OptLevel.O3), outcome_without(MIRROR))])
        for _ in range(60):
            run = history.begin_run(head(*ARGV))
            history.finish_run(run, Cost(cells_compiled=1), DOCUMENT.replace("1,", f"{run},", 1))
    with SqlOutbox(open_history_database(url)) as outbox:
        state = SeriesState(newest=MIRROR)
        notice = Notice(key="k", kind=NoticeKind.TROUBLE, series="zig", title=MIRROR, plain=MIRROR, markdown=MIRROR)
        outbox.keep("zig", "arm-isv", state, [notice], ["mail"])
        outbox.failed("k", "mail", MIRROR)
        outbox.finish_tick(outbox.begin_tick(), 17, json.dumps({"series": [{"error": MIRROR}]}))
    with SqlUpkeep(open_history_database(url)) as upkeep:
        about = {"recipe": a_case().recipe, "series": "", "target": "", "function": "", "access": "", "defect": ""}
        upkeep.note(NoteRow(uid="u", **about, state="", link=MIRROR, text=MIRROR, author="me", recorded="2026"))
    engine = create_engine(url)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA secure_delete = OFF"))  # as SQLite's own default is; Debian's is not
        connection.execute(text("DELETE FROM runs WHERE id > 40"))  # which leaves their text in pages that are free
        connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    engine.dispose()


def undo_later_revisions(url: str) -> None:
    """What came after the one that takes passwords out is not there yet."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE words"))
        connection.execute(text("ALTER TABLE judged_functions DROP COLUMN witness"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    engine.dispose()


def every_text(url: str) -> str:
    """All rows of all tables."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [repr(row) for table in schema.metadata.sorted_tables for row in connection.execute(table.select())]
    engine.dispose()
    return "\n".join(found)


def test_opening_takes_them_out_of_every_row_and_out_of_the_file(url: str, tmp_path: Path) -> None:
    fill(url)
    assert every_text(url).count("canary") > 80
    undo_later_revisions(url)
    with SqlHistory(open_history_database(url)) as history:
        runs = history.runs(limit=100)
        assert {tuple(run.argv) for run in runs} == {tuple(SHOWN)}
        shown = json.loads(DOCUMENT) | {"argv": SHOWN}
        for run in runs:
            assert run.document == json.dumps(shown | {"run": run.id}, ensure_ascii=False, indent=2) + "\n"
    with SqlOutbox(open_history_database(url)) as outbox:
        (waiting,) = outbox.pending()
        assert (waiting.notice.title, waiting.notice.markdown, waiting.error) == (ERROR, ERROR, ERROR)
        assert json.loads(outbox.ticks(limit=1)[0].summary or "") == {"series": [{"error": ERROR}]}
    assert "canary" not in every_text(url)
    for file in tmp_path.glob("history.db*"):
        assert b"canary" not in file.read_bytes(), file


def test_a_history_without_one_keeps_every_letter(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    with SqlHistory(open_history_database(f"sqlite:///{file}")) as history:
        run = history.begin_run(head("run", "a"))
        history.finish_run(run, Cost(), '{"argv": ["run", "a"],   "answers": []}')
    before = every_text(f"sqlite:///{file}")
    undo_later_revisions(f"sqlite:///{file}")
    SqlHistory(open_history_database(f"sqlite:///{file}")).close()
    assert every_text(f"sqlite:///{file}") == before


def test_an_export_of_an_older_version_is_taken_in_without_them_and_once(url: str, tmp_path: Path) -> None:
    fill(url)
    lines = raw_export(url)
    assert "canary" in "".join(lines)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with SqlUpkeep(open_history_database(other)) as upkeep:
        assert upkeep.take_in(lines).new["runs"] == 40
        again = upkeep.take_in(lines)
        assert again.new == {}
        assert "canary" not in "".join(upkeep.export())
    assert b"canary" not in (tmp_path / "other.db").read_bytes()


def raw_export(url: str) -> list[str]:
    """What the version before would have written."""
    engine = create_engine(url)
    with engine.connect() as connection:
        lines = list(transfer.export(connection))
    engine.dispose()
    return [lines[0].replace(f'"version":{schema.HEAD[-1]}', '"version":4'), *lines[1:]]


def test_the_revision_is_what_does_it(tmp_path: Path) -> None:
    """Not what opening does besides: alembic alone, in a transaction of its own."""
    url = f"sqlite:///{tmp_path / 'history.db'}"
    fill(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
    engine.dispose()
    assert "canary" not in every_text(url)
