"""Into which files a mart with a local date is cut, and which of them a build writes anew.

A month is one file; one with many rows has a file for each of its days, so that a row that changes takes few others
with it. Which it is depends on the number of rows alone, so that a build that goes on leaves the files of a full one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

# Days of so large a month have some thousand rows each; of smaller ones, files would be hardly more than their footers.
SPLIT_ROWS: Final = 50_000
# Hive's own name for the partition of rows without a value.
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its path relative to the mart's folder, the days whose rows it has (None: no date), how many rows."""

    name: str
    days: tuple[date | None, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. `replaced` begin the paths of all files that the parts replace or that have no rows any more.

    `split` are the months, such as "2026-03", that have a file for each day now.
    """

    parts: Sequence[Part]
    replaced: Sequence[str]
    split: Collection[str]


def plan_files(
    table: str, rows: Mapping[date | None, int], *, changed: Collection[date | None] | None, was_split: Collection[str]
) -> Plan:
    """Cut a mart into files.

    Args:
        table: the mart's name without schema, after which files are named.
        rows: how many rows it has of each day.
        changed: the days with changes; None: everything is written.
        was_split: the months that had a file for each day so far.
    """
    months = {month: dict(days) for month, days in groupby(sorted(rows.items(), key=_by_day), key=_month_of)}
    split = {month for month, days in months.items() if sum(days.values()) > SPLIT_ROWS and month != NO_MONTH}
    if changed is None:
        parts = [part for month, days in months.items() for part in _parts(table, month, days, is_split=month in split)]
        return Plan(parts, [""], split)
    parts, replaced = [], []
    for month in sorted({_month_name(day) for day in changed}):
        days = months.get(month, {})
        if month in split and month in was_split:
            touched = sorted(day for day in changed if day is not None and _month_name(day) == month)
            replaced += [_day_name(table, day) for day in touched]
            days = {day: days[day] for day in touched if day in days}
        else:
            replaced.append(f"month={month}/")
        parts += _parts(table, month, days, is_split=month in split)
    return Plan(parts, replaced, split)


def bundles(parts: Sequence[Part], *, rows: int) -> Iterator[list[Part]]:
    """The parts in bundles of no more than so many rows, or of one part that has more."""
    bundle: list[Part] = []
    for part in parts:
        if bundle and sum(each.rows for each in bundle) + part.rows > rows:
            yield bundle
            bundle = []
        bundle.append(part)
    if bundle:
        yield bundle


def _parts(table: str, month: str, days: Mapping[date | None, int], *, is_split: bool) -> Iterator[Part]:
    if is_split:
        yield from (Part(_day_name(table, day), (day,), count) for day, count in days.items() if day is not None)
    elif days:
        yield Part(f"month={month}/{table}.parquet", tuple(days), sum(days.values()))


def _day_name(table: str, day: date) -> str:
    return f"month={_month_name(day)}/{table}-{day}.parquet"


def _by_day(counted: tuple[date | None, int]) -> date:
    return counted[0] or date.min


def _month_of(counted: tuple[date | None, int]) -> str:
    return _month_name(counted[0])


def _month_name(day: date | None) -> str:
    return NO_MONTH if day is None else f"{day:%Y-%m}"
