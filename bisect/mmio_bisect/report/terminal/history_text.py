"""Answers from the history for people in a terminal."""

from collections.abc import Mapping, Sequence
from itertools import groupby, zip_longest
from typing import Any

from rich.text import Text

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.report.terminal.answers import VERDICT_STYLES
from mmio_bisect.report.terminal.sweep_matrix import GLYPHS
from mmio_bisect.report.terminal.tables import columns, counted, moment_text
from mmio_bisect.workflow.history.history_queries import (
    CellRow,
    CodeChangeRow,
    Matrix,
    MatrixRow,
    NoteRow,
    Paged,
    Statistics,
    TransitionRow,
)
from mmio_bisect.workflow.history.regressions import Changed, Life, clusters

_LEGEND = ", ".join(f"{glyph} {verdict}" for verdict, glyph in GLYPHS.items()) + ", blank: not measured"
_COLUMN = 2
_SHORT = 12


def matrix_text(found: Paged[Matrix], *, width: int) -> Text:
    """A block a series, broken where the terminal ends; the LLVM major version stands over the versions."""
    text = Text()
    for matrix in found.rows:
        text.append(f"{matrix.series}\n", style="bold")
        labels = _labels(matrix.rows)
        margin = max(map(len, labels), default=0)
        room = max(1, (width - margin) // _COLUMN - 1)
        for start in range(0, len(matrix.columns), room):
            text.append_text(_block(matrix, labels, slice(start, start + room)))
            text.append("\n")
        if matrix.older:
            text.append(f"{counted(matrix.older, 'older version')} not shown.\n\n", style="dim")
    if not found.rows:
        return Text("Nothing fits.\n")
    text.append(f"{_LEGEND}\n", style="dim")
    text.append(_extent(sum(len(matrix.rows) for matrix in found.rows), found, "row"), style="dim")
    return text


def cells_text(found: Paged[CellRow]) -> str:
    if not found.rows:
        return "No outcomes fit.\n"
    rows = [
        (
            row.cell_key.removeprefix("sha256:")[:_SHORT],
            f"{row.recipe}.{row.language}",
            f"{row.series}@{row.version}",
            f"{row.family} {row.compiler_version}",
            row.target,
            f"-O{row.opt}",
            row.verdict if row.kind == "object" else row.kind,
            row.marks,
        )
        for row in found.rows
    ]
    head = ("cell", "case", "point", "compiler", "target", "level", "verdict", "defects")
    return columns(rows, head=head) + "\n" + _extent(len(rows), found, "outcome")


def transitions_text(found: Paged[TransitionRow], lives: Mapping[TransitionRow, Life]) -> Text:
    """By what changed and how; series that changed with the same LLVM stand together, so do levels."""
    if not found.rows:
        return Text("No transitions fit.\n")
    text = Text()
    for (case, target), of_case in groupby(found.rows, key=lambda row: (f"{row.recipe}.{row.language}", row.target)):
        text.append(f"{case} {target}\n", style="bold")
        for mark, rows in groupby(of_case, key=lambda row: (row.function, row.access, row.kind, row.change)):
            function, access, kind, change = mark
            style = "red" if change == Change.INTRODUCED else "green"
            text.append(f"  {change:<10} ", style=style)
            text.append(f"{kind} in {function}{f' of {access}' if access else ''}\n")
            _append_clusters(text, list(rows), lives)
    text.append(_extent(len(found.rows), found, "transition"), style="dim")
    return text


def code_changes_text(found: Paged[CodeChangeRow]) -> Text:
    if not found.rows:
        return Text("No changes of code fit.\n")
    text = Text()
    for (case, target), rows in groupby(found.rows, key=lambda row: (f"{row.recipe}.{row.language}", row.target)):
        text.append(f"{case} {target}\n", style="bold")
        _append_clusters(text, list(rows), {})
    text.append(_extent(len(found.rows), found, "change"), style="dim")
    return text


def statistics_text(found: Statistics) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.kinds)
    rows = [
        ("outcomes", f"{found.outcomes:,}" + (f" ({kinds})" if kinds else "")),
        ("objects", f"{found.objects:,} different, {size_text(found.object_bytes)}"),
        ("judgements", f"{found.judgements:,}, with {counted(found.vectors, 'different verdict')}"),
        ("transitions", f"{found.transitions:,}"),
        ("code changes", f"{found.code_changes:,}"),
        ("toolchains", f"{found.toolchains:,}"),
        ("recipes", f"{found.recipes:,}"),
        ("runs", f"{found.runs:,}"),
    ]
    if found.first and found.last:
        rows.append(("recorded", f"{moment_text(found.first)} to {moment_text(found.last)}"))
    if found.size is not None:
        rows.append(("database", size_text(found.size)))
    text = columns(rows) + "\n"
    if found.series:
        head = ("series", "points", "good", "bad", "untestable")
        table = [tuple(f"{value:,}" if isinstance(value, int) else value for value in row) for row in found.series]
        text += "\n" + columns(table, head=head, right=frozenset({1, 2, 3, 4})) + "\n"
    return text


