"""When a request must be answered: one month from receipt, three if that was announced (GDPR Art. 12(3))."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

EXTENSION_MONTHS: Final = 2
WARNING: Final = timedelta(days=7)
"""How long before its deadline a request is warned of (gdpr.md, section 2)."""


class Urgency(StrEnum):
    """How a request stands to its deadline."""

    MET = "met"
    IN_TIME = "in_time"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Deadline:
    """The deadline of one request. `extended` says that the person was told of two more months within the first."""

    received_at: datetime
    extended: bool = False

    @property
    def due_at(self) -> datetime:
        """The last moment: the same day and time one or three months later, or the last day of a shorter month."""
        return months_after(self.received_at, 1 + (EXTENSION_MONTHS if self.extended else 0))

    def urgency(self, now: datetime) -> Urgency:
        """How pressing it is while it is not met."""
        return urgency_at(now, due_at=self.due_at)

    def may_extend(self, now: datetime) -> bool:
        """Whether an extension can still be announced: within the first month only."""
        return not self.extended and now <= months_after(self.received_at, 1)


def urgency_at(now: datetime, *, due_at: datetime) -> Urgency:
    """How pressing a request is that is not met; a warning begins seven days ahead."""
    if now > due_at:
        return Urgency.OVERDUE
    return Urgency.DUE_SOON if now >= due_at - WARNING else Urgency.IN_TIME


def months_after(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or that month's last day where it has no such day."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
