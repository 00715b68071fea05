"""The `HistoryQueries` of the workflow over a database: each question in one consistent view of it."""

from mmio_bisect.adapters.history.database import OverDatabase
from mmio_bisect.adapters.history.queries import cells, changes, free_sql, matrix, snapshots, totals
from mmio_bisect.workflow.history.history_queries import (
    CellOrder,
    CellRow,
    ChangeOrder,
    CodeChangeRow,
    Filters,
    HistorySnapshot,
    Matrix,
    NoteRow,
    Page,
    Paged,
    Statistics,
    TransitionRow,
)


class SqlHistoryQueries(OverDatabase):
    """Close it, or use it in a `with`."""

    def cells(self, filters: Filters, order: CellOrder, page: Page) -> Paged[CellRow]:
        with self._database.asking() as ask:
            return cells.cells(ask, filters, order, page)

    def matrix(self, filters: Filters, page: Page, *, columns: int, skip: int = 0) -> Paged[Matrix]:
        with self._database.asking() as ask:
            return matrix.matrix(ask, filters, page, columns=columns, skip=skip)

    def transitions(self, filters: Filters, order: ChangeOrder, page: Page) -> Paged[TransitionRow]:
        with self._database.asking() as ask:
            return changes.transitions(ask, filters, order, page)

    def code_changes(
        self, filters: Filters, order: ChangeOrder, page: Page, *, same_verdict: bool
    ) -> Paged[CodeChangeRow]:
        with self._database.asking() as ask:
            return changes.code_changes(ask, filters, order, page, same_verdict=same_verdict)

    def notes(self, recipes: tuple[str, ...] = ()) -> tuple[NoteRow, ...]:
        with self._database.asking() as ask:
            return changes.notes(ask, recipes)

    def snapshot(self, filters: Filters) -> HistorySnapshot:
        with self._database.asking() as ask:
            return snapshots.read(ask, filters)

    def statistics(self, profile: str) -> Statistics:
        with self._database.asking() as ask:
            return totals.statistics(ask, profile, self._database.size(ask))

    def sql(self, statement: str, limit: int | None) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
        with self._database.reading() as connection:
            return free_sql.run(connection, statement, limit)