def rows_text(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """What free SQL gave."""
    table = [["" if value is None else _plain(value) for value in row] for row in rows]
    return columns(table, head=head) + "\n"


def _plain(value: object) -> str:
    return f"({len(value)} bytes)" if isinstance(value, bytes) else " ".join(str(value).split())


def notes_text(notes: Sequence[NoteRow]) -> str:
    if not notes:
        return "No notes yet.\n"
    rows = [
        (
            moment_text(note.recorded),
            note.author,
            " ".join(filter(None, (note.recipe, note.series, note.target, note.function, note.access, note.defect))),
            note.state,
            " ".join(filter(None, (note.text, note.link))),
        )
        for note in notes
    ]
    return columns(rows, head=("when", "who", "about", "state", "note")) + "\n"


def _append_clusters(text: Text, rows: Sequence[Changed], lives: Mapping[TransitionRow, Life]) -> None:
    for cluster in clusters(rows):
        life = next((lives[row] for row in cluster.rows if isinstance(row, TransitionRow) and row in lives), None)
        text.append(f"    {cluster.name}" if cluster.name else "   ", style="cyan")
        text.append(f"  [{life}]\n" if life else "\n")
        for note in life.notes if life else ():
            text.append(f"      {moment_text(note.recorded)[:10]} {note.author}: {note.text}\n" if note.text else "")
        steps: dict[tuple[str, str, str, int], list[str]] = {}
        for row in cluster.rows:
            place = (row.series, row.last_version, row.first_version, row.untestable)
            steps.setdefault(place, []).append(row.opt)
        for (series, last, first, untestable), opts in steps.items():
            between = f" ({untestable} untestable between)" if untestable else ""
            levels = ",".join(f"-O{opt}" for opt in sorted(set(opts)))
            text.append(f"      {series}@{last} → {first}{between}  {levels}\n")


def _labels(rows: Sequence[MatrixRow]) -> list[str]:
    several = len({row.target for row in rows}) > 1
    names, before = [], None
    for row in rows:
        name = f"{row.recipe}.{row.language}" + (f" {row.target}" if several else "")
        names.append("" if name == before else name)
        before = name
    widest = max(map(len, names), default=0)
    return [
        f"{name.ljust(widest)}  -O{row.opt}{f' {row.extra}' if row.extra else ''}"
        for name, row in zip(names, rows, strict=True)
    ]


def _block(matrix: Matrix, labels: Sequence[str], part: slice) -> Text:
    margin = max(map(len, labels), default=0)
    shown = matrix.columns[part]
    text = Text()
    longest = max(len(column.version) for column in shown)
    for letters in zip_longest(*(column.version.rjust(longest) for column in shown), fillvalue=" "):
        text.append(f"{' ' * margin} {' '.join(letters)}".rstrip() + "\n", style="bold")
    text.append(_llvm_lines(margin, [column.llvm for column in shown]), style="cyan")
    for row, label in zip(matrix.rows, labels, strict=True):
        line = Text(f"{label.ljust(margin)} ")
        for cell in row.cells[part]:
            verdict = None if cell is None else Verdict(cell.verdict)
            line.append(GLYPHS[verdict] if verdict else " ", style=VERDICT_STYLES[verdict] if verdict else "")
            line.append(" ")
        line.rstrip()
        text.append_text(line)
        text.append("\n")
    return text


def _llvm_lines(margin: int, versions: Sequence[str | None]) -> str:
    """Major versions of LLVM, upright like the versions above them."""
    majors = [(version or "").split(".")[0].split("~")[0] for version in versions]
    longest = max(map(len, majors), default=0)
    rows = zip_longest(*(major.rjust(longest) for major in majors), fillvalue=" ")
    names = ["LLVM".rjust(margin), *[" " * margin] * longest]
    return "".join(f"{name} {' '.join(letters)}".rstrip() + "\n" for name, letters in zip(names, rows, strict=False))


def _extent(shown: int, found: Paged[Any], noun: str) -> str:
    if found.total is None:
        return f"{counted(shown, noun)}{', and there are more: --page or --limit' if found.more else ''}.\n"
    if not found.more and found.total == shown:
        return f"{counted(shown, noun)}.\n"
    return f"{shown:,} of {counted(found.total, noun)}: --page or --limit shows others.\n"
