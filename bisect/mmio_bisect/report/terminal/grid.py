"""One glyph a cell, cases down and versions across, so that a whole history fits a terminal.

The glyphs can be told apart without colour. Versions stand upright, one character a line.
"""

from collections.abc import Sequence
from itertools import zip_longest

from rich.text import Text

from mmio_bisect.domain.outcome import Verdict

VERDICT_STYLES = {Verdict.GOOD: "green", Verdict.BAD: "bold red", Verdict.UNTESTABLE: "yellow"}
GLYPHS = {Verdict.GOOD: "·", Verdict.BAD: "✗", Verdict.UNTESTABLE: "?"}
LEGEND = ", ".join(f"{glyph} {verdict}" for verdict, glyph in GLYPHS.items())
_COLUMN = 2


def labels_of(rows: Sequence[tuple[str, str]]) -> list[str]:
    """One a row, of a name and a level: the name stands in the first of its rows only."""
    widest = max((len(name) for name, _ in rows), default=0)
    names = ["", *(name for name, _ in rows)]
    return [
        f"{('' if name == before else name).ljust(widest)}  {level}"
        for before, (name, level) in zip(names, rows, strict=False)
    ]


def blocks(labels: Sequence[str], count: int, width: int) -> list[slice]:
    """As many columns at a time as fit beside the labels."""
    room = max(1, (width - max(map(len, labels), default=0)) // _COLUMN - 1)
    return [slice(start, start + room) for start in range(0, count, room)]


def block(
    labels: Sequence[str],
    versions: Sequence[str],
    rows: Sequence[Sequence[Verdict | None]],
    *,
    majors: Sequence[str] | None = None,
) -> Text:
    """`majors` are LLVM's, below the versions; a cell that is None was not measured."""
    margin = max(map(len, labels), default=0)
    text = Text()
    text.append(_upright(versions, margin), style="bold")
    if majors is not None:
        text.append(_upright(majors, margin, "LLVM"), style="cyan")
    for label, cells in zip(labels, rows, strict=True):
        line = Text(f"{label.ljust(margin)} ")
        for verdict in cells:
            line.append(GLYPHS[verdict] if verdict else " ", style=VERDICT_STYLES[verdict] if verdict else "")
            line.append(" ")
        line.rstrip()
        text.append_text(line)
        text.append("\n")
    return text


def _upright(words: Sequence[str], margin: int, name: str = "") -> str:
    longest = max(map(len, words), default=0)
    letters = zip_longest(*(word.rjust(longest) for word in words), fillvalue=" ")
    names = [name.rjust(margin), *[" " * margin] * longest]
    return "".join(f"{name} {' '.join(row)}".rstrip() + "\n" for name, row in zip(names, letters, strict=False))
