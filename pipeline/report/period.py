"""The days that a report covers, the equally long ones before them, and the steps of its trends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from pipeline.report.wording import SPACE, date_text

DEFAULT_DAYS: Final = 28
MOST_DAYS: Final = 62
MOST_WEEK_DAYS: Final = 750


class Grain(StrEnum):
    """The step of a trend; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The period of equal length that ends the day before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    @property
    def grain(self) -> Grain:
        """The step that gives a trend of some dozens of points."""
        if self.days <= MOST_DAYS:
            return Grain.DAY
        return Grain.WEEK if self.days <= MOST_WEEK_DAYS else Grain.MONTH

    @property
    def text(self) -> str:
        """Both ends as a person writes them."""
        if self.first == self.last:
            return date_text(self.first)
        same_year = self.first.year == self.last.year
        first = f"{self.first.day}{SPACE}{self.first:%b}" if same_year else date_text(self.first)
        return f"{first} to {date_text(self.last)}"

    @property
    def step_heading(self) -> str:
        """What stands above the first days of its steps."""
        return {Grain.DAY: "Day", Grain.WEEK: "Week from", Grain.MONTH: "Month from"}[self.grain]

    def buckets(self) -> list[date]:
        """The first days of its steps, as SQL's date_trunc gives them."""
        return list(self._starts())

    def bucket_days(self, bucket: date) -> int:
        """How many of its days lie in a step; the first and the last step may be cut."""
        start = max(bucket, self.first)
        return (min(_next(bucket, self.grain) - timedelta(days=1), self.last) - start).days + 1

    def end_of(self, bucket: date) -> date:
        """The first day of the next step."""
        return _next(bucket, self.grain)

    def _starts(self) -> Iterator[date]:
        bucket = self.first
        if self.grain is Grain.WEEK:
            bucket -= timedelta(days=bucket.weekday())
        elif self.grain is Grain.MONTH:
            bucket = bucket.replace(day=1)
        while bucket <= self.last:
            yield bucket
            bucket = _next(bucket, self.grain)


def _next(bucket: date, grain: Grain) -> date:
    if grain is Grain.MONTH:
        return (bucket.replace(day=1) + timedelta(days=32)).replace(day=1)
    return bucket + timedelta(days=7 if grain is Grain.WEEK else 1)
