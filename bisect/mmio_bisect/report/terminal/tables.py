"""Plain columns and ages: what lists look like in a terminal and in a pipe alike."""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], *, head: Sequence[str] = (), right: frozenset[int] = frozenset()) -> str:
    """Rows as aligned columns, two blanks between; the columns numbered in `right` are flush right."""
    table = [tuple(head), *rows] if head else list(rows)
    if not table:
        return ""
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def age_text(seconds: float) -> str:
    """How long ago, in the largest whole unit: `3 days ago`."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (count := int(seconds // length)) >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def moment_text(moment: str) -> str:
    """An ISO 8601 time in UTC, to the second."""
    return f"{moment[:19].replace('T', ' ')} UTC"


def counted(count: int, noun: str) -> str:
    """`1 probe`, `2 probes`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
