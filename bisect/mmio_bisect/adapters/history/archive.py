"""The `HistoryQueries` of the workflow over a database: each question in one consistent view of it."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from mmio_bisect.adapters.history.database import Ask, OverDatabase
from mmio_bisect.adapters.history.queries import cells, changes, free_sql, matrix, snapshots, totals
from mmio_bisect.workflow.history.history_queries import Statistics

Words = ParamSpec("Words")
Answer = TypeVar("Answer")


def _asked(
    question: Callable[Concatenate[Ask, Words], Answer],
) -> Callable[Concatenate[OverDatabase, Words], Answer]:
    """A method that asks the database this question."""

    def ask_it(history: OverDatabase, /, *words: Words.args, **named: Words.kwargs) -> Answer:
        with history.database.asking() as ask:
            return question(ask, *words, **named)

    return ask_it


class SqlHistoryQueries(OverDatabase):
    """Close it, or use it in a `with`."""

    cells = _asked(cells.cells)
    matrix = _asked(matrix.matrix)
    transitions = _asked(changes.transitions)
    code_changes = _asked(changes.code_changes)
    notes = _asked(changes.notes)
    snapshot = _asked(snapshots.read)

    def statistics(self, profile: str) -> Statistics:
        with self.database.asking() as ask:
            return totals.statistics(ask, profile, self.database.size(ask))

    def sql(
        self, statement: str, limit: int | None, seconds: float
    ) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
        with self.database.reading() as connection:
            return free_sql.run(connection, statement, limit, seconds)
