"""What questions are answered from (lines, standings, vectors, transitions …), notes, and names of runs.

The new tables but for `notes` follow from the old ones, and are filled after the last migration, see `rebuild`.
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"

_PLAIN = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    _widen_outcomes()
    _name_runs()
    _create_lines()
    _create_standings()
    _create_changes()
    _create_notes()
    if op.get_bind().dialect.name == "postgresql":
        _order_plainly()
    _create_views()


def _required(name: str, kind: TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(*columns: str, table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _reference(column: str, *, table: str, to: str, key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{key}"], name=f"fk_{table}_{column}")


def _widen_outcomes() -> None:
    op.add_column("outcomes", sa.Column("extra", sa.String(), nullable=False, server_default=""))
    op.drop_index("ix_outcomes_toolchain_digest", "outcomes")
    op.create_index("ix_outcomes_toolchain_digest", "outcomes", ["toolchain_digest", "source_digest"])
    op.create_index("ix_outcomes_kind", "outcomes", ["kind"])
    op.create_index("ix_points_series", "points", ["series", "sort_key"])


def _name_runs() -> None:
    """By what they were: the same run has the same name in every copy of the database."""
    op.add_column("runs", sa.Column("uid", sa.String(), nullable=False, server_default=""))
    runs = sa.table(
        "runs",
        sa.column("id", sa.Integer()),
        sa.column("uid", sa.String()),
        sa.column("started", sa.String()),
        sa.column("case_digest", sa.String()),
        sa.column("argv", sa.JSON()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(runs)).all():
        told = json.dumps([row.id, row.started, row.case_digest, row.argv])
        named = hashlib.sha256(told.encode()).hexdigest()[:32]
        connection.execute(sa.update(runs).where(runs.c.id == row.id).values(uid=named))
    op.create_index("ix_runs_uid", "runs", ["uid"], unique=True)


def _create_lines() -> None:
    op.create_table(
        "lines",
        _required("id", sa.Integer()),
        _required("recipe", sa.String()),
        _required("language", sa.String()),
        _required("source_digest", sa.String()),
        _required("target", sa.String()),
        _required("opt", sa.String()),
        _required("extra", sa.String()),
        _required("series", sa.String()),
        _required("profile", sa.String()),
        _required("current", sa.Boolean()),
        _key("id", table="lines"),
        sa.UniqueConstraint(
            "source_digest", "target", "opt", "extra", "series", "profile", "recipe", "language",
            name="uq_lines_source_digest",
        ),
    )  # fmt: skip
    op.create_index("ix_lines_recipe", "lines", ["recipe", "language"])
    op.create_index("ix_lines_profile", "lines", ["profile", "current"])
    op.create_table(
        "vectors",
        _required("id", sa.Integer()),
        _required("digest", sa.String()),
        _required("verdict", sa.String()),
        _required("marks", sa.Text()),
        _key("id", table="vectors"),
        sa.UniqueConstraint("digest", name="uq_vectors_digest"),
    )
    op.create_table(
        "marks",
        _required("vector_id", sa.Integer()),
        _required("function", sa.String()),
        _required("access", sa.String()),
        _required("kind", sa.String()),
        _key("vector_id", "function", "access", "kind", table="marks"),
        _reference("vector_id", table="marks", to="vectors"),
    )
    op.create_index("ix_marks_kind", "marks", ["kind"])


def _create_standings() -> None:
    op.create_table(
        "standings",
        _required("line_id", sa.Integer()),
        _required("sort_key", _PLAIN),
        _required("version", sa.String()),
        _required("vector_id", sa.Integer()),
        _required("cell_key", sa.String()),
        sa.Column("judgement_id", sa.Integer()),
        _required("recorded", sa.String()),
        _key("line_id", "sort_key", "version", table="standings"),
        _reference("line_id", table="standings", to="lines"),
        _reference("vector_id", table="standings", to="vectors"),
        _reference("cell_key", table="standings", to="outcomes", key="cell_key"),
        _reference("judgement_id", table="standings", to="judgements"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_standings_line_vector", "standings", ["line_id", "vector_id", "recorded"])
    op.create_index("ix_standings_recorded", "standings", ["recorded", "vector_id"])
    op.create_index("ix_standings_cell_key", "standings", ["cell_key"])
    op.create_table(
        "tallies",
        _required("line_id", sa.Integer()),
        _required("vector_id", sa.Integer()),
        _required("standings", sa.Integer()),
        _key("line_id", "vector_id", table="tallies"),
        _reference("line_id", table="tallies", to="lines"),
        _reference("vector_id", table="tallies", to="vectors"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tallies_vector_id", "tallies", ["vector_id"])


def _edge() -> tuple[sa.Column[Any], ...]:
    return (
        _required("first_cell", sa.String()),
        sa.Column("first_llvm", sa.String()),
        _required("llvm_key", sa.String()),
        _required("last_sort_key", _PLAIN),
        _required("last_version", sa.String()),
        _required("last_cell", sa.String()),
        sa.Column("last_llvm", sa.String()),
        _required("untestable", sa.Integer()),
        _required("noticed", sa.String()),
    )


def _create_changes() -> None:
    op.create_table(
        "transitions",
        _required("line_id", sa.Integer()),
        _required("first_sort_key", _PLAIN),
        _required("first_version", sa.String()),
        _required("function", sa.String()),
        _required("access", sa.String()),
        _required("kind", sa.String()),
        _required("change", sa.String()),
        *_edge(),
        _key("line_id", "first_sort_key", "first_version", "function", "access", "kind", table="transitions"),
        _reference("line_id", table="transitions", to="lines"),
    )
    op.create_index("ix_transitions_noticed", "transitions", ["noticed"])
    op.create_table(
        "code_changes",
        _required("line_id", sa.Integer()),
        _required("first_sort_key", _PLAIN),
        _required("first_version", sa.String()),
        _required("same_verdict", sa.Boolean()),
        *_edge(),
        _key("line_id", "first_sort_key", "first_version", table="code_changes"),
        _reference("line_id", table="code_changes", to="lines"),
    )
    op.create_index("ix_code_changes_noticed", "code_changes", ["noticed"])


def _create_notes() -> None:
    op.create_table(
        "notes",
        _required("uid", sa.String()),
        _required("recipe", sa.String()),
        _required("series", sa.String()),
        _required("target", sa.String()),
        _required("function", sa.String()),
        _required("access", sa.String()),
        _required("defect", sa.String()),
        _required("state", sa.String()),
        _required("link", sa.String()),
        _required("text", sa.Text()),
        _required("author", sa.String()),
        _required("recorded", sa.String()),
        _key("uid", table="notes"),
    )
    op.create_index("ix_notes_recipe", "notes", ["recipe"])


def _order_plainly() -> None:
    """The view of 0001 stands on the column, so it has to step aside."""
    connection = op.get_bind()
    told = connection.execute(sa.text("SELECT pg_get_viewdef('verdicts'::regclass)")).scalar_one()
    op.execute("DROP VIEW verdicts")
    op.alter_column("points", "sort_key", type_=_PLAIN, existing_nullable=False)
    op.execute(f"CREATE VIEW verdicts AS {told}")


def _create_views() -> None:
    """For people with Datasette, sqlite-utils or `history sql`: every cell as it stands, and every transition."""
    op.execute("""
        CREATE VIEW cells AS
        SELECT lines.recipe, lines.language, lines.series, standings.version, toolchains.family,
            toolchains.compiler_version, toolchains.llvm_version, lines.target, lines.opt, lines.extra, lines.profile,
            vectors.verdict, vectors.marks AS defects, outcomes.kind AS outcome, standings.recorded, outcomes.seconds,
            outcomes.object_digest, standings.cell_key, standings.sort_key
        FROM standings
        JOIN lines ON lines.id = standings.line_id AND lines.current
        JOIN vectors ON vectors.id = standings.vector_id
        JOIN outcomes ON outcomes.cell_key = standings.cell_key
        JOIN toolchains ON toolchains.digest = outcomes.toolchain_digest
    """)
    op.execute("""
        CREATE VIEW changes AS
        SELECT lines.recipe, lines.language, lines.target, lines.opt, lines.extra, lines.series, lines.profile,
            transitions.function, transitions.access, transitions.kind AS defect, transitions.change,
            transitions.last_version, transitions.first_version, transitions.last_llvm, transitions.first_llvm,
            transitions.untestable, transitions.noticed, transitions.last_cell, transitions.first_cell
        FROM transitions JOIN lines ON lines.id = transitions.line_id AND lines.current
    """)
