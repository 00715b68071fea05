"""What compiling a cell gave, once a cell; and whole records of it, with all that it came from."""

import shlex

from sqlalchemy import Connection, Row, func, select

from mmio_bisect.adapters.history import cases, judgements, objects, schema, standings, toolchains
from mmio_bisect.adapters.history.rows import insert_if_new, now
from mmio_bisect.domain.outcome import Cell, Outcome, OutcomeKind
from mmio_bisect.workflow.ports import OutcomeRecord

_outcomes, _cases, _points, _probes = schema.outcomes, schema.cases, schema.points, schema.run_probes


def keep(connection: Connection, cell: Cell, outcome: Outcome) -> None:
    """With the case, the toolchain and the object, unless the cell has an outcome already."""
    request = cell.request
    toolchains.keep(connection, cell.toolchain)
    cases.keep(connection, request.case)
    object_digest = None if outcome.object_code is None else objects.keep(connection, outcome.object_code)
    inserted = insert_if_new(
        connection,
        _outcomes,
        key={"cell_key": cell.key},
        values={
            "source_digest": request.case.source_digest,
            "case_digest": request.case.digest,
            "toolchain_digest": cell.toolchain.digest,
            "target": request.target.name,
            "triple": cell.triple,
            "opt": request.opt.value,
            "flags": list(cell.flags),
            "extra": shlex.join(request.extra_flags),
            "kind": outcome.kind.value,
            "object_digest": object_digest,
            "argv": list(outcome.argv),
            "sandbox": outcome.sandbox,
            "status": outcome.status,
            "output": outcome.output,
            "seconds": outcome.seconds,
            "recorded": now(),
        },
    )
    if inserted is not None:
        standings.after_outcome(connection, cell.key)


def load(connection: Connection, cell_key: str) -> Outcome | None:
    row = connection.execute(select(_outcomes).where(_outcomes.c.cell_key == cell_key)).one_or_none()
    return None if row is None else _outcome(connection, row)


def keys(
    connection: Connection, *, recipe: str | None, run: int | None, series: str | None, limit: int | None
) -> tuple[str, ...]:
    """Keys of the outcomes that fit all that is given, newest first."""
    chosen = select(_outcomes.c.cell_key)
    if recipe is not None:
        chosen = chosen.join(_cases).where(_cases.c.recipe == recipe)
    if run is not None:
        probed = select(_probes.c.cell_key).where(_probes.c.run_id == run)
        chosen = chosen.where(_outcomes.c.cell_key.in_(probed))
    if series is not None:
        of_series = select(_points.c.toolchain_digest).where(_points.c.series == series)
        chosen = chosen.where(_outcomes.c.toolchain_digest.in_(of_series))
    newest_first = chosen.order_by(_outcomes.c.recorded.desc(), _outcomes.c.cell_key).limit(limit)
    return tuple(connection.scalars(newest_first))


def keys_beginning(connection: Connection, prefix: str, *, limit: int) -> tuple[tuple[str, ...], int]:
    """The first few keys that begin so, and how many do. `prefix` ends in a hexadecimal digit or before the first."""
    # A range of the primary key rather than LIKE, which no index serves: 'g' comes after every hexadecimal digit.
    begins = _outcomes.c.cell_key.between(prefix, prefix + "g")
    first = connection.scalars(select(_outcomes.c.cell_key).where(begins).order_by(_outcomes.c.cell_key).limit(limit))
    return tuple(first), connection.scalar(select(func.count()).select_from(_outcomes).where(begins)) or 0


def record(connection: Connection, cell_key: str) -> OutcomeRecord:
    row = connection.execute(
        select(_outcomes, _cases.c.recipe, _cases.c.language, _cases.c.text)
        .join(_cases, _outcomes.c.case_digest == _cases.c.digest)
        .where(_outcomes.c.cell_key == cell_key)
    ).one()
    return OutcomeRecord(
        cell_key=row.cell_key,
        recipe=row.recipe,
        language=row.language,
        case_text=row.text,
        points=toolchains.points_of(connection, row.toolchain_digest),
        toolchain=toolchains.of_digest(connection, row.toolchain_digest),
        triple=row.triple,
        opt=row.opt,
        flags=tuple(row.flags),
        recorded=row.recorded,
        outcome=_outcome(connection, row),
        judgements=judgements.of_object(connection, row.object_digest),
    )


def _outcome(connection: Connection, row: Row[tuple[object, ...]]) -> Outcome:
    return Outcome(
        kind=OutcomeKind(row.kind),
        object_code=None if row.object_digest is None else objects.load(connection, row.object_digest),
        argv=tuple(row.argv),
        sandbox=row.sandbox,
        status=row.status,
        output=row.output,
        seconds=row.seconds,
    )
