"""Opens the history's database; alembic is loaded only where there is something to bring up to date."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmio_bisect.adapters.history.database import Database, Upgrade


def open_history_database(url: str, *, busy_timeout: float | None = None) -> "Database":
    """Raises as `adapters.history.database.open_database`; `busy_timeout` in seconds."""
    from mmio_bisect.adapters.history.database import BUSY_TIMEOUT, open_database  # noqa: PLC0415 - loads SQLAlchemy

    return open_database(url, _load_upgrade, busy_timeout=BUSY_TIMEOUT if busy_timeout is None else busy_timeout)


def _load_upgrade() -> "Upgrade":
    from mmio_bisect.adapters.history.migrate import upgrade  # noqa: PLC0415 - loads alembic

    return upgrade
