"""Runs: what was asked, every probe in its order, and the answers."""

from collections.abc import Sequence
from typing import Any, assert_never
from uuid import uuid4

from sqlalchemy import Connection, Row, func, insert, select, update

from mmio_bisect.adapters.history import cases, schema
from mmio_bisect.adapters.history.rows import now
from mmio_bisect.domain.answer import Answer, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.run import CellAnswer, Cost, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.workflow.ports.history import RunRecord

_runs, _probes = schema.runs, schema.run_probes


def begin(
    connection: Connection, *, case: Case, series: str, first: Point, last: Point, profile: str, argv: Sequence[str]
) -> int:
    cases.keep(connection, [case])
    inserted = connection.execute(
        insert(_runs).values(
            uid=uuid4().hex,
            command="run",
            recipe=case.recipe,
            case_digest=case.digest,
            language=case.language.value,
            series=series,
            first=first.version,
            last=last.version,
            profile=profile,
            argv=list(argv),
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


def finish(connection: Connection, run: int, answers: Sequence[CellAnswer], cost: Cost, document: str) -> None:
    load(connection, run)
    connection.execute(
        update(_runs)
        .where(_runs.c.id == run)
        .values(
            finished=now(),
            toolchains_fetched=cost.toolchains_fetched,
            cells_compiled=cost.cells_compiled,
            document=document,
        )
    )
    for ordinal, answer in enumerate(answers):
        connection.execute(
            insert(schema.answers).values(
                run_id=run,
                ordinal=ordinal,
                target=answer.request.target.name,
                opt=answer.request.opt.value,
                **_answer_values(answer.answer),
            )
        )


def newest(connection: Connection, *, limit: int) -> tuple[RunRecord, ...]:
    rows = connection.execute(select(_runs).order_by(_runs.c.id.desc()).limit(limit))
    return tuple(map(_record, rows))


def load(connection: Connection, run: int) -> RunRecord:
    row = connection.execute(select(_runs).where(_runs.c.id == run)).one_or_none()
    if row is None:
        raise UnknownRunError(f"History has no run {run}: `mmio-bisect history list` shows those that it has.")
    return _record(row)


def _answer_values(answer: Answer) -> dict[str, Any]:
    nothing: dict[str, Any] = {"suspects": [], "witnesses": []}
    match answer:
        case Culprit(change=change, last=last, first=first):
            suspects = [first.version]
            kind = "culprit"
        case Suspects(change=change, last=last, first=first):
            suspects = [point.version for point in answer.suspects]
            kind = "suspects"
        case NoChange(verdict=verdict, unprobed=unprobed):
            ends = [[answer.oldest.version, verdict.value], [answer.newest.version, verdict.value]]
            same = {"kind": "no-change", "verdict": verdict.value, "unprobed": unprobed}
            return nothing | same | {"witnesses": ends}
        case Contradiction(witnesses=witnesses):
            told = [[point.version, verdict.value] for point, verdict in witnesses]
            return nothing | {"kind": "contradiction", "witnesses": told}
        case NothingTestable(unprobed=unprobed):
            return nothing | {"kind": "nothing-testable", "unprobed": unprobed}
        case _:
            assert_never(answer)
    changed = {"kind": kind, "change": change.value, "last": last.version, "first": first.version}
    return nothing | changed | {"suspects": suspects}


def _record(row: Row[tuple[Any, ...]]) -> RunRecord:
    return RunRecord(
        id=row.id,
        recipe=row.recipe,
        case=f"{row.recipe}.{row.language}",
        series=row.series,
        first=row.first,
        last=row.last,
        profile=row.profile,
        started=row.started,
        finished=row.finished,
        argv=tuple(row.argv),
        document=row.document,
    )
