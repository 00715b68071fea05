"""How the watch stands."""

from dataclasses import dataclass
from datetime import datetime

from mmio_bisect.errors import MmioBisectError
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.ranges import matching_points
from mmio_bisect.workflow.watch.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import Delivery, Outbox, Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesStatus:
    """`lag` counts the points beyond the newest that was seen; None: not known."""

    name: str
    state: SeriesState
    lag: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """`due` is when the next tick begins, `used` the bytes in the store."""

    config: Configuration
    last: Tick | None
    due: datetime | None
    series: tuple[SeriesStatus, ...]
    undelivered: tuple[Delivery, ...]
    used: int


def find_status(config: Configuration, wiring: Wiring, outbox: Outbox, due: datetime | None) -> WatchStatus:
    """Listings come from their cache: nothing is asked for that is not too old."""
    states = {one.name: outbox.state(one.name, one.profile) for one in config.series}
    return WatchStatus(
        config=config,
        last=next(iter(outbox.ticks(limit=1)), None),
        due=due,
        series=tuple(
            SeriesStatus(name=one.name, state=states[one.name], lag=_lag(one, states[one.name], wiring))
            for one in config.series
        ),
        undelivered=outbox.pending(),
        used=sum(entry.size for entry in wiring.store().entries()),
    )


def _lag(series: WatchedSeries, state: SeriesState, wiring: Wiring) -> int | None:
    try:
        source = wiring.source(series.name)
        listing = source.listing()
        end = matching_points(series.last, listing, source.interpret)[-1:] if series.last else listing.points[-1:]
    except MmioBisectError:
        return None
    through = state.through
    if not through:
        return None
    return sum(through < point.sort_key <= last.sort_key for point in listing.points for last in end)
