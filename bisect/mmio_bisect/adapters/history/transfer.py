"""The history as lines of JSON, out and in; the README has the schema.

Rows are named by what they are (digests, points, the names of runs), never by numbers that another database gave. What
is there already must say the same as what comes in, but for what may differ from machine to machine: when, how long,
under which paths. Anything else is a conflict, and then nothing is taken in.
"""

import base64
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, insert, select, update

from mmio_bisect.adapters.foreign_input import refusing
from mmio_bisect.adapters.history import objects, schema
from mmio_bisect.adapters.history.rows import insert_numbered
from mmio_bisect.adapters.history.timeline.rebuild import rebuild
from mmio_bisect.domain.outcome import OutcomeKind
from mmio_bisect.errors import ConflictError, InvalidExportError
from mmio_bisect.redaction import redact, redact_document, redact_words
from mmio_bisect.workflow.history.upkeep import Imported

FORMAT = "mmio-bisect-history"
VERSION = int(schema.HEAD)
"""Of the columns: an export of an older version lacks those that came later. The first exports call theirs 1."""

Row = dict[str, Any]

_PLAIN = (schema.toolchains, schema.points, schema.cases, schema.objects, schema.outcomes, schema.words)
"""In an order in which each builds on those before only."""
_DIFFERS = {
    "outcomes": frozenset({"case_digest", "argv", "sandbox", "output", "seconds", "recorded"}),
    "judgements": frozenset({"recorded"}),
    "points": frozenset({"sort_key", "remembered"}),
    "words": frozenset({"data"}),  # compilers print addresses of their own memory
    "objects": frozenset({"data"}),  # its digest says what it is; how it was deflated may differ
}
_OF_JUDGEMENT = ("object_digest", "expectation_digest", "profile", "rules")
_MOST_UNPACKED, _MOST_RATIO = 1 << 30, 100
"""Objects are a fifth as long as that when they are packed, not a hundredth."""
_RUN_NUMBER = re.compile(r'("run": )\d+')


def export(connection: Connection) -> Iterator[str]:
    yield _line({"format": FORMAT, "version": VERSION})
    for table in _PLAIN:
        yield from (_line({"row": table.name, **_exported(table, row)}) for row in _ordered(connection, table))
    for row in _ordered(connection, schema.judgements):
        exported = _exported(schema.judgements, row)
        number = exported.pop("id")
        yield _line({"row": "judgements", **exported, "functions": _functions(connection, number)})
    for row in _ordered(connection, schema.runs):
        exported = _exported(schema.runs, row)
        number = exported.pop("id")
        yield _line({"row": "runs", **exported, "probes": _parts(connection, schema.run_probes, "run_id", number)})
    for row in _ordered(connection, schema.notes):
        yield _line({"row": "notes", **_exported(schema.notes, row)})


def take_in(connection: Connection, lines: Iterable[str]) -> Imported:
    """Within the caller's transaction."""
    new: Counter[str] = Counter()
    known = 0
    rows = _read(lines)
    version = _version(next(rows, None))
    taker = _Taker(connection, older=version < VERSION)
    for number, exported in enumerate(rows, start=2):
        kind = exported.pop("row", None)
        with _reading(number):
            fresh = taker.take(kind, exported)
        if fresh:
            new[str(kind)] += 1
        else:
            known += 1
    if new:
        rebuild(connection)
    return Imported(new=dict(new), known=known)


