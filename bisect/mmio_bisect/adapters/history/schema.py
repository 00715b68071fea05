"""The tables of the history as this version of the tool reads and writes them.

`migrations` builds them, step by step, in databases that exist; a test holds the two against each other. What a digest
names is written once and never changed; only `points` and `runs` are brought up to date.

Times are UTC, ISO 8601, as text of one length: SQLite has no type for them, the plain order of such text is the order
of time, and every database and every reader understands it.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

# Revisions this version knows, oldest first. Kept here so that opening an up-to-date database imports no alembic.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]
REVISION_TABLE = "alembic_version"
REDACTED = "mmio_bisect_redacted"
"""What revision 0005 leaves in a connection's `info` where it took passwords out."""

# Named constraints can be dropped by a later migration in every database.
NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
metadata = MetaData(naming_convention=NAMING)

# PostgreSQL orders text as some language does, unless one says otherwise; sort keys are made for their plain order.
PLAIN = String().with_variant(String(collation="C"), "postgresql")


def required(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], *rest: ForeignKey) -> Column[Any]:
    return Column(name, kind, *rest, nullable=False)


toolchains = Table(
    "toolchains",
    metadata,
    Column("digest", String, primary_key=True),
    required("family", String),
    required("tool", JSON),
    required("arguments", JSON),
    required("version_text", Text),
    required("compiler_version", String),
    Column("llvm_version", String),
    Column("commit", String),
    Column("released", Date),
)

