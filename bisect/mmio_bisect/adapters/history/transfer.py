"""The history as lines of JSON, out and in; the README has the schema.

Rows are named by what they are (digests, points, the names of runs), never by numbers that another database gave. What
is there already must say the same as what comes in, but for what may differ from machine to machine: when, how long,
under which paths. Anything else is a conflict, and then nothing is taken in.
"""

import base64
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, insert, select, update

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.timeline.rebuild import rebuild
from mmio_bisect.errors import ConflictError, InvalidExportError
from mmio_bisect.workflow.history.upkeep import Imported

FORMAT = "mmio-bisect-history"
VERSION = 1

Row = dict[str, Any]

_PLAIN = (schema.toolchains, schema.points, schema.cases, schema.objects, schema.outcomes)
"""In an order in which each builds on those before only."""
_DIFFERS = {
    "outcomes": frozenset({"case_digest", "argv", "sandbox", "output", "seconds", "recorded"}),
    "judgements": frozenset({"recorded"}),
    "points": frozenset({"sort_key", "remembered"}),
    "objects": frozenset({"data"}),  # its digest says what it is; how it was deflated may differ
}
_OF_JUDGEMENT = ("object_digest", "expectation_digest", "profile", "rules")
_RUN_NUMBER = re.compile(r'("run": )\d+')


def export(connection: Connection) -> Iterator[str]:
    yield _line({"format": FORMAT, "version": VERSION})
    for table in _PLAIN:
        yield from (_line({"row": table.name, **_told(table, row)}) for row in _ordered(connection, table))
    for row in _ordered(connection, schema.judgements):
        told = _told(schema.judgements, row)
        number = told.pop("id")
        yield _line({"row": "judgements", **told, "functions": _functions(connection, number)})
    for row in _ordered(connection, schema.runs):
        told = _told(schema.runs, row)
        number = told.pop("id")
        parts = {
            "probes": _parts(connection, schema.run_probes, "run_id", number),
            "answers": _parts(connection, schema.answers, "run_id", number),
        }
        yield _line({"row": "runs", **told, **parts})
    for row in _ordered(connection, schema.notes):
        yield _line({"row": "notes", **_told(schema.notes, row)})


def take_in(connection: Connection, lines: Iterable[str]) -> Imported:
    """Within the caller's transaction."""
    new: Counter[str] = Counter()
    known = 0
    for number, told in enumerate(_read(lines), start=2):
        kind = told.pop("row", None)
        try:
            fresh = _take(connection, kind, told)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidExportError(
                f"Line {number} of the export cannot be read ({type(error).__name__}: {error}): export anew."
            ) from error
        if fresh:
            new[str(kind)] += 1
        else:
            known += 1
    if new:
        rebuild(connection)
    return Imported(new=dict(new), known=known)


def _read(lines: Iterable[str]) -> Iterator[Row]:
    """Every line but the first, which says what this is."""
    head = None
    for number, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
        except ValueError as error:
            raise InvalidExportError(f"Line {number} of the export is no JSON ({error}): export anew.") from error
        if not isinstance(told, dict):
            raise InvalidExportError(f"Line {number} of the export is no JSON object: export anew.")
        if head is not None:
            yield told
            continue
        head = told
        if head.get("format") != FORMAT or not isinstance(head.get("version"), int):
            raise InvalidExportError("That is not an export of a history: make one with `mmio-bisect history export`.")
        if head["version"] > VERSION:
            raise InvalidExportError(
                f"The export has version {head['version']}, and this mmio-bisect knows up to {VERSION}: upgrade it."
            )
    if head is None:
        raise InvalidExportError("The export is empty: make one with `mmio-bisect history export`.")


def _take(connection: Connection, kind: object, told: Row) -> bool:
    """Whether it was new."""
    plain = {table.name: table for table in (*_PLAIN, schema.notes)}
    if isinstance(kind, str) and kind in plain:
        return _take_row(connection, plain[kind], told)
    if kind == "judgements":
        return _take_judgement(connection, told)
    if kind == "runs":
        return _take_run(connection, told)
    raise ValueError(f"no kind of row: {kind}")


def _take_row(connection: Connection, table: Table, told: Row) -> bool:
    row = _stored(table, told)
    key = {column.name: row[column.name] for column in table.primary_key}
    there = connection.execute(select(table).where(*(table.c[name] == value for name, value in key.items()))).first()
    if there is None:
        connection.execute(insert(table).values(row))
        return True
    ours = _told(table, there._asdict())
    _agree(table.name, ours, _told(table, row))
    if table is schema.points and told["remembered"] > ours["remembered"]:
        of_point = [table.c[name] == value for name, value in key.items()]
        values = {"remembered": told["remembered"], "sort_key": told["sort_key"]}
        connection.execute(update(table).where(*of_point).values(values))
        return True
    return False


