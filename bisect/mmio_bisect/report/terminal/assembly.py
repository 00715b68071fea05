"""Two compilers' code for one function, side by side: equal instructions on one line, the offending ones marked.

Where the terminal is too narrow the two stand one below the other. Long functions are shown around what differs.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from mmio_bisect.domain.access import Defect
from mmio_bisect.domain.outcome import FunctionJudgement, ListingLine
from mmio_bisect.report.explain.emulators import Emulators, emulators_of, emulators_text

MARK = "▶"
UNSEEN = "?"
_GAP = " │ "
_ELIDED = "⋮"
_CONTEXT = 4
_LONG = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One compiler's side: a title and the function as judged."""

    title: str
    function: FunctionJudgement


def absent(name: str) -> FunctionJudgement:
    """What stands beside a function that the other side lacks."""
    return FunctionJudgement(function=name, accesses=(), defects=(), listing=())


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a column; `key` is what must be equal for two rows to stand beside each other."""

    text: str = ""
    key: str = ""
    marked: bool = False


_EMPTY = _Row()


def side_by_side(left: Column, right: Column, *, width: int) -> Text:
    """Both listings in at most `width` columns, and below them why each marked instruction is wrong."""
    left_rows, right_rows = _rows(left.function), _rows(right.function)
    pairs = _elided(list(_aligned(left_rows, right_rows)))
    left_width = max(len(left.title), *(len(row.text) for row, _ in pairs), 0)
    right_width = max(len(right.title), *(len(row.text) for _, row in pairs), 0)
    if left_width + len(_GAP) + right_width > width:
        text = Text("\n").join([_single(left, left_rows), _single(right, right_rows)])
    else:
        text = Text()
        text.append(f"{left.title.ljust(left_width)}{_GAP}{right.title}\n", style="bold")
        for left_row, right_row in pairs:
            text.append(left_row.text.ljust(left_width), style=_style(left_row))
            text.append(_GAP, style="dim")
            text.append(right_row.text, style=_style(right_row))
            text.append("\n")
    for column in (left, right):
        text.append_text(_notes(column.function))
    return _stripped(text)


def listing(column: Column) -> Text:
    """One listing, and below it its defects and what was not seen."""
    text = _single(column, _rows(column.function))
    text.append_text(_notes(column.function))
    return _stripped(text)


def _notes(function: FunctionJudgement) -> Text:
    return defect_notes((*function.defects, *function.unseen), emulators_of(function))


def defect_notes(defects: Sequence[Defect], emulators: Emulators | None = None) -> Text:
    """A line a defect: the instruction, the kind, why, and which hypervisors carry it out all the same."""
    text = Text()
    for defect in defects:
        mark, colour = (UNSEEN, "yellow") if defect.kind.unseen else (MARK, "red")
        text.append(f"{mark} ", style=f"bold {colour}")
        if defect.instruction is not None:
            place = "" if defect.position is None else f"{defect.position:#x} "
            text.append(f"{place}{_instruction(defect.instruction, pad=False)}  ", style=colour)
        text.append(defect.kind.value, style="bold")
        if defect.access:
            text.append(f" of {defect.access}")
        emulated = (emulators or {}).get(defect)
        text.append(f": {defect.why}{f'; {emulators_text(emulated)}' if emulated else ''}\n")
    return text


def _rows(function: FunctionJudgement) -> list[_Row]:
    wrong = {(defect.code, defect.position) for defect in function.defects}
    rows: list[_Row] = []
    code = function.function
    for line in function.listing:
        if line.code != code:
            code = line.code
            rows.append(_Row(text=f"  {code}:", key=f"{code}:"))
        rows.append(_row(line, marked=(line.code, line.position) in wrong))
    return rows or [_Row(text="  (no code)", key="(no code)")]


def _row(line: ListingLine, *, marked: bool) -> _Row:
    instruction = _instruction(line.text)
    return _Row(
        text=f"{MARK if marked else ' '} {line.position:>4x}  {instruction}",
        key=" ".join(instruction.split()),
        marked=marked,
    )


def _instruction(text: str, *, pad: bool = True) -> str:
    """Mnemonic and operands; padded so that operands stand in one column, whatever the disassembler put between."""
    mnemonic, *operands = text.split(maxsplit=1)
    if not operands:
        return mnemonic
    return f"{mnemonic:<7} {operands[0]}" if pad else f"{mnemonic} {operands[0]}"


def _aligned(left: list[_Row], right: list[_Row]) -> Iterator[tuple[_Row, _Row]]:
    matcher = difflib.SequenceMatcher(None, [row.key for row in left], [row.key for row in right], autojunk=False)
    for _, left_low, left_high, right_low, right_high in matcher.get_opcodes():
        for step in range(max(left_high - left_low, right_high - right_low)):
            yield (
                left[left_low + step] if left_low + step < left_high else _EMPTY,
                right[right_low + step] if right_low + step < right_high else _EMPTY,
            )


def _elided(pairs: list[tuple[_Row, _Row]]) -> list[tuple[_Row, _Row]]:
    """Of a long function, only what lies near a difference or a mark; its head if nothing does."""
    if len(pairs) <= _LONG:
        return pairs
    telling = [place for place, (a, b) in enumerate(pairs) if a.key != b.key or a.marked or b.marked]
    kept = {near for place in telling for near in range(place - _CONTEXT, place + _CONTEXT + 1)}
    return list(_with_gaps(pairs, kept or set(range(_LONG))))


def _with_gaps(pairs: list[tuple[_Row, _Row]], kept: set[int]) -> Iterator[tuple[_Row, _Row]]:
    for shown, places in groupby(range(len(pairs)), key=kept.__contains__):
        some = [pairs[place] for place in places]
        gap = _Row(text=f"     {_ELIDED}  {len(some)} more")
        yield from some if shown else [(gap, gap)]


def _single(column: Column, rows: list[_Row]) -> Text:
    text = Text()
    text.append(f"{column.title}\n", style="bold")
    for row, _ in _elided([(row, row) for row in rows]):
        text.append(f"{row.text}\n", style=_style(row))
    return text


def _style(row: _Row) -> str:
    return "red" if row.marked else ""


def _stripped(text: Text) -> Text:
    """Without blanks at the ends of lines, so that what is copied from a terminal is clean."""
    lines = text.split("\n", allow_blank=True)
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)
