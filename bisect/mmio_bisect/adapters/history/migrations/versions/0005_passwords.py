"""Passwords that were typed in a command go out of runs, and out of what the watch said of errors."""

import sqlalchemy as sa
from alembic import op

from mmio_bisect.adapters.history.schema import REDACTED
from mmio_bisect.redaction import redact_document, redact_words

revision = "0005"
down_revision = "0004"

_runs = sa.table("runs", sa.column("id"), sa.column("argv", sa.JSON), sa.column("document", sa.Text))
_texts = (
    ("outcomes", ("cell_key",), ("output",)),
    ("watched", ("series", "profile"), ("state",)),
    ("ticks", ("id",), ("summary",)),
    ("notices", ("id",), ("title", "plain", "markdown")),
    ("deliveries", ("notice_id", "channel"), ("error",)),
    ("notes", ("uid",), ("link", "text")),
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # else the old text stays in the file
    changed = [_redact_runs(connection), *(_redact_texts(connection, *texts) for texts in _texts)]
    connection.info[REDACTED] = any(changed)


def _redact_runs(connection: sa.Connection) -> bool:
    changed = []
    for number, argv, document in connection.execute(sa.select(_runs)).all():
        redacted = {"argv": list(redact_words(argv)), "document": document and redact_document(document)}
        if redacted != {"argv": argv, "document": document}:
            connection.execute(sa.update(_runs).where(_runs.c.id == number).values(redacted))
            changed.append(number)
    return bool(changed)


def _redact_texts(connection: sa.Connection, name: str, key: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    table = sa.table(name, *(sa.column(column) for column in (*key, *columns)))
    wanted = sa.select(table).where(sa.or_(*(table.c[column].like("%://%") for column in columns)))
    if name == "outcomes":  # a toolchain that could not be had: all else there is what a compiler printed
        wanted = wanted.where(sa.column("kind") == "no-toolchain")
    changed = []
    for row in connection.execute(wanted).mappings().all():
        texts = {column: row[column] for column in columns if row[column] is not None}
        redacted = {column: redact_document(text) for column, text in texts.items()}
        if redacted != texts:
            there = [table.c[column] == row[column] for column in key]
            connection.execute(sa.update(table).where(*there).values(redacted))
            changed.append(row)
    return bool(changed)