def _read(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        with _reading(number, "is not JSON"):
            exported = json.loads(line)
        if not isinstance(exported, dict):
            raise InvalidExportError(f"Line {number} of the export is not a JSON object: export anew.")
        yield exported


def _reading(number: int, what: str = "cannot be read") -> AbstractContextManager[None]:
    return refusing(
        lambda why: InvalidExportError(f"Line {number} of the export {what} ({why}): export anew."), zlib.error
    )


def _version(head: Row | None) -> int:
    """From the first line, which says what this is."""
    if head is None:
        raise InvalidExportError("The export is empty: make one with `mmio-bisect history export`.")
    version = head.get("version")
    if head.get("format") != FORMAT or not isinstance(version, int):
        raise InvalidExportError("That is not an export of a history: make one with `mmio-bisect history export`.")
    if version > VERSION:
        raise InvalidExportError(
            f"The export has version {version}, and this mmio-bisect knows up to {VERSION}: upgrade it."
        )
    return version


@dataclass(slots=True, kw_only=True)
class _Taker:
    """Takes rows in; those of an `older` export lack the columns that came later.

    `packed` and `unpacked` count the bytes of the objects.
    """

    connection: Connection = field(kw_only=False)
    older: bool
    packed: int = 0
    unpacked: int = 0

    def take(self, kind: object, exported: Row) -> bool:
        """Whether it was new."""
        plain = {table.name: table for table in (*_PLAIN, schema.notes)}
        if isinstance(kind, str) and kind in plain:
            return self._take_row(plain[kind], _without_passwords(kind, exported))
        if kind == "judgements":
            return self._take_judgement(exported)
        if kind == "runs":
            return self._take_run(_without_passwords(kind, exported))
        raise ValueError(f"no kind of row: {kind}")

    def _take_row(self, table: Table, exported: Row) -> bool:
        row = self._stored(table, exported)
        ours = self._there(table, row, tuple(column.name for column in table.primary_key))
        if ours is None:
            if table is schema.objects:
                self._check_object(row)
            self._insert(table, [row])
            return True
        _agree(table.name, ours, _exported(table, row))
        if table is schema.points and exported["remembered"] > ours["remembered"]:
            of_point = [table.c[column.name] == row[column.name] for column in table.primary_key]
            values = {"remembered": exported["remembered"], "sort_key": exported["sort_key"]}
            self.connection.execute(update(table).where(*of_point).values(values))
            return True
        return False

    def _check_object(self, row: Row) -> None:
        """Whoever judges it again will trust its digest, and unpack it."""
        size = objects.check(row["digest"], row["data"])
        if size != row["size"]:
            raise ValueError(f"the object {row['digest']} has {size} bytes and not {row['size']}")
        self.packed, self.unpacked = self.packed + len(row["data"]), self.unpacked + size
        if self.unpacked > max(_MOST_UNPACKED, _MOST_RATIO * self.packed):
            raise ValueError(f"its objects unpack to more than {_MOST_RATIO} times their size")

    def _take_judgement(self, exported: Row) -> bool:
        functions = exported.pop("functions")
        table = schema.judgements
        row = self._stored(table, exported)
        ours = self._there(table, row, _OF_JUDGEMENT)
        if ours is not None:
            ours["functions"] = _functions(self.connection, ours.pop("id"))
            _agree(table.name, ours, {**exported, "functions": functions})
            return False
        number = insert_numbered(self.connection, table, row)
        for function in functions:
            parts = {part: function.pop(part.name) for part in (schema.accesses, schema.defects)}
            common = {"judgement_id": number, "function_ordinal": function["function_ordinal"]}
            self._insert(schema.judged_functions, [{**function, "judgement_id": number}])
            for part, rows in parts.items():
                self._insert(part, [{**row, **common} for row in rows])
        return True

    def _take_run(self, exported: Row) -> bool:
        probes = exported.pop("probes")
        if self.older:
            exported.pop("answers", None)  # the document says the same
        table = schema.runs
        row = self._stored(table, exported)
        ours = self._there(table, row, ("uid",))
        if ours is not None:
            ours["probes"] = _parts(self.connection, schema.run_probes, "run_id", ours.pop("id"))
            _agree(table.name, _numbered(ours, 0), _numbered({**exported, "probes": probes}, 0))
            return False
        number = insert_numbered(self.connection, table, row)
        self.connection.execute(update(table).where(table.c.id == number).values(_numbered(row, number)))
        self._insert(schema.run_probes, [{**probe, "run_id": number} for probe in probes])
        return True

    def _there(self, table: Table, row: Row, key: tuple[str, ...]) -> Row | None:
        """The row of that key, as JSON has it."""
        found = self.connection.execute(select(table).where(*(table.c[name] == row[name] for name in key))).first()
        return None if found is None else _exported(table, found._asdict())

    def _insert(self, table: Table, rows: list[Row]) -> None:
        if rows:
            self.connection.execute(insert(table), rows)

    def _stored(self, table: Table, exported: Row) -> Row:
        """As the database has it; every column must be exported, and nothing else."""
        names = {column.name for column in table.columns} - ({"id"} if "id" in table.c else set())
        later = {column.name for column in table.columns if column.nullable or column.server_default is not None}
        if unknown := (set(exported) ^ names) - (later - set(exported) if self.older else set()):
            raise ValueError(f"{table.name} has {', '.join(sorted(names))}; look at {', '.join(sorted(unknown))}")
        return {name: _in(table.c[name], value) for name, value in exported.items()}


def _without_passwords(kind: str, exported: Row) -> Row:
    """An older version let some in: what a user typed, and errors."""
    match kind, exported:
        case "runs", {"argv": argv, "document": document}:
            hidden = None if document is None else redact_document(document)
            return {**exported, "argv": list(redact_words(argv)), "document": hidden}
        case "notes", {"link": link, "text": text}:
            return {**exported, "link": redact(link), "text": redact(text)}
        case "outcomes", {"kind": OutcomeKind.NO_TOOLCHAIN, "output": output}:
            return {**exported, "output": redact(output)}
        case _:
            return exported


def _numbered(run: Row, number: int) -> Row:
    """With this number in its document, which says which run it is of."""
    document = run["document"]
    return run if document is None else {**run, "document": _RUN_NUMBER.sub(rf"\g<1>{number}", document, count=1)}


def _agree(kind: str, ours: Row, theirs: Row) -> None:
    differs = _DIFFERS.get(kind, frozenset())
    wrong = sorted(name for name in theirs if name not in differs and not _same(ours[name], theirs[name]))
    if wrong:
        raise ConflictError(
            f"Two {kind} of the same name differ in {', '.join(wrong)}, so nothing was taken in: find out which is "
            f"right and correct the other history. Here: {_shown(ours, wrong)} There: {_shown(theirs, wrong)}"
        )


def _same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    """As far as theirs tells: a row of an older export lacks columns, its parts do too."""
    match ours, theirs:
        case dict(), dict():
            return all(name in ours and _same(ours[name], value) for name, value in theirs.items())
        case list(), list():
            return len(ours) == len(theirs) and all(map(_same, ours, theirs))
        case _:
            return bool(ours == theirs)


def _shown(row: Row, wrong: list[str]) -> str:
    """The row with its name and what differs; what is long is cut."""
    short = {name: value for name, value in row.items() if name in wrong or not isinstance(value, (list, dict))}
    exported = json.dumps(short, ensure_ascii=False)
    return exported if len(exported) <= 2000 else exported[:2000] + "…"


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
    exported = [_exported(table, row._asdict()) for row in rows]
    for row in exported:
        del row[owner]
    return exported


def _ordered(connection: Connection, table: Table) -> Iterator[Row]:
    with connection.execution_options(yield_per=500).execute(select(table).order_by(*table.primary_key)) as rows:
        for row in rows:
            yield row._asdict()


def _exported(table: Table, row: Row) -> Row:
    """As JSON has it."""
    return {name: _out(table.c[name], value) for name, value in row.items()}


def _out(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - whatever JSON and columns hold
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _in(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - for the same reason
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    kind = column.type.python_type
    if kind is date:
        return date.fromisoformat(value)
    # SQLite would take anything.
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError(f"{column.name} is {type(value).__name__} and not {kind.__name__}")
    return value


def _line(exported: Row) -> str:
    return json.dumps(exported, ensure_ascii=False, separators=(",", ":")) + "\n"
