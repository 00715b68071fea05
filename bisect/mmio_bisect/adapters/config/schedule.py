"""When the watch runs: crontab's five fields in a time zone. APScheduler knows summer time's gaps and folds."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from mmio_bisect.errors import InvalidConfigurationError


class Schedule:
    """Raises `InvalidConfigurationError` for words that mean no time."""

    def __init__(self, crontab: str, timezone: str) -> None:
        try:
            zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError) as error:
            raise InvalidConfigurationError(
                f"“{timezone}” is not a time zone: write one as in Europe/Berlin, or UTC."
            ) from error
        try:
            self._trigger = CronTrigger.from_crontab(crontab, timezone=zone)
        except ValueError as error:
            raise InvalidConfigurationError(
                f"“{crontab}” is not a schedule ({error}): write minute, hour, day, month and weekday, as in "
                "30 6 * * *."
            ) from error

    def after(self, moment: datetime) -> datetime | None:
        """The first time after that moment, in UTC; None: never again."""
        found: datetime | None = self._trigger.get_next_fire_time(moment, moment)
        return None if found is None else found.astimezone(UTC)
