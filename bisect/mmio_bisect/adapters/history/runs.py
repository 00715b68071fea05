"""Runs: what was asked, every probe in its order, and the document with the answers."""

from uuid import uuid4

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from mmio_bisect.adapters.history import cases, schema
from mmio_bisect.adapters.history.rows import now
from mmio_bisect.domain.records import record_of, value_of
from mmio_bisect.domain.run import Cost, Probe, RunHead
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.workflow.ports.history import RunRecord

_runs, _probes = schema.runs, schema.run_probes


def begin(connection: Connection, head: RunHead) -> int:
    cases.keep(connection, [head.case])
    inserted = connection.execute(
        insert(_runs).values(
            uid=uuid4().hex,
            command="run",
            recipe=head.case.recipe,
            case_digest=head.case.digest,
            language=head.case.language.value,
            series=head.series,
            first=head.first.version,
            last=head.last.version,
            profile=head.profile,
            argv=list(head.argv),
            started=now(),
        )
    )
    return int((inserted.inserted_primary_key or (0,))[0])


def keep_probe(connection: Connection, run: int, probe: Probe) -> None:
    """Its outcome must be there."""
    load(connection, run)
    ordinal = connection.scalar(select(func.count()).select_from(_probes).where(_probes.c.run_id == run))
    connection.execute(
        insert(_probes).values(
            run_id=run,
            ordinal=ordinal,
            series=probe.point.series,
            version=probe.point.version,
            cell_key=probe.cell_key,
            verdict=probe.judgement.verdict.value,
            from_history=probe.from_history,
            seconds=probe.seconds,
        )
    )


def finish(connection: Connection, run: int, cost: Cost, document: str) -> None:
    load(connection, run)
    finished = {"finished": now(), **record_of(cost), "document": document}
    connection.execute(update(_runs).where(_runs.c.id == run).values(finished))


def newest(connection: Connection, *, limit: int) -> tuple[RunRecord, ...]:
    rows = connection.execute(select(_runs).order_by(_runs.c.id.desc()).limit(limit))
    return tuple(map(_record, rows.mappings()))


def load(connection: Connection, run: int) -> RunRecord:
    row = connection.execute(select(_runs).where(_runs.c.id == run)).mappings().one_or_none()
    if row is None:
        raise UnknownRunError(f"History has no run {run}: `mmio-bisect history list` shows those that it has.")
    return _record(row)


def _record(row: RowMapping) -> RunRecord:
    return value_of(RunRecord, row, case=f"{row['recipe']}.{row['language']}")
