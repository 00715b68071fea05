"""The schema as code and as migrations are one; and looking into an up-to-date history costs little."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url
from sqlalchemy.schema import CreateTable

from mmio_bisect.adapters.history import migrate, schema
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database

SOURCE_ROOT = Path(__file__).parents[2] / "bisect"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "history.db"
    SqlHistory(open_history_database(f"sqlite:///{file}")).close()
    return file


def test_the_newest_revision_is_the_one_that_opening_compares_with() -> None:
    assert migrate.newest_revision() == schema.HEAD


def test_migrations_build_the_tables_that_the_stores_use(file: Path) -> None:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_every_table_can_be_made_in_postgresql() -> None:
    dialect = make_url("postgresql://").get_dialect()()
    for table in schema.metadata.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))


def test_opening_an_up_to_date_history_imports_neither_alembic_nor_the_orm(file: Path) -> None:
    program = f"""
import sys
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
SqlHistory(open_history_database("sqlite:///{file}")).close()
print([name for name in ("alembic", "mako", "sqlalchemy.orm") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE_ROOT)}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
