"""Files that are written for people: the history's page, and reports."""

import errno
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mmio_bisect import __version__
from mmio_bisect.errors import DiskFullError, UsageError
from mmio_bisect.report.page.page import page
from mmio_bisect.workflow.history.history_queries import ChangeOrder, Filters, Page
from mmio_bisect.workflow.ports.wiring import Wiring

_ALL = Page(limit=1_000_000)


def write_page(html: Path, wiring: Wiring, filters: Filters) -> int:
    """Gives the number of cells. Raises as `write_aside`."""
    with wiring.archive() as archive:
        snapshot = archive.snapshot(filters)
        transitions = archive.transitions(filters, ChangeOrder.PLACE, _ALL).rows
        statistics = archive.statistics(filters.profile)
        notes = archive.notes()
    made = f"made by mmio-bisect {__version__} on {datetime.now(UTC):%Y-%m-%d}, profile {filters.profile}"
    write_aside(html, page(snapshot, transitions, notes, statistics, made=made))
    return len(snapshot.standings)


def write_aside(path: Path, text: str | Iterable[str]) -> None:
    """A half-written file never bears its final name. Raises `UsageError`, `DiskFullError`."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.absolute().parent, prefix=f".{path.name}.", encoding="utf-8", delete=False
        ) as aside:
            try:
                aside.writelines([text] if isinstance(text, str) else text)
                aside.flush()
                Path(aside.name).chmod(0o644)
                Path(aside.name).replace(path)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(f"No space is left to write {path}: free some.") from error
        raise UsageError(f"{path} cannot be written ({error.strerror}): name another file.") from error
