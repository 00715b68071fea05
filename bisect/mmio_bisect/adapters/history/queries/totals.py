"""How much there is in the history."""

from pathlib import Path

from sqlalchemy import Connection

from mmio_bisect.adapters.history.queries.choice import statement
from mmio_bisect.workflow.questions import SeriesCount, Statistics

_COUNTED = ("objects", "judgements", "vectors", "transitions", "code_changes", "toolchains", "runs")
_COUNTS = (
    "SELECT "
    + ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in _COUNTED)
    + """,
    (SELECT count(*) FROM (SELECT DISTINCT recipe FROM lines) AS names) AS recipes,
    (SELECT coalesce(sum(size), 0) FROM objects) AS object_bytes,
    (SELECT min(recorded) FROM outcomes) AS first,
    (SELECT max(recorded) FROM outcomes) AS last
"""
)
_SERIES = """
SELECT l.series, v.verdict, sum(t.standings) AS standings
FROM tallies t JOIN lines l ON l.id = t.line_id JOIN vectors v ON v.id = t.vector_id
WHERE l.profile = :profile AND l.current GROUP BY l.series, v.verdict
"""


def statistics(connection: Connection, profile: str, file: Path | None) -> Statistics:
    counts = connection.execute(statement(_COUNTS)).one()
    kinds = connection.execute(statement("SELECT kind, count(*) FROM outcomes GROUP BY kind ORDER BY kind")).all()
    points = connection.execute(
        statement("SELECT series, count(DISTINCT sort_key) FROM points GROUP BY series ORDER BY series")
    ).all()
    verdicts = {
        (row.series, row.verdict): int(row.standings)
        for row in connection.execute(statement(_SERIES), {"profile": profile})
    }
    return Statistics(
        outcomes=sum(count for _, count in kinds),
        kinds=tuple((kind, count) for kind, count in kinds),
        **counts._asdict(),
        size=_size(connection, file),
        series=tuple(
            SeriesCount(series, count, *(verdicts.get((series, word), 0) for word in ("good", "bad", "untestable")))
            for series, count in points
        ),
    )


def _size(connection: Connection, file: Path | None) -> int | None:
    if file is not None:
        return file.stat().st_size
    if connection.dialect.name == "postgresql":
        return int(connection.execute(statement("SELECT pg_database_size(current_database())")).scalar_one())
    return None
