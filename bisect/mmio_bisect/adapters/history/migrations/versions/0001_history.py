"""The first schema: toolchains, cases, objects, outcomes, judgements, runs, and the view `verdicts` for people."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_what_is_compiled()
    _create_outcomes()
    _create_judgements()
    _create_runs()
    _create_verdicts()


def _required(name: str, kind: TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _key(*columns: str, table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _reference(*columns: str, table: str, to: str, key: tuple[str, ...]) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(columns, [f"{to}.{column}" for column in key], name=f"fk_{table}_{columns[0]}")


def _create_what_is_compiled() -> None:
    op.create_table(
        "toolchains",
        _required("digest", sa.String()),
        _required("family", sa.String()),
        _required("tool", sa.JSON()),
        _required("arguments", sa.JSON()),
        _required("version_text", sa.Text()),
        _required("compiler_version", sa.String()),
        sa.Column("llvm_version", sa.String()),
        sa.Column("commit", sa.String()),
        sa.Column("released", sa.Date()),
        _key("digest", table="toolchains"),
    )
    op.create_table(
        "points",
        _required("series", sa.String()),
        _required("version", sa.String()),
        _required("toolchain_digest", sa.String()),
        _required("sort_key", sa.String()),
        _required("remembered", sa.String()),
        _key("series", "version", "toolchain_digest", table="points"),
        _reference("toolchain_digest", table="points", to="toolchains", key=("digest",)),
    )
    op.create_index("ix_points_toolchain_digest", "points", ["toolchain_digest"])
    op.create_table(
        "cases",
        _required("digest", sa.String()),
        _required("source_digest", sa.String()),
        _required("expectation_digest", sa.String()),
        _required("recipe", sa.String()),
        _required("language", sa.String()),
        _required("text", sa.LargeBinary()),
        _key("digest", table="cases"),
    )
    op.create_index("ix_cases_source_digest", "cases", ["source_digest", "expectation_digest"])
    op.create_index("ix_cases_recipe", "cases", ["recipe"])


def _create_outcomes() -> None:
    op.create_table(
        "objects",
        _required("digest", sa.String()),
        _required("size", sa.Integer()),
        _required("data", sa.LargeBinary()),
        _key("digest", table="objects"),
    )
    op.create_table(
        "outcomes",
        _required("cell_key", sa.String()),
        _required("source_digest", sa.String()),
        _required("case_digest", sa.String()),
        _required("toolchain_digest", sa.String()),
        _required("target", sa.String()),
        _required("triple", sa.String()),
        _required("opt", sa.String()),
        _required("flags", sa.JSON()),
        _required("kind", sa.String()),
        sa.Column("object_digest", sa.String()),
        _required("argv", sa.JSON()),
        _required("sandbox", sa.String()),
        _required("status", sa.Integer()),
        _required("output", sa.Text()),
        _required("seconds", sa.Float()),
        _required("recorded", sa.String()),
        _key("cell_key", table="outcomes"),
        _reference("case_digest", table="outcomes", to="cases", key=("digest",)),
        _reference("toolchain_digest", table="outcomes", to="toolchains", key=("digest",)),
        _reference("object_digest", table="outcomes", to="objects", key=("digest",)),
    )
    for column in ("source_digest", "case_digest", "toolchain_digest", "object_digest", "recorded"):
        op.create_index(f"ix_outcomes_{column}", "outcomes", [column])


def _create_judgements() -> None:
    op.create_table(
        "judgements",
        _required("id", sa.Integer()),
        _required("object_digest", sa.String()),
        _required("expectation_digest", sa.String()),
        _required("profile", sa.String()),
        _required("rules", sa.Integer()),
        _required("verdict", sa.String()),
        sa.Column("fingerprint", sa.String()),
        sa.Column("reason", sa.Text()),
        _required("recorded", sa.String()),
        _key("id", table="judgements"),
        _reference("object_digest", table="judgements", to="objects", key=("digest",)),
        sa.UniqueConstraint(
            "object_digest", "expectation_digest", "profile", "rules", name="uq_judgements_object_digest"
        ),
    )
    op.create_table(
        "judged_functions",
        _required("judgement_id", sa.Integer()),
        _required("function_ordinal", sa.Integer()),
        _required("function", sa.String()),
        _required("listing", sa.JSON()),
        _key("judgement_id", "function_ordinal", table="judged_functions"),
        _reference("judgement_id", table="judged_functions", to="judgements", key=("id",)),
    )
    op.create_table(
        "defects",
        *_of_function("defects"),
        _required("function", sa.String()),
        sa.Column("access", sa.String()),
        _required("kind", sa.String()),
        sa.Column("code", sa.String()),
        sa.Column("position", sa.Integer()),
        sa.Column("instruction", sa.Text()),
        _required("why", sa.Text()),
    )
    op.create_table(
        "accesses",
        *_of_function("accesses"),
        _required("function", sa.String()),
        _required("code", sa.String()),
        _required("position", sa.Integer()),
        _required("encoding", sa.String()),
        _required("instruction", sa.Text()),
        _required("form", sa.String()),
        _required("directions", sa.JSON()),
        sa.Column("element_width", sa.Integer()),
        _required("elements", sa.Integer()),
        sa.Column("width", sa.Integer()),
        _required("addressing", sa.String()),
        _required("register_class", sa.String()),
        _required("registers", sa.JSON()),
        _required("syndrome_valid", sa.Boolean()),
        _required("sign_extends", sa.Boolean()),
        _required("ordered", sa.Boolean()),
        _required("why", sa.Text()),
        sa.Column("label", sa.String()),
        sa.Column("window_offset", sa.String()),
        _required("fulfils", sa.JSON()),
    )


def _of_function(table: str) -> tuple[sa.Column[Any] | sa.Constraint, ...]:
    key = ("judgement_id", "function_ordinal")
    return (
        _required("judgement_id", sa.Integer()),
        _required("function_ordinal", sa.Integer()),
        _required("ordinal", sa.Integer()),
        _key(*key, "ordinal", table=table),
        _reference(*key, table=table, to="judged_functions", key=key),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        _required("id", sa.Integer()),
        _required("command", sa.String()),
        _required("recipe", sa.String()),
        _required("case_digest", sa.String()),
        _required("language", sa.String()),
        _required("series", sa.String()),
        _required("first", sa.String()),
        _required("last", sa.String()),
        _required("profile", sa.String()),
        _required("argv", sa.JSON()),
        _required("started", sa.String()),
        sa.Column("finished", sa.String()),
        sa.Column("toolchains_fetched", sa.Integer()),
        sa.Column("cells_compiled", sa.Integer()),
        sa.Column("document", sa.Text()),
        _key("id", table="runs"),
        _reference("case_digest", table="runs", to="cases", key=("digest",)),
    )
    op.create_table(
        "run_probes",
        _required("run_id", sa.Integer()),
        _required("ordinal", sa.Integer()),
        _required("series", sa.String()),
        _required("version", sa.String()),
        _required("cell_key", sa.String()),
        _required("verdict", sa.String()),
        _required("from_history", sa.Boolean()),
        _required("seconds", sa.Float()),
        _key("run_id", "ordinal", table="run_probes"),
        _reference("run_id", table="run_probes", to="runs", key=("id",)),
        _reference("cell_key", table="run_probes", to="outcomes", key=("cell_key",)),
    )
    op.create_index("ix_run_probes_cell_key", "run_probes", ["cell_key"])
    op.create_table(
        "answers",
        _required("run_id", sa.Integer()),
        _required("ordinal", sa.Integer()),
        _required("target", sa.String()),
        _required("opt", sa.String()),
        _required("kind", sa.String()),
        sa.Column("change", sa.String()),
        sa.Column("last", sa.String()),
        sa.Column("first", sa.String()),
        _required("suspects", sa.JSON()),
        sa.Column("verdict", sa.String()),
        sa.Column("unprobed", sa.Integer()),
        _required("witnesses", sa.JSON()),
        _key("run_id", "ordinal", table="answers"),
        _reference("run_id", table="answers", to="runs", key=("id",)),
    )


def _create_verdicts() -> None:
    """One row a compiled cell, point of its toolchain and judgement; cells without an object are untestable.

    A case that was corrected in its `mmio:` lines has several texts for one outcome, each with its own expectation: a
    judgement belongs to those of its expectation, whence DISTINCT.
    """
    joined = "group_concat(kind, ',')" if op.get_bind().dialect.name == "sqlite" else "string_agg(kind, ',')"
    op.execute(f"""
        CREATE VIEW verdicts AS
        SELECT DISTINCT
            cases.recipe, cases.language, points.series, points.version, points.sort_key,
            toolchains.compiler_version, toolchains.llvm_version, outcomes.target, outcomes.opt, outcomes.kind,
            CASE WHEN outcomes.object_digest IS NULL THEN 'untestable' ELSE judgements.verdict END AS verdict,
            judgements.profile, judgements.rules,
            (SELECT {joined} FROM
                (SELECT DISTINCT kind FROM defects WHERE judgement_id = judgements.id ORDER BY kind) AS kinds
            ) AS defect_kinds,
            outcomes.cell_key
        FROM outcomes
        JOIN cases ON cases.source_digest = outcomes.source_digest
        JOIN toolchains ON toolchains.digest = outcomes.toolchain_digest
        LEFT JOIN points ON points.toolchain_digest = outcomes.toolchain_digest
        LEFT JOIN judgements ON judgements.object_digest = outcomes.object_digest
            AND judgements.expectation_digest = cases.expectation_digest
        WHERE outcomes.object_digest IS NULL OR judgements.id IS NOT NULL
    """)  # noqa: S608 - the varying part is one of two constants
