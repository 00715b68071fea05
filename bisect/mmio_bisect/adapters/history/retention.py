"""What is let go of after a time. Outcomes, objects, judgements and what people noted are the history: they stay."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import in_parts
from mmio_bisect.workflow.history.upkeep import Before, Forgotten

_runs, _notices, _deliveries, _ticks = schema.runs, schema.notices, schema.deliveries, schema.ticks


def forget(connection: Connection, before: Before, needed: Collection[int]) -> Forgotten:
    """Not the runs that are `needed`, nor those that a kept notice tells of."""
    notices = 0 if before.notices is None else _forget_notices(connection, before.notices)
    ticks = 0
    if before.ticks is not None:
        ticks = connection.execute(delete(_ticks).where(_ticks.c.started < before.ticks)).rowcount
    runs = 0 if before.runs is None else _forget_runs(connection, before.runs, needed)
    return Forgotten(runs=runs, ticks=ticks, notices=notices)


def _forget_notices(connection: Connection, before: str) -> int:
    """Those of which no channel has still to be told; that they were told once is then known no more."""
    waiting = select(_deliveries.c.notice_id).where(_deliveries.c.delivered.is_(None))
    old = select(_notices.c.id).where(_notices.c.recorded < before, _notices.c.id.not_in(waiting))
    gone = list(connection.scalars(old))
    for some in in_parts(gone):
        connection.execute(delete(_deliveries).where(_deliveries.c.notice_id.in_(some)))
        connection.execute(delete(_notices).where(_notices.c.id.in_(some)))
    return len(gone)


def _forget_runs(connection: Connection, before: str, needed: Collection[int]) -> int:
    told = select(_notices.c.run_id).where(_notices.c.run_id.is_not(None))
    old: list[ColumnElement[bool]] = [_runs.c.started < before, _runs.c.id.not_in(told)]
    gone = [run for run in connection.scalars(select(_runs.c.id).where(*old)) if run not in needed]
    for some in in_parts(gone):
        connection.execute(delete(schema.run_probes).where(schema.run_probes.c.run_id.in_(some)))
        connection.execute(delete(_runs).where(_runs.c.id.in_(some)))
    return len(gone)
