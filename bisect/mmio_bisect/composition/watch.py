"""What the watch and its configuration are built of, beside what `wiring` builds for every command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmio_bisect.adapters.config.configuration_file import TEMPLATE, find, load
from mmio_bisect.adapters.config.schedule import Schedule
from mmio_bisect.adapters.held_folder import try_hold
from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.notify.notifier import AppriseMessenger
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.composition.wiring import default_database
from mmio_bisect.errors import StoreError, WatchBusyError
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.notices import Messenger, Outbox

__all__ = ["TEMPLATE", "Schedule", "find", "hold_watch", "load", "messenger_of", "open_outbox", "schedule_of"]


@contextmanager
def open_outbox(config: Configuration) -> Iterator[Outbox]:
    """Raises `DatabaseError`."""
    with SqlOutbox(open_history_database(config.database or default_database())) as outbox:
        yield outbox


def messenger_of(config: Configuration) -> Messenger:
    return AppriseMessenger(config.channels)


def schedule_of(config: Configuration) -> Schedule:
    """Raises `InvalidConfigurationError` for words that mean no time."""
    return Schedule(config.schedule, config.timezone)


@contextmanager
def hold_watch(store: Path) -> Iterator[None]:
    """One watch a store; the kernel lets go of the lock however its holder ends. Raises `WatchBusyError`."""
    folder = store.absolute().parent / "watch"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hold = try_hold(folder)
    except OSError as error:
        raise StoreError(
            f"The watch's folder {folder} cannot be made ({error.strerror}): give another --store."
        ) from error
    if hold is None:
        raise WatchBusyError(f"Another watch is at work ({folder} is held): wait for it, or give another --store.")
    with hold:
        yield
