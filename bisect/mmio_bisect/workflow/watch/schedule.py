"""Ticks on a schedule, for as long as nobody interrupts. Runs that were missed are made up for by one, at once."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

from mmio_bisect.errors import CancelledError, MmioBisectError, UsageError

_LONGEST_SLEEP = timedelta(seconds=30)


class Times(Protocol):
    def after(self, moment: datetime) -> datetime | None:
        """The first time after that moment, in UTC; None: never again."""


def _now() -> datetime:
    return datetime.now(UTC)


def on_schedule(
    times: Times,
    last: datetime | None,
    tick: Callable[[], object],
    say: Callable[[str], None],
    *,
    now: Callable[[], datetime] = _now,
    sleep: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """`last` is when the last tick began, by whichever process; None: there was none, or it was broken off: one is due.

    It sleeps in short pieces, because a machine that is suspended or whose clock is set wakes at another time. Where
    the clock goes back, the next time is that after now: a tick that began in what is now the future makes nobody
    wait for years. A tick in trouble does not end it. Raises `CancelledError`, and `UsageError` for a schedule without
    a further time.
    """
    begun = last
    while True:
        moment = now()
        due = moment if begun is None else times.after(min(begun, moment))
        if due is None:
            raise UsageError("The schedule has no further time: mend watch.schedule.")
        say(f"next run: {due.isoformat()}")
        while moment < due:
            sleep(min(due - moment, _LONGEST_SLEEP).total_seconds())
            before, moment = moment, now()
            if moment < before:
                break
        if moment < due:  # the clock went back
            begun = moment
            continue
        begun = moment
        try:
            tick()
        except CancelledError:
            raise
        except MmioBisectError as error:
            say(f"trouble: {error}")
