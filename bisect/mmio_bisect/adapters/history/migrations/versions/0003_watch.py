"""What the watch keeps: how far it has come, its ticks, and the outbox of notices."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "watched",
        _required("series", sa.String()),
        _required("profile", sa.String()),
        _required("state", sa.Text()),
        _required("updated", sa.String()),
        sa.PrimaryKeyConstraint("series", "profile", name="pk_watched"),
    )
    op.create_table(
        "ticks",
        _required("id", sa.Integer()),
        _required("started", sa.String()),
        sa.Column("finished", sa.String()),
        sa.Column("code", sa.Integer()),
        sa.Column("summary", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_ticks"),
    )
    op.create_table(
        "notices",
        _required("id", sa.Integer()),
        _required("key", sa.String()),
        _required("kind", sa.String()),
        _required("series", sa.String()),
        _required("title", sa.String()),
        _required("plain", sa.Text()),
        _required("markdown", sa.Text()),
        sa.Column("run_id", sa.Integer()),
        _required("recorded", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("key", name="uq_notices_key"),
    )
    op.create_table(
        "deliveries",
        _required("notice_id", sa.Integer()),
        _required("channel", sa.String()),
        _required("attempts", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.Column("delivered", sa.String()),
        sa.PrimaryKeyConstraint("notice_id", "channel", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name="fk_deliveries_notice_id"),
    )


def _required(name: str, kind: TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
