"""Tables that follow from the others and are kept so that questions about a million outcomes are answered at once.

Nothing is told here first: `rebuild` makes all of it anew from outcomes, judgements, points and cases, and `standings`
brings it up to date in the very transaction in which one of those is written.

A **line** is what the matrix has as a row: one text of a recipe, for one target and level, along one series, judged
under one profile. A **standing** is one point of it; untestable points have one too. Its **vector** is the verdict
together with every mark (function, access, kind of defect). **Tallies** count the standings of each line and vector, so
that no question has to count a million rows. **Transitions** and **code changes** lie between neighbouring testable
standings: the former by mark, the latter wherever the code of the functions under test is another.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from mmio_bisect.adapters.history.schema import PLAIN, metadata, required

lines = Table(
    "lines",
    metadata,
    Column("id", Integer, primary_key=True),
    required("recipe", String),
    required("language", String),
    required("source_digest", String),
    required("target", String),
    required("opt", String),
    required("extra", String),  # extra flags, as a shell would read them
    required("series", String),
    required("profile", String),
    required("current", Boolean),  # of the text of the recipe that was compiled last
    UniqueConstraint(
        "source_digest",
        "target",
        "opt",
        "extra",
        "series",
        "profile",
        "recipe",
        "language",
        name="uq_lines_source_digest",
    ),
    Index("ix_lines_recipe", "recipe", "language"),
    Index("ix_lines_profile", "profile", "current"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("id", Integer, primary_key=True),
    required("digest", String),
    required("verdict", String),
    required("marks", Text),  # for people: `fill_loop store32+0 writeback-post, …`
    UniqueConstraint("digest", name="uq_vectors_digest"),
)

marks = Table(
    "marks",
    metadata,
    Column("vector_id", Integer, ForeignKey("vectors.id"), primary_key=True),
    Column("function", String, primary_key=True),
    Column("access", String, primary_key=True),  # empty: of no access in particular
    Column("kind", String, primary_key=True),
    Index("ix_marks_kind", "kind"),
)

standings = Table(
    "standings",
    metadata,
    Column("line_id", Integer, ForeignKey("lines.id"), primary_key=True),
    Column("sort_key", PLAIN, primary_key=True),
    Column("version", String, primary_key=True),
    required("vector_id", Integer, ForeignKey("vectors.id")),
    required("cell_key", String, ForeignKey("outcomes.cell_key")),
    Column("judgement_id", Integer, ForeignKey("judgements.id")),
    required("recorded", String),
    Index("ix_standings_line_vector", "line_id", "vector_id", "recorded"),
    Index("ix_standings_recorded", "recorded", "vector_id"),
    Index("ix_standings_cell_key", "cell_key"),
    sqlite_with_rowid=False,
)

tallies = Table(
    "tallies",
    metadata,
    Column("line_id", Integer, ForeignKey("lines.id"), primary_key=True),
    Column("vector_id", Integer, ForeignKey("vectors.id"), primary_key=True),
    required("standings", Integer),
    Index("ix_tallies_vector_id", "vector_id"),
    sqlite_with_rowid=False,
)


def _edge() -> tuple[Column[str] | Column[int], ...]:
    """What lies on both sides of a change; `untestable` counts the points between."""
    return (
        required("first_cell", String),
        Column("first_llvm", String),
        required("llvm_key", String),  # of `first_llvm`, in plain order; empty where there is no LLVM
        required("last_sort_key", PLAIN),
        required("last_version", String),
        required("last_cell", String),
        Column("last_llvm", String),
        required("untestable", Integer),
        required("noticed", String),
    )


transitions = Table(
    "transitions",
    metadata,
    Column("line_id", Integer, ForeignKey("lines.id"), primary_key=True),
    Column("first_sort_key", PLAIN, primary_key=True),
    Column("first_version", String, primary_key=True),
    Column("function", String, primary_key=True),
    Column("access", String, primary_key=True),
    Column("kind", String, primary_key=True),
    required("change", String),
    *_edge(),
    Index("ix_transitions_noticed", "noticed"),
)

code_changes = Table(
    "code_changes",
    metadata,
    Column("line_id", Integer, ForeignKey("lines.id"), primary_key=True),
    Column("first_sort_key", PLAIN, primary_key=True),
    Column("first_version", String, primary_key=True),
    required("same_verdict", Boolean),
    *_edge(),
    Index("ix_code_changes_noticed", "noticed"),
)

TABLES = (code_changes, transitions, tallies, standings, marks, vectors, lines)
"""Those that depend on others first."""