def _take_judgement(connection: Connection, told: Row) -> bool:
    functions = told.pop("functions")
    table = schema.judgements
    row = _stored(table, told)
    there = connection.execute(select(table).where(*(table.c[name] == row[name] for name in _OF_JUDGEMENT))).first()
    if there is not None:
        ours = _told(table, there._asdict())
        number = ours.pop("id")
        _agree("judgements", {**ours, "functions": _functions(connection, number)}, {**told, "functions": functions})
        return False
    number = (connection.execute(insert(table).values(row)).inserted_primary_key or (0,))[0]
    for function in functions:
        parts = {name: function.pop(name) for name in ("accesses", "defects")}
        common = {"judgement_id": number, "function_ordinal": function["function_ordinal"]}
        connection.execute(insert(schema.judged_functions).values({**function, "judgement_id": number}))
        for part in (schema.accesses, schema.defects):
            if parts[part.name]:
                connection.execute(insert(part), [{**row, **common} for row in parts[part.name]])
    return True


def _take_run(connection: Connection, told: Row) -> bool:
    parts = {"run_probes": told.pop("probes"), "answers": told.pop("answers")}
    table = schema.runs
    there = connection.execute(select(table).where(table.c.uid == told["uid"])).first()
    if there is not None:
        ours = _told(table, there._asdict())
        number = ours.pop("id")
        ours |= {name: _parts(connection, schema.metadata.tables[name], "run_id", number) for name in parts}
        _agree("runs", _without_number(ours), _without_number({**told, **parts}))
        return False
    row = _stored(table, told)
    number = (connection.execute(insert(table).values(row)).inserted_primary_key or (0,))[0]
    if row["document"] is not None:  # it says which run it is of
        document = _RUN_NUMBER.sub(rf"\g<1>{number}", row["document"], count=1)
        connection.execute(update(table).where(table.c.id == number).values(document=document))
    for name, rows in parts.items():
        if rows:
            connection.execute(insert(schema.metadata.tables[name]), [{**row, "run_id": number} for row in rows])
    return True


def _without_number(run: Row) -> Row:
    document = run["document"]
    return run if document is None else {**run, "document": _RUN_NUMBER.sub(r"\g<1>0", document, count=1)}


def _agree(kind: str, ours: Row, theirs: Row) -> None:
    differs = _DIFFERS.get(kind, frozenset())
    wrong = sorted(name for name in ours if name not in differs and ours[name] != theirs.get(name))
    if wrong:
        raise ConflictError(
            f"Two {kind} of the same name differ in {', '.join(wrong)}, so nothing was taken in: find out which is "
            f"right and correct the other history. Here: {_shown(ours, wrong)} There: {_shown(theirs, wrong)}"
        )


def _shown(row: Row, wrong: list[str]) -> str:
    """The row with its name and what differs; what is long is cut."""
    short = {name: value for name, value in row.items() if name in wrong or not isinstance(value, (list, dict))}
    told = json.dumps(short, ensure_ascii=False)
    return told if len(told) <= 2000 else told[:2000] + "…"


def _functions(connection: Connection, judgement: int) -> list[Row]:
    found = _parts(connection, schema.judged_functions, "judgement_id", judgement)
    for name, table in (("accesses", schema.accesses), ("defects", schema.defects)):
        parts = defaultdict(list)
        for row in _parts(connection, table, "judgement_id", judgement):
            parts[row.pop("function_ordinal")].append(row)
        for function in found:
            function[name] = parts[function["function_ordinal"]]
    return found


def _parts(connection: Connection, table: Table, owner: str, number: int) -> list[Row]:
    """The rows that belong to another, in order, without its number."""
    rows = connection.execute(select(table).where(table.c[owner] == number).order_by(*table.primary_key)).all()
    told = [_told(table, row._asdict()) for row in rows]
    for row in told:
        del row[owner]
    return told


def _ordered(connection: Connection, table: Table) -> Iterator[Row]:
    with connection.execution_options(yield_per=500).execute(select(table).order_by(*table.primary_key)) as rows:
        for row in rows:
            yield row._asdict()


def _told(table: Table, row: Row) -> Row:
    """As JSON has it."""
    return {name: _out(table.c[name], value) for name, value in row.items()}


def _out(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - whatever JSON and columns hold
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _stored(table: Table, told: Row) -> Row:
    """As the database has it; every column must be told, and nothing else."""
    names = {column.name for column in table.columns} - ({"id"} if "id" in table.c else set())
    if unknown := set(told) ^ names:
        raise ValueError(f"{table.name} has {', '.join(sorted(names))}; look at {', '.join(sorted(unknown))}")
    return {name: _in(table.c[name], value) for name, value in told.items()}


def _in(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - for the same reason
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    return date.fromisoformat(value) if column.type.python_type is date else value


def _line(told: Row) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"
