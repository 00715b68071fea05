"""The toolchain store for people: what is there, how large, and when it was last used."""

import time
from collections.abc import Sequence

from mmio_bisect.domain.sizes import size_text
from mmio_bisect.report.documents.documents import compiler_text
from mmio_bisect.report.terminal.tables import age_text, columns, counted
from mmio_bisect.workflow.ports.store import StoredToolchain


def stored_text(entries: Sequence[StoredToolchain], *, now: float | None = None) -> str:
    """`now` in seconds since the epoch; None: the clock's."""
    moment = time.time() if now is None else now
    rows = [
        (
            ", ".join(map(str, entry.points)),
            compiler_text(entry.toolchain),
            size_text(entry.size),
            "in use" if entry.in_use else age_text(moment - entry.last_used),
        )
        for entry in entries
    ]
    total = f"{counted(len(entries), 'toolchain')}, {size_text(sum(entry.size for entry in entries))}.\n"
    return columns(rows, right=frozenset({2})) + ("\n\n" if rows else "") + total
