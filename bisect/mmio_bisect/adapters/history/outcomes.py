"""What compiling a cell gave, once a cell; and whole records of it, with all that it came from."""

import shlex
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, RowMapping, func, select

from mmio_bisect.adapters.history import cases, judgements, objects, schema, toolchains, words
from mmio_bisect.adapters.history.rows import among, insert_new, now, select_in
from mmio_bisect.domain.outcome import Cell, Outcome
from mmio_bisect.domain.records import record_of, value_of
from mmio_bisect.workflow.ports.history import OutcomeRecord

_outcomes, _cases, _probes = schema.outcomes, schema.cases, schema.run_probes


def keep(connection: Connection, found: Collection[tuple[Cell, Outcome]]) -> list[str]:
    """With their cases, toolchains and objects, unless a cell has an outcome already; gives the keys of new ones.

    What follows from them is left to the caller: see `standings`.
    """
    toolchains.keep(connection, {cell.toolchain.digest: cell.toolchain for cell, _ in found}.values())
    cases.keep(connection, {cell.request.case.digest: cell.request.case for cell, _ in found}.values())
    objects.keep(connection, (outcome.object_code for _, outcome in found if outcome.object_code is not None))
    rows: dict[str, dict[str, object]] = {}
    for cell, outcome in found:
        if cell.key not in rows:
            rows[cell.key] = _values(cell, outcome)
    new = insert_new(connection, _outcomes, "cell_key", rows)
    printed = {cell.key: outcome.word for cell, outcome in found if outcome.word is not None}
    words.keep(connection, {key: printed[key] for key in new if key in printed})
    return new


def _values(cell: Cell, outcome: Outcome) -> dict[str, object]:
    request = cell.request
    return {
        "source_digest": request.case.source_digest,
        "case_digest": request.case.digest,
        "toolchain_digest": cell.toolchain.digest,
        "target": request.target.name,
        "triple": cell.triple,
        "opt": request.opt.value,
        "flags": list(cell.flags),
        "extra": shlex.join(request.extra_flags),
        **record_of(outcome, without={"object_code"}),
        "object_digest": outcome.object_digest,
        "recorded": now(),
    }


def load(connection: Connection, cell_keys: Iterable[str]) -> dict[str, Outcome]:
    """By key, those that are there."""
    rows = select_in(connection, _WITH_OBJECTS, "cells", set(cell_keys))
    return {row.cell_key: _read(row._mapping, row.data, row.word) for row in rows}  # noqa: SLF001 - public


_WITH_OBJECTS = (
    select(_outcomes, schema.objects.c.data, schema.words.c.data.label("word"))
    .outerjoin(schema.objects, schema.objects.c.digest == _outcomes.c.object_digest)
    .outerjoin(schema.words, schema.words.c.cell_key == _outcomes.c.cell_key)
    .where(among(_outcomes.c.cell_key, "cells"))
)


def keys(connection: Connection, *, run: int | None) -> tuple[str, ...]:
    """Of the outcomes that the run probed, or of all; newest first."""
    chosen = select(_outcomes.c.cell_key).order_by(_outcomes.c.recorded.desc(), _outcomes.c.cell_key)
    if run is not None:
        chosen = chosen.where(_outcomes.c.cell_key.in_(select(_probes.c.cell_key).where(_probes.c.run_id == run)))
    return tuple(connection.scalars(chosen))


def keys_beginning(connection: Connection, prefix: str) -> tuple[str | None, int]:
    """The first key that begins so, and how many do. `prefix` ends in a hexadecimal digit or before the first."""
    # A range of the primary key rather than LIKE, which no index serves: 'g' comes after every hexadecimal digit.
    begins = _outcomes.c.cell_key.between(prefix, prefix + "g")
    first, count = connection.execute(select(func.min(_outcomes.c.cell_key), func.count()).where(begins)).one()
    return first, count


def record(connection: Connection, cell_key: str) -> OutcomeRecord:
    stored = (
        select(_outcomes, _cases.c.recipe, _cases.c.language, _cases.c.text.label("case_text"), schema.words.c.data)
        .join(_cases, _outcomes.c.case_digest == _cases.c.digest)
        .outerjoin(schema.words, schema.words.c.cell_key == _outcomes.c.cell_key)
        .where(_outcomes.c.cell_key == cell_key)
    )
    row = connection.execute(stored).mappings().one()
    toolchain, digest = row["toolchain_digest"], row["object_digest"]
    return value_of(
        OutcomeRecord,
        row,
        case_text=row["case_text"],
        points=toolchains.points_of(connection, toolchain),
        toolchain=toolchains.of_digest(connection, toolchain),
        outcome=_read(row, None if digest is None else objects.stored(connection, digest), row["data"]),
        judgements=judgements.of_object(connection, digest),
    )


def _read(row: RowMapping, stored: bytes | None, word: bytes | None) -> Outcome:
    object_code = None if stored is None else objects.read(row["object_digest"], stored)
    return value_of(Outcome, row, object_code=object_code, word=words.read(word))
