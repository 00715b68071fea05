"""How much there is in the history."""

from mmio_bisect.adapters.history.database import Ask
from mmio_bisect.workflow.history.history_queries import SeriesCount, Statistics

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


def statistics(ask: Ask, profile: str, size: int | None) -> Statistics:
    (counts,) = ask(_COUNTS)
    kinds = ask("SELECT kind, count(*) FROM outcomes GROUP BY kind ORDER BY kind")
    points = ask("SELECT series, count(DISTINCT sort_key) FROM points GROUP BY series ORDER BY series")
    verdicts = {(series, word): int(count) for series, word, count in ask(_SERIES, {"profile": profile})}
    return Statistics(
        outcomes=sum(count for _, count in kinds),
        kinds=tuple((kind, count) for kind, count in kinds),
        **dict(zip((*_COUNTED, "recipes", "object_bytes", "first", "last"), counts, strict=True)),
        size=size,
        series=tuple(
            SeriesCount(series, count, *(verdicts.get((series, word), 0) for word in ("good", "bad", "untestable")))
            for series, count in points
        ),
    )
