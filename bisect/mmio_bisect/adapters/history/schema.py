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
REVISIONS = ("0001",)
HEAD = REVISIONS[-1]
REVISION_TABLE = "alembic_version"

# Named constraints can be dropped by a later migration in every database.
NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
metadata = MetaData(naming_convention=NAMING)


def _required(name: str, kind: type[TypeEngine[Any]], *rest: ForeignKey) -> Column[Any]:
    return Column(name, kind, *rest, nullable=False)


toolchains = Table(
    "toolchains",
    metadata,
    Column("digest", String, primary_key=True),
    _required("family", String),
    _required("tool", JSON),
    _required("arguments", JSON),
    _required("version_text", Text),
    _required("compiler_version", String),
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
    _required("sort_key", String),
    _required("remembered", String),
)

cases = Table(
    "cases",
    metadata,
    Column("digest", String, primary_key=True),
    _required("source_digest", String),
    _required("expectation_digest", String),
    _required("recipe", String),
    _required("language", String),
    _required("text", LargeBinary),
    Index("ix_cases_source_digest", "source_digest", "expectation_digest"),
    Index("ix_cases_recipe", "recipe"),
)

objects = Table(
    "objects",
    metadata,
    Column("digest", String, primary_key=True),
    _required("size", Integer),
    _required("data", LargeBinary),  # deflated by zlib; `size` is before that
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("cell_key", String, primary_key=True),
    _required("source_digest", String),
    _required("case_digest", String, ForeignKey("cases.digest")),  # the text it was first compiled from
    _required("toolchain_digest", String, ForeignKey("toolchains.digest")),
    _required("target", String),
    _required("triple", String),
    _required("opt", String),
    _required("flags", JSON),
    _required("kind", String),
    Column("object_digest", String, ForeignKey("objects.digest")),
    _required("argv", JSON),
    _required("sandbox", String),
    _required("status", Integer),
    _required("output", Text),
    _required("seconds", Float),
    _required("recorded", String),
    Index("ix_outcomes_source_digest", "source_digest"),
    Index("ix_outcomes_case_digest", "case_digest"),
    Index("ix_outcomes_toolchain_digest", "toolchain_digest"),
    Index("ix_outcomes_object_digest", "object_digest"),
    Index("ix_outcomes_recorded", "recorded"),
)

judgements = Table(
    "judgements",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("object_digest", String, ForeignKey("objects.digest")),
    _required("expectation_digest", String),
    _required("profile", String),
    _required("rules", Integer),
    _required("verdict", String),
    Column("fingerprint", String),
    Column("reason", Text),
    _required("recorded", String),
    UniqueConstraint("object_digest", "expectation_digest", "profile", "rules", name="uq_judgements_object_digest"),
)

judged_functions = Table(
    "judged_functions",
    metadata,
    Column("judgement_id", Integer, ForeignKey("judgements.id"), primary_key=True),
    Column("function_ordinal", Integer, primary_key=True),
    _required("function", String),
    _required("listing", JSON),  # [code, position, encoding in hexadecimal, text] a line: for people, not for queries
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
    _required("function", String),
    Column("access", String),
    _required("kind", String),
    Column("code", String),
    Column("position", Integer),
    Column("instruction", Text),
    _required("why", Text),
)

accesses = Table(
    "accesses",
    metadata,
    *_of_function("accesses"),
    _required("function", String),
    _required("code", String),
    _required("position", Integer),
    _required("encoding", String),  # hexadecimal, as the bytes lie in memory
    _required("instruction", Text),
    _required("form", String),
    _required("directions", JSON),
    Column("element_width", Integer),
    _required("elements", Integer),
    Column("width", Integer),  # follows from the two before; kept for queries
    _required("addressing", String),
    _required("register_class", String),
    _required("registers", JSON),
    _required("syndrome_valid", Boolean),
    _required("sign_extends", Boolean),
    _required("ordered", Boolean),
    _required("why", Text),
    Column("label", String),
    Column("window_offset", String),  # decimal: an address of 64 bits unsigned fits in no database's integer
    _required("fulfils", JSON),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    _required("command", String),
    _required("recipe", String),
    _required("case_digest", String, ForeignKey("cases.digest")),
    _required("language", String),
    _required("series", String),
    _required("first", String),
    _required("last", String),
    _required("profile", String),
    _required("argv", JSON),
    _required("started", String),
    Column("finished", String),
    Column("toolchains_fetched", Integer),
    Column("cells_compiled", Integer),
    Column("document", Text),
)

run_probes = Table(
    "run_probes",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    _required("series", String),
    _required("version", String),
    _required("cell_key", String, ForeignKey("outcomes.cell_key")),
    _required("verdict", String),
    _required("from_history", Boolean),
    _required("seconds", Float),
    Index("ix_run_probes_cell_key", "cell_key"),
)

# `change` to `suspects` are of a culprit or suspects, `verdict` and `unprobed` of no change; `witnesses`, version and
# verdict of each, are of a contradiction and of both ends without change. Versions are of the run's series.
answers = Table(
    "answers",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    _required("target", String),
    _required("opt", String),
    _required("kind", String),
    Column("change", String),
    Column("last", String),
    Column("first", String),
    _required("suspects", JSON),
    Column("verdict", String),
    Column("unprobed", Integer),
    _required("witnesses", JSON),
)
