"""Runs: what was asked, every probe in its order, and the document with the answers."""

from uuid import uuid4

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from mmio_bisect.adapters.history import cases, schema
from mmio_bisect.adapters.history.database import OverDatabase
from mmio_bisect.adapters.history.rows import insert_numbered, now
from mmio_bisect.domain.records import record_of, value_of
from mmio_bisect.domain.run import Cost, Probe, RunHead
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.workflow.ports.history import RunRecord

_runs, _probes = schema.runs, schema.run_probes


class SqlRuns(OverDatabase):
    """The part of `History` that is about runs."""

    def begin_run(self, head: RunHead) -> int:
        with self.database.writing() as connection:
            cases.keep(connection, [head.case])
            values = {
                "uid": uuid4().hex,
                "command": "run",
                "recipe": head.case.recipe,
                "case_digest": head.case.digest,
                "language": head.case.language.value,
                "series": head.series,
                "first": head.first.version,
                "last": head.last.version,
                "profile": head.profile,
                "argv": list(head.argv),
                "started": now(),
            }
            return insert_numbered(connection, _runs, values)

    def record_probe(self, run: int, probe: Probe) -> None:
        """The probe's outcome must have been recorded. Raises `UnknownRunError`."""
        with self.database.writing() as connection:
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

    def finish_run(self, run: int, cost: Cost, document: str) -> None:
        """Raises `UnknownRunError`."""
        finished = {"finished": now(), **record_of(cost), "document": document}
        with self.database.writing() as connection:
            load(connection, run)
            connection.execute(update(_runs).where(_runs.c.id == run).values(finished))

    def runs(self, *, limit: int) -> tuple[RunRecord, ...]:
        """Newest first."""
        with self.database.reading() as connection:
            rows = connection.execute(select(_runs).order_by(_runs.c.id.desc()).limit(limit))
            return tuple(map(_record, rows.mappings()))

    def run(self, run: int) -> RunRecord:
        """Raises `UnknownRunError`."""
        with self.database.reading() as connection:
            return load(connection, run)


def load(connection: Connection, run: int) -> RunRecord:
    row = connection.execute(select(_runs).where(_runs.c.id == run)).mappings().one_or_none()
    if row is None:
        raise UnknownRunError(f"History has no run {run}: `mmio-bisect history list` shows those that it has.")
    return _record(row)


def _record(row: RowMapping) -> RunRecord:
    return value_of(RunRecord, row, case=f"{row['recipe']}.{row['language']}")
