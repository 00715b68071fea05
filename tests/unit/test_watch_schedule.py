"""The watch's clock: simulated weeks with a process that is down, a machine that sleeps, and ticks that take long."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from mmio_bisect.adapters.config.schedule import Schedule
from mmio_bisect.errors import CancelledError, DownloadError, UsageError
from mmio_bisect.workflow.watch.schedule import on_schedule

BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(slots=True)
class World:
    """Time goes on by sleeping, and by what the ticks take; it ends with the last of them."""

    takes: Sequence[timedelta]
    oversleeps: dict[datetime, timedelta] = field(default_factory=dict)
    time: datetime = BEGIN
    ticks: list[datetime] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 30
        self.time += timedelta(seconds=seconds)
        for moment, much in list(self.oversleeps.items()):
            if self.time >= moment:
                del self.oversleeps[moment]
                self.time += much
                break

    def tick(self) -> None:
        self.ticks.append(self.time)
        self.time += self.takes[len(self.ticks) - 1]
        if len(self.ticks) == len(self.takes):
            raise CancelledError("enough")

    def run(self, last: datetime | None, schedule: str = "30 6 * * *") -> list[str]:
        with pytest.raises(CancelledError):
            on_schedule(
                Schedule(schedule, "UTC"), last, self.tick, self.said.append, now=lambda: self.time, sleep=self.sleep
            )
        return [f"{moment:%m-%d %H:%M}" for moment in self.ticks]


MINUTE = timedelta(minutes=1)


def test_a_tick_each_morning() -> None:
    assert World(takes=[MINUTE] * 3).run(BEGIN) == ["03-03 06:30", "03-04 06:30", "03-05 06:30"]


def test_the_first_tick_of_all_and_one_that_was_broken_off_are_due_at_once() -> None:
    assert World(takes=[MINUTE] * 2).run(None) == ["03-02 12:00", "03-03 06:30"]


def test_five_missed_nights_are_one_tick_at_once() -> None:
    assert World(takes=[MINUTE] * 2).run(BEGIN - timedelta(days=5)) == ["03-02 12:00", "03-03 06:30"]


def test_a_machine_that_slept_over_three_mornings_ticks_once_when_it_wakes() -> None:
    slept = {datetime(2026, 3, 3, 1, tzinfo=UTC): timedelta(days=3)}
    assert World(takes=[MINUTE] * 2, oversleeps=slept).run(BEGIN) == ["03-06 01:00", "03-06 06:30"]


YEARS = timedelta(days=3650)


def test_a_clock_that_goes_back_by_years_while_it_waits_does_not_make_it_wait_for_years() -> None:
    back = {datetime(2026, 3, 3, 1, tzinfo=UTC): -YEARS}
    world = World(takes=[MINUTE] * 2, oversleeps=back)
    assert world.run(BEGIN) == ["03-05 06:30", "03-06 06:30"]
    assert {moment.year for moment in world.ticks} == {2016}


def test_a_clock_that_goes_forward_by_years_is_one_tick_at_once_and_after_its_correction_the_next_morning() -> None:
    moved = {datetime(2026, 3, 3, 1, tzinfo=UTC): YEARS, datetime(2036, 2, 29, 3, tzinfo=UTC): -YEARS}
    world = World(takes=[MINUTE] * 4, oversleeps=moved)
    assert [f"{moment:%Y}" for moment in (world.run(BEGIN), world.ticks)[1]] == ["2036", "2026", "2026", "2026"]
    assert [f"{moment:%m-%d %H:%M}" for moment in world.ticks[1:]] == ["03-03 06:30", "03-04 06:30", "03-05 06:30"]


def test_a_last_tick_of_the_future_is_no_reason_to_wait_for_it() -> None:
    assert World(takes=[MINUTE] * 2).run(BEGIN + YEARS) == ["03-03 06:30", "03-04 06:30"]


@pytest.mark.parametrize("seed", range(20))
def test_however_the_clock_jumps_no_wait_is_longer_than_a_day_and_some(seed: int) -> None:
    """Measured by what was slept, which no clock changes: 24 h to the next morning, or to it anew after a jump."""
    chance = random.Random(seed)  # noqa: S311 - jumps, not secrets
    world = World(takes=[MINUTE] * 8)
    slept: list[float] = [0.0]

    def sleep(seconds: float) -> None:
        world.sleep(seconds)
        slept[-1] += seconds
        if chance.random() < 0.001:
            world.time += timedelta(seconds=chance.uniform(-1, 1) * 10 ** chance.uniform(0, 8.5))
            slept[-1] = 0.0
        assert slept[-1] <= 24 * 3600 + 60

    def tick() -> None:
        slept.append(0.0)
        world.tick()

    with pytest.raises(CancelledError):
        on_schedule(Schedule("30 6 * * *", "UTC"), BEGIN, tick, world.said.append, now=lambda: world.time, sleep=sleep)


def test_a_tick_that_takes_two_days_is_followed_by_one() -> None:
    assert World(takes=[timedelta(days=2), MINUTE, MINUTE]).run(BEGIN) == ["03-03 06:30", "03-05 06:30", "03-06 06:30"]


def test_trouble_does_not_end_it() -> None:
    world = World(takes=[MINUTE] * 3)
    plain, failed = world.tick, []

    def tick() -> None:
        plain()
        failed.append(world.time)
        raise DownloadError("no answer")

    with pytest.raises(CancelledError):
        on_schedule(
            Schedule("0 * * * *", "UTC"), None, tick, world.said.append, now=lambda: world.time, sleep=world.sleep
        )
    assert len(failed) == 2
    assert world.said.count("trouble: no answer") == 2


def test_a_schedule_without_a_further_time_is_refused() -> None:
    class Never:
        def after(self, moment: datetime) -> datetime | None: ...

    with pytest.raises(UsageError, match="no further time"):
        on_schedule(Never(), None, lambda: None, lambda _: None)
