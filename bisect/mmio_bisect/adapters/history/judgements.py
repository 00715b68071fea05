"""What was judged of objects: object × expectation × profile × rules, once each, in rows that SQL can ask.

The rows are all there is; a judgement is put together from them and equals the one that was kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Table, insert, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_if_new, now
from mmio_bisect.adapters.history.timeline.standings import JudgementKey
from mmio_bisect.domain.access import Access, Defect, Transfer
from mmio_bisect.domain.outcome import FunctionJudgement, Judgement, ListingLine, Witness
from mmio_bisect.domain.records import record_of, value_of

_judgements = schema.judgements
_Values = dict[str, Any]


def keep(connection: Connection, found: Iterable[tuple[str, str, Judgement]]) -> list[JudgementKey]:
    """Judgements by object and expectation, unless the same was judged before; gives the keys of those that are new.

    The objects must be there. What follows is left to the caller: see `standings`.
    """
    new: dict[int, tuple[JudgementKey, Judgement]] = {}
    for object_digest, expectation_digest, judgement in found:
        inserted = insert_if_new(
            connection,
            _judgements,
            key={
                "object_digest": object_digest,
                "expectation_digest": expectation_digest,
                "profile": judgement.profile,
                "rules": judgement.rules,
            },
            values={**record_of(judgement, without={"functions", "profile", "rules"}), "recorded": now()},
        )
        if inserted is not None:
            new[inserted[0]] = ((object_digest, expectation_digest, judgement.profile), judgement)
    _keep_functions(connection, {number: judgement.functions for number, (_, judgement) in new.items()})
    return [key for key, _ in new.values()]


def load(
    connection: Connection, object_digest: str, expectation_digest: str, profile: str, rules: int
) -> Judgement | None:
    row = (
        connection.execute(
            select(_judgements).where(
                _judgements.c.object_digest == object_digest,
                _judgements.c.expectation_digest == expectation_digest,
                _judgements.c.profile == profile,
                _judgements.c.rules == rules,
            )
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _judgement(connection, row)


def of_object(connection: Connection, object_digest: str | None) -> tuple[Judgement, ...]:
    """All of them, oldest first."""
    stored = select(_judgements).where(_judgements.c.object_digest == object_digest).order_by(_judgements.c.id)
    return tuple(_judgement(connection, row) for row in connection.execute(stored).mappings().all())


def _keep_functions(connection: Connection, functions_of: Mapping[int, Iterable[FunctionJudgement]]) -> None:
    """By the numbers of their judgements."""
    functions, accesses, defects = list[_Values](), list[_Values](), list[_Values]()
    for number, found in functions_of.items():
        for ordinal, function in enumerate(found):
            of_function = {"judgement_id": number, "function_ordinal": ordinal}
            listing = [list(record_of(line).values()) for line in function.listing]
            functions.append(
                {**of_function, "function": function.function, "listing": listing, "witness": function.witness.value}
            )
            accesses += _in_order(of_function, map(_access_values, function.accesses))
            defects += _in_order(of_function, map(record_of, (*function.defects, *function.unseen)))
    for table, rows in ((schema.judged_functions, functions), (schema.accesses, accesses), (schema.defects, defects)):
        if rows:
            connection.execute(insert(table), rows)


def _in_order(of_function: _Values, values: Iterable[_Values]) -> list[_Values]:
    return [{**of_function, "ordinal": ordinal, **row} for ordinal, row in enumerate(values)]


def _judgement(connection: Connection, row: RowMapping) -> Judgement:
    accesses, defects = (_rows_by_function(connection, table, row["id"]) for table in (schema.accesses, schema.defects))
    functions = schema.judged_functions
    stored = select(functions).where(functions.c.judgement_id == row["id"]).order_by(functions.c.function_ordinal)
    return value_of(
        Judgement,
        row,
        functions=tuple(
            _function(function, accesses[function.function_ordinal], defects[function.function_ordinal])
            for function in connection.execute(stored)
        ),
    )


def _function(row: Row[Any], accesses: Iterable[RowMapping], defects: Iterable[RowMapping]) -> FunctionJudgement:
    """What was not seen is kept among the defects."""
    found = [value_of(Defect, defect) for defect in defects]
    return FunctionJudgement(
        function=row.function,
        accesses=tuple(map(_access, accesses)),
        defects=tuple(one for one in found if not one.kind.unseen),
        unseen=tuple(one for one in found if one.kind.unseen),
        witness=Witness(row.witness or Witness.DATA_FLOW),
        listing=tuple(
            ListingLine(code=code, position=position, encoding=bytes.fromhex(encoding), text=text)
            for code, position, encoding, text in row.listing
        ),
    )


def _rows_by_function(connection: Connection, table: Table, judgement_id: int) -> defaultdict[int, list[RowMapping]]:
    """The table's rows of one judgement, in order, by the ordinal of their function."""
    rows = connection.execute(
        select(table).where(table.c.judgement_id == judgement_id).order_by(table.c.function_ordinal, table.c.ordinal)
    )
    found = defaultdict(list)
    for row in rows.mappings():
        found[row["function_ordinal"]].append(row)
    return found


def _access_values(access: Access) -> dict[str, Any]:
    offset = access.window_offset
    return {
        **record_of(access, without={"transfer"}),
        **record_of(access.transfer),
        "width": access.transfer.width,
        "window_offset": None if offset is None else str(offset),
    }


def _access(row: RowMapping) -> Access:
    offset = row["window_offset"]
    transfer = value_of(Transfer, row)
    return value_of(Access, row, transfer=transfer, window_offset=None if offset is None else int(offset))
