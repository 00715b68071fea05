"""What the watch and its configuration are built of, beside what `wiring` builds for every command."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmio_bisect.adapters.config.configuration_file import TEMPLATE, find, load
from mmio_bisect.adapters.config.schedule import Schedule
from mmio_bisect.adapters.held_folder import try_hold
from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.notify.notifier import AppriseMessenger
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.composition.pages import make_folder, write_file, write_page
from mmio_bisect.composition.wiring import default_database
from mmio_bisect.domain.run import FinishedRun
from mmio_bisect.errors import StoreError, WatchBusyError, from_os_error
from mmio_bisect.report.documents.notices import change_notice, event_notice, traced_notice
from mmio_bisect.report.documents.run_documents import replay, run_text
from mmio_bisect.report.documents.watch_documents import tick_text
from mmio_bisect.workflow.bisect.follow import DescentLevel
from mmio_bisect.workflow.history.history_queries import Filters
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.watch.assignments import assign
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.news import PendingDescent
from mmio_bisect.workflow.watch.notices import Notice, Outbox
from mmio_bisect.workflow.watch.values import Bisected, Finding, Watch, WatchLog

__all__ = ["TEMPLATE", "find", "hold_watch", "load", "open_outbox", "open_watch", "schedule_of"]


@contextmanager
def open_watch(config: Configuration, wiring: Wiring, log: WatchLog) -> Iterator[Watch]:
    """Raises as `assign`, and `DatabaseError`."""
    jobs = assign(config, wiring)
    with wiring.history() as history, open_outbox(config) as outbox:
        yield Watch(
            config=config,
            jobs=jobs,
            wiring=wiring,
            history=history,
            outbox=outbox,
            messenger=AppriseMessenger(config.channels),
            documents=WatchDocuments(config=config, wiring=wiring, history=history),
            log=log,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchDocuments:
    """The `Documents` of the workflow: words of `report`, in files where the configuration wants them."""

    config: Configuration
    wiring: Wiring
    history: History

    run_text = staticmethod(run_text)
    tick_text = staticmethod(tick_text)
    event_notice = staticmethod(event_notice)

    def finished_run(self, run: int) -> FinishedRun | None:
        return replay(self.history.run(run), self.history.outcomes(run=run))

    def change_notice(self, finding: Finding, levels: tuple[DescentLevel, ...]) -> Notice:
        group, bisection = finding.group, finding.bisection
        if not isinstance(bisection, Bisected):
            return change_notice(finding, levels, None, None)
        record = self.history.run(bisection.run)
        notice = change_notice(finding, levels, record, self.finished_run(bisection.run))
        return self._reported(f"{group.series}-{group.points[-1].version}-{record.case}-{group.change}", notice)

    def traced_notice(self, series: str, pending: PendingDescent, levels: tuple[DescentLevel, ...]) -> Notice:
        record = self.history.run(pending.run)
        notice = traced_notice(series, pending, levels)
        return self._reported(f"{series}-{record.last}-{record.case}-descent-{pending.run}", notice)

    def _reported(self, name: str, notice: Notice) -> Notice:
        make_folder(self.config.reports)
        file = re.sub(r"[^\w.+-]+", "-", name)
        write_file(self.config.reports / f"{file}.md", notice.markdown)
        return notice

    def write_page(self) -> None:
        if self.config.page is not None:
            make_folder(self.config.page.parent)
            write_page(self.config.page, self.wiring, Filters(profile=self.config.profile))


def open_outbox(config: Configuration) -> AbstractContextManager[Outbox]:
    """Raises `DatabaseError`."""
    return SqlOutbox(open_history_database(config.database or default_database()))


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
        raise from_os_error(
            error, f"The watch's folder {folder} cannot be made", StoreError, "give another --store"
        ) from error
    if hold is None:
        raise WatchBusyError(f"Another watch is at work ({folder} is held): wait for it, or give another --store.")
    with hold:
        yield
