"""When a schedule is due, told by its five cron fields in its time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from pipeline.config import ScheduleSettings
from pipeline.errors import ConfigError

FIELDS = "minute, hour, day of month, month, day of week; such as 0 3 * * *"


def next_date(schedule: ScheduleSettings, after: datetime, *, at: str) -> datetime:
    """The first date after a moment at which a schedule is due, in the schedule's zone.

    Args:
        schedule: the schedule.
        after: the moment, with its zone.
        at: the key of the setting, for messages.

    Raises:
        ConfigError: the cron expression is wrong, or names no date that ever comes.
    """
    fields = schedule.cron.split()
    if len(fields) != 5:
        raise ConfigError(f"{at} {schedule.cron!r} has {len(fields)} fields, not 5: {FIELDS}")
    try:
        return next(CronSim(" ".join(fields), after.astimezone(ZoneInfo(schedule.timezone))))
    except CronSimError as error:
        reason = str(error)
    except StopIteration:
        reason = "this date never comes"
    raise ConfigError(f"{at} {schedule.cron!r}: {reason[:1].lower()}{reason[1:]} ({FIELDS})")
