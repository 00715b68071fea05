"""What was judged of objects: object × expectation × profile × rules, once each, in rows that SQL can ask.

The rows are all there is; a judgement is put together from them and equals the one that was kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_if_new, now
from mmio_bisect.adapters.history.timeline.standings import JudgementKey
from mmio_bisect.domain.access import Access, AddressingMode, Defect, DefectKind, Form, RegisterClass, Transfer
from mmio_bisect.domain.outcome import FunctionJudgement, Judgement, ListingLine, Verdict
from mmio_bisect.domain.recipe import Direction

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
            values={
                "verdict": judgement.verdict.value,
                "fingerprint": judgement.fingerprint,
                "reason": judgement.reason,
                "recorded": now(),
            },
        )
        if inserted is not None:
            new[inserted[0]] = ((object_digest, expectation_digest, judgement.profile), judgement)
    _keep_functions(connection, {number: judgement.functions for number, (_, judgement) in new.items()})
    return [key for key, _ in new.values()]


def load(
    connection: Connection, object_digest: str, expectation_digest: str, profile: str, rules: int
) -> Judgement | None:
    row = connection.execute(
        select(_judgements).where(
            _judgements.c.object_digest == object_digest,
            _judgements.c.expectation_digest == expectation_digest,
            _judgements.c.profile == profile,
            _judgements.c.rules == rules,
        )
    ).one_or_none()
    return None if row is None else _judgement(connection, row)


def of_object(connection: Connection, object_digest: str | None) -> tuple[Judgement, ...]:
    """All of them, oldest first."""
    rows = connection.execute(
        select(_judgements).where(_judgements.c.object_digest == object_digest).order_by(_judgements.c.id)
    ).all()
    return tuple(_judgement(connection, row) for row in rows)


def _keep_functions(connection: Connection, functions_of: Mapping[int, Iterable[FunctionJudgement]]) -> None:
    """By the numbers of their judgements."""
    functions, accesses, defects = list[_Values](), list[_Values](), list[_Values]()
    for number, found in functions_of.items():
        for ordinal, function in enumerate(found):
            of_function = {"judgement_id": number, "function_ordinal": ordinal}
            listing = [[line.code, line.position, line.encoding.hex(), line.text] for line in function.listing]
            functions.append({**of_function, "function": function.function, "listing": listing})
            accesses += _in_order(of_function, map(_access_values, function.accesses))
            defects += _in_order(of_function, map(_defect_values, function.defects))
    for table, rows in ((schema.judged_functions, functions), (schema.accesses, accesses), (schema.defects, defects)):
        if rows:
            connection.execute(insert(table), rows)


def _in_order(of_function: _Values, values: Iterable[_Values]) -> list[_Values]:
    return [{**of_function, "ordinal": ordinal, **row} for ordinal, row in enumerate(values)]


def _judgement(connection: Connection, row: Row[tuple[Any, ...]]) -> Judgement:
    functions = schema.judged_functions
    accesses = _rows_by_function(connection, schema.accesses, row.id)
    defects = _rows_by_function(connection, schema.defects, row.id)
    function_rows = connection.execute(
        select(functions).where(functions.c.judgement_id == row.id).order_by(functions.c.function_ordinal)
    )
    return Judgement(
        verdict=Verdict(row.verdict),
        profile=row.profile,
        rules=row.rules,
        fingerprint=row.fingerprint,
        reason=row.reason,
        functions=tuple(
            FunctionJudgement(
                function=function.function,
                accesses=tuple(map(_access, accesses[function.function_ordinal])),
                defects=tuple(map(_defect, defects[function.function_ordinal])),
                listing=tuple(
                    ListingLine(code=code, position=position, encoding=bytes.fromhex(encoding), text=text)
                    for code, position, encoding, text in function.listing
                ),
            )
            for function in function_rows
        ),
    )


def _rows_by_function(
    connection: Connection, table: Table, judgement_id: int
) -> defaultdict[int, list[Row[tuple[Any, ...]]]]:
    """The table's rows of one judgement, in order, by the ordinal of their function."""
    rows = connection.execute(
        select(table).where(table.c.judgement_id == judgement_id).order_by(table.c.function_ordinal, table.c.ordinal)
    )
    found = defaultdict(list)
    for row in rows:
        found[row.function_ordinal].append(row)
    return found


def _access_values(access: Access) -> dict[str, Any]:
    transfer = access.transfer
    return {
        "function": access.function,
        "code": access.code,
        "position": access.position,
        "encoding": access.encoding.hex(),
        "instruction": access.instruction,
        "form": transfer.form.value,
        "directions": [direction.value for direction in transfer.directions],
        "element_width": transfer.element_width,
        "elements": transfer.elements,
        "width": transfer.width,
        "addressing": transfer.addressing.value,
        "register_class": transfer.register_class.value,
        "registers": list(transfer.registers),
        "syndrome_valid": transfer.syndrome_valid,
        "sign_extends": transfer.sign_extends,
        "ordered": transfer.ordered,
        "why": transfer.why,
        "label": access.label,
        "window_offset": None if access.window_offset is None else str(access.window_offset),
        "fulfils": list(access.fulfils),
    }


def _access(row: Row[tuple[Any, ...]]) -> Access:
    return Access(
        function=row.function,
        code=row.code,
        position=row.position,
        encoding=bytes.fromhex(row.encoding),
        instruction=row.instruction,
        transfer=Transfer(
            form=Form(row.form),
            directions=tuple(map(Direction, row.directions)),
            element_width=row.element_width,
            elements=row.elements,
            addressing=AddressingMode(row.addressing),
            register_class=RegisterClass(row.register_class),
            registers=tuple(row.registers),
            syndrome_valid=row.syndrome_valid,
            sign_extends=row.sign_extends,
            ordered=row.ordered,
            why=row.why,
        ),
        label=row.label,
        window_offset=None if row.window_offset is None else int(row.window_offset),
        fulfils=tuple(row.fulfils),
    )


def _defect_values(defect: Defect) -> dict[str, Any]:
    return {
        "function": defect.function,
        "access": defect.access,
        "kind": defect.kind.value,
        "code": defect.code,
        "position": defect.position,
        "instruction": defect.instruction,
        "why": defect.why,
    }


def _defect(row: Row[tuple[Any, ...]]) -> Defect:
    return Defect(
        function=row.function,
        access=row.access,
        kind=DefectKind(row.kind),
        code=row.code,
        position=row.position,
        instruction=row.instruction,
        why=row.why,
    )