# A point may become several toolchains: a wheel an architecture of host, or a source that moved. The one remembered
# last is what the point means now; the others keep their outcomes readable.
points = Table(
    "points",
    metadata,
    Column("series", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("toolchain_digest", String, ForeignKey("toolchains.digest"), primary_key=True, index=True),
    required("sort_key", PLAIN),
    required("remembered", String),
    Index("ix_points_series", "series", "sort_key"),
)

cases = Table(
    "cases",
    metadata,
    Column("digest", String, primary_key=True),
    required("source_digest", String),
    required("expectation_digest", String),
    required("recipe", String),
    required("language", String),
    required("text", LargeBinary),
    Index("ix_cases_source_digest", "source_digest", "expectation_digest"),
    Index("ix_cases_recipe", "recipe"),
)

objects = Table(
    "objects",
    metadata,
    Column("digest", String, primary_key=True),
    required("size", Integer),
    required("data", LargeBinary),  # deflated by zlib; `size` is before that
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("cell_key", String, primary_key=True),
    required("source_digest", String),
    required("case_digest", String, ForeignKey("cases.digest")),  # the text it was first compiled from
    required("toolchain_digest", String, ForeignKey("toolchains.digest")),
    required("target", String),
    required("triple", String),
    required("opt", String),
    required("flags", JSON),
    required("extra", String),  # flags beyond the case's own, as a shell would read them
    required("kind", String),
    Column("object_digest", String, ForeignKey("objects.digest")),
    required("argv", JSON),
    required("sandbox", String),
    required("status", Integer),
    required("output", Text),
    required("seconds", Float),
    required("recorded", String),
    Index("ix_outcomes_source_digest", "source_digest"),
    Index("ix_outcomes_case_digest", "case_digest"),
    Index("ix_outcomes_toolchain_digest", "toolchain_digest", "source_digest"),
    Index("ix_outcomes_object_digest", "object_digest"),
    Index("ix_outcomes_recorded", "recorded"),
    Index("ix_outcomes_kind", "kind"),
)

# What the compiler printed of its instructions, where it was asked.
words = Table(
    "words",
    metadata,
    Column("cell_key", String, ForeignKey("outcomes.cell_key"), primary_key=True),
    required("data", LargeBinary),  # UTF-8, deflated by zlib
)

judgements = Table(
    "judgements",
    metadata,
    Column("id", Integer, primary_key=True),
    required("object_digest", String, ForeignKey("objects.digest")),
    required("expectation_digest", String),
    required("profile", String),
    required("rules", Integer),
    required("verdict", String),
    Column("fingerprint", String),
    Column("reason", Text),
    required("recorded", String),
    UniqueConstraint("object_digest", "expectation_digest", "profile", "rules", name="uq_judgements_object_digest"),
)

judged_functions = Table(
    "judged_functions",
    metadata,
    Column("judgement_id", Integer, ForeignKey("judgements.id"), primary_key=True),
    Column("function_ordinal", Integer, primary_key=True),
    required("function", String),
    required("listing", JSON),  # [code, position, encoding in hexadecimal, text] a line: for people, not for queries
    Column("witness", String),  # by what its accesses are known; before revision 6 always by the data flow
)


def _of_function(table: str) -> tuple[Column[int] | ForeignKeyConstraint, ...]:
    """The columns by which a row belongs to one judged function, in order."""
    return (
        Column("judgement_id", Integer, primary_key=True),
        Column("function_ordinal", Integer, primary_key=True),
        Column("ordinal", Integer, primary_key=True),
        ForeignKeyConstraint(
            ["judgement_id", "function_ordinal"],
            ["judged_functions.judgement_id", "judged_functions.function_ordinal"],
            name=f"fk_{table}_judgement_id",
        ),
    )


defects = Table(
    "defects",
    metadata,
    *_of_function("defects"),
    required("function", String),
    Column("access", String),
    required("kind", String),
    Column("code", String),
    Column("position", Integer),
    Column("instruction", Text),
    required("why", Text),
)

accesses = Table(
    "accesses",
    metadata,
    *_of_function("accesses"),
    required("function", String),
    required("code", String),
    required("position", Integer),
    required("encoding", String),  # hexadecimal, as the bytes lie in memory
    required("instruction", Text),
    required("form", String),
    required("directions", JSON),
    Column("element_width", Integer),
    required("elements", Integer),
    Column("width", Integer),  # follows from the two before; kept for queries
    required("addressing", String),
    required("register_class", String),
    required("registers", JSON),
    required("syndrome_valid", Boolean),
    required("sign_extends", Boolean),
    required("ordered", Boolean),
    required("why", Text),
    Column("label", String),
    Column("window_offset", String),  # decimal: an address of 64 bits unsigned fits in no database's integer
    required("fulfils", JSON),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    required("uid", String),  # the same on every machine that a history is merged into
    required("command", String),
    required("recipe", String),
    required("case_digest", String, ForeignKey("cases.digest")),
    required("language", String),
    required("series", String),
    required("first", String),
    required("last", String),
    required("profile", String),
    required("argv", JSON),
    required("started", String),
    Column("finished", String),
    Column("toolchains_fetched", Integer),
    Column("cells_compiled", Integer),
    Column("document", Text),
    Index("ix_runs_uid", "uid", unique=True),
)

run_probes = Table(
    "run_probes",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    required("series", String),
    required("version", String),
    required("cell_key", String, ForeignKey("outcomes.cell_key")),
    required("verdict", String),
    required("from_history", Boolean),
    required("seconds", Float),
    Index("ix_run_probes_cell_key", "cell_key"),
)

# What people say of a regression. Empty columns match everything: a note on a recipe and defect is of all its series.
notes = Table(
    "notes",
    metadata,
    Column("uid", String, primary_key=True),
    required("recipe", String),
    required("series", String),
    required("target", String),
    required("function", String),
    required("access", String),
    required("defect", String),
    required("state", String),
    required("link", String),
    required("text", Text),
    required("author", String),
    required("recorded", String),
    Index("ix_notes_recipe", "recipe"),
)

# How far the watch has come with each series, and what it knows of it (`outbox`).
watched = Table(
    "watched",
    metadata,
    Column("series", String, primary_key=True),
    Column("profile", String, primary_key=True),
    required("state", Text),
    required("updated", String),
)

ticks = Table(
    "ticks",
    metadata,
    Column("id", Integer, primary_key=True),
    required("started", String),
    Column("finished", String),
    Column("code", Integer),
    Column("summary", Text),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    required("key", String),
    required("kind", String),
    required("series", String),
    required("title", String),
    required("plain", Text),
    required("markdown", Text),
    Column("run_id", Integer),
    required("recorded", String),
    UniqueConstraint("key", name="uq_notices_key"),
)

# One for each notice and channel; `delivered` says when it was handed over.
deliveries = Table(
    "deliveries",
    metadata,
    Column("notice_id", Integer, ForeignKey("notices.id"), primary_key=True),
    Column("channel", String, primary_key=True),
    required("attempts", Integer),
    Column("error", Text),
    Column("delivered", String),
)
