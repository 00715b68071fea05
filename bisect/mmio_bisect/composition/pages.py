"""Files that are written for people: the history's page, and reports."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mmio_bisect import __version__
from mmio_bisect.errors import UsageError, from_os_error
from mmio_bisect.report.documents.keep import write_aside
from mmio_bisect.report.page.page import page
from mmio_bisect.workflow.history.history_queries import ChangeOrder, Filters, Page
from mmio_bisect.workflow.ports.wiring import Wiring

_ALL = Page(limit=1_000_000)


def write_page(html: Path, wiring: Wiring, filters: Filters) -> int:
    """Gives the number of cells. Raises as `write_file`."""
    with wiring.archive() as archive:
        snapshot = archive.snapshot(filters)
        transitions = archive.transitions(filters, ChangeOrder.PLACE, _ALL).rows
        statistics = archive.statistics(filters.profile)
        notes = archive.notes()
    made = f"made by mmio-bisect {__version__} on {datetime.now(UTC):%Y-%m-%d}, profile {filters.profile}"
    write_file(html, page(snapshot, transitions, notes, statistics, made=made))
    return len(snapshot.standings)


def write_file(path: Path, text: str | Iterable[str]) -> None:
    """A half-written file never bears its final name. Raises `UsageError`, `DiskFullError`."""
    try:
        write_aside(path, (part.encode() for part in ([text] if isinstance(text, str) else text)), mode=0o644)
    except OSError as error:
        raise from_os_error(error, f"{path} cannot be written", UsageError, "name another file") from error


def make_folder(folder: Path) -> None:
    """The folder for what the configuration has written. Raises `UsageError`, `DiskFullError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(
            error, f"The folder {folder} cannot be made", UsageError, "name another in the configuration"
        ) from error
