"""What is let go of after a time. Outcomes, objects, judgements and what people noted are the history: they stay."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import in_parts
from mmio_bisect.workflow.history.upkeep import Forgotten

_runs, _notices, _deliveries, _ticks = schema.runs, schema.notices, schema.deliveries, schema.ticks


def forget(
    connection: Connection,
    *,
    runs_before: str | None,
    ticks_before: str | None,
    notices_before: str | None,
    needed: Collection[int],
) -> Forgotten:
    """Rows older than these times; not the runs that are `needed`, nor those that a kept notice tells of."""
    notices = 0 if notices_before is None else _forget_notices(connection, notices_before)
    ticks = 0
    if ticks_before is not None:
        ticks = connection.execute(delete(_ticks).where(_ticks.c.started < ticks_before)).rowcount
    runs = 0 if runs_before is None else _forget_runs(connection, runs_before, needed)
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
