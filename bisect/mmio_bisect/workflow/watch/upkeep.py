"""After a tick: toolchains, records and reports that are older than the configuration wants them to be are let go."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from mmio_bisect.domain.sizes import size_text
from mmio_bisect.errors import StoreError, from_os_error
from mmio_bisect.workflow.history.upkeep import Before
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.watch.configuration import Configuration


def clean_up(
    config: Configuration, wiring: Wiring, say: Callable[[str], None], *, now: datetime, needed: Collection[int]
) -> None:
    """`needed` are runs that descents still have to go on from. Raises `StoreError`, `DatabaseError`."""
    keep = config.retention
    removed = wiring.store().prune(
        keep_bytes=config.disk,
        keep_count=keep.count,
        used_since=None if keep.toolchains is None else now.timestamp() - keep.toolchains,
    )
    if removed:
        say(f"let go of {len(removed)} toolchains ({size_text(sum(entry.size for entry in removed))})")
    before = Before(runs=_before(now, keep.runs), ticks=_before(now, keep.ticks), notices=_before(now, keep.notices))
    if before != Before():
        with wiring.upkeep() as upkeep:
            gone = upkeep.forget(before, needed=needed)
        if gone.runs or gone.ticks or gone.notices:
            say(f"let go of {gone.runs} runs, {gone.ticks} ticks and {gone.notices} notices")
    if keep.reports is not None:
        _sweep_reports(config, now.timestamp() - keep.reports)


def _before(now: datetime, seconds: float | None) -> str | None:
    """As history writes times."""
    if seconds is None:
        return None
    return (now.astimezone(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def _sweep_reports(config: Configuration, since: float) -> None:
    try:
        for file in config.reports.glob("*.md"):
            if file.stat().st_mtime < since:
                file.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(
            error, f"Old reports in {config.reports} cannot be removed", StoreError, "name another folder for them"
        ) from error
