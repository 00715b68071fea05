"""Answers from the history for people in a terminal."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.text import Text

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.llvm import llvm_major
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.report.terminal import grid
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

_SHORT = 12


def matrix_text(found: Paged[Matrix], *, width: int) -> Text:
    """A block a series, broken where the terminal ends; the LLVM major version stands over the versions."""
    text = Text()
    for matrix in found.rows:
        text.append(f"{matrix.series}\n", style="bold")
        labels = _labels(matrix.rows)
        for part in grid.blocks(labels, len(matrix.columns), width):
            versions = [column.version for column in matrix.columns[part]]
            majors = [str(llvm_major(column.llvm) or "") for column in matrix.columns[part]]
            rows = [[cell and Verdict(cell.verdict) for cell in row.cells[part]] for row in matrix.rows]
            text.append_text(grid.block(labels, versions, rows, majors=majors))
            text.append("\n")
        if matrix.older:
            text.append(f"{counted(matrix.older, 'older version')} not shown.\n\n", style="dim")
    if not found.rows:
        return Text("Nothing fits.\n")
    text.append(f"{grid.LEGEND}, blank: not measured\n", style="dim")
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
    return grid.labels_of(
        [
            (
                f"{row.recipe}.{row.language}" + (f" {row.target}" if several else ""),
                f"-O{row.opt}{f' {row.extra}' if row.extra else ''}",
            )
            for row in rows
        ]
    )


def _extent(shown: int, found: Paged[Any], noun: str) -> str:
    if found.total is None:
        return f"{counted(shown, noun)}{', and there are more: --page or --limit' if found.more else ''}.\n"
    if not found.more and found.total == shown:
        return f"{counted(shown, noun)}.\n"
    return f"{shown:,} of {counted(found.total, noun)}: --page or --limit shows others.\n"
