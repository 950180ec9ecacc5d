"""Which apps, channels and days a report is about, and when the warehouse was built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb

from pipeline.errors import LakeError, UsageError
from pipeline.report.connection import REBUILD
from pipeline.report.period import DEFAULT_DAYS, Period
from pipeline.warehouse.format import printable

_MOST_NAMES: Final = 30


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: days of the configured zone, both included; no app or channel stands for all."""

    first: date | None = None
    last: date | None = None
    apps: Sequence[str] = ()
    channels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What the report is about.

    Attributes:
        period: the days asked for, or the last 28 whole days that have data.
        apps: all that are covered.
        channels: those chosen; None for all, which includes conversations without a channel.
        zone: the IANA zone of days and hours.
        data: the first and last day with messages of these apps and channels; None if there is none.
        rebuilt_at: naive UTC moment of the build.
        as_of: naive UTC moment up to which all was read; None before the first complete export.
        version: the sunlake that built the warehouse.
    """

    period: Period
    apps: tuple[str, ...]
    channels: tuple[str, ...] | None
    zone: str
    data: Period | None
    rebuilt_at: datetime
    as_of: datetime | None
    version: str

    @property
    def before(self) -> Period | None:
        """The period to compare with; None if the data do not reach back that far."""
        before = self.period.before
        return before if self.data is not None and self.data.first <= before.first else None

    @property
    def until(self) -> datetime:
        """The moment from which on nothing is known, naive UTC."""
        return self.as_of or self.rebuilt_at

    @property
    def whole_until(self) -> date | None:
        """The last local day that lies wholly before `as_of`."""
        return None if self.as_of is None else _local_date(self.as_of, self.zone) - timedelta(days=1)


def choose_scope(connection: duckdb.DuckDBPyConnection, wish: Wish) -> Scope:
    """Hold a wish against what is there, and set it on the connection, so that queries see only what was chosen.

    Raises:
        UsageError: an app or channel is unknown, the days are the wrong way round or have no data.
    """
    if wish.first is not None and wish.last is not None and wish.first > wish.last:
        raise UsageError(f"--from {wish.first} is after --to {wish.last}; swap them")
    rebuilt_at, version, as_of = _one(connection, "select rebuilt_at, version, as_of from meta.build")
    (zone,) = _one(connection, "select time_zone from settings.general")
    apps = _chosen(wish.apps, _names(connection, _APPS), option="--app", noun="app")
    channels = _chosen(wish.channels, _names(connection, _CHANNELS), option="--channel", noun="channel")
    _set(connection, apps=list(apps), channels=list(channels) if wish.channels else None)
    data = _data(connection)
    whole_until = None if as_of is None else _local_date(as_of, zone) - timedelta(days=1)
    period = _period(wish, data, whole_until=whole_until, rebuilt_on=rebuilt_at.date())
    _set(
        connection,
        period_first=period.first,
        period_last=period.last,
        before_first=period.before.first,
        grain=str(period.grain),
    )
    return Scope(period, apps, channels if wish.channels else None, zone, data, rebuilt_at, as_of, version)


_APPS: Final = "select app_id from marts.dim_coverage union select app_id from marts.agg_channel_daily order by all"
_CHANNELS: Final = """
select channel from marts.agg_channel_daily
union
select channel_or_none(first_channel) from marts.fct_sessions
order by all
"""


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = connection.execute(sql).fetchone()
    if row is None:
        raise LakeError(f"the warehouse was not built to its end; {REBUILD}")
    assert isinstance(row, tuple)
    return row


def _names(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[str, ...]:
    return tuple(name for (name,) in connection.execute(sql).fetchall())


def _chosen(wished: Sequence[str], known: tuple[str, ...], *, option: str, noun: str) -> tuple[str, ...]:
    for name in wished:
        if name not in known:
            shown = ", ".join(printable(each) for each in known[:_MOST_NAMES]) or "none"
            more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
            raise UsageError(f"{option}: the warehouse has no {noun} of that name; it has {shown}{more}")
    return tuple(name for name in known if name in wished) if wished else known


def _data(connection: duckdb.DuckDBPyConnection) -> Period | None:
    first, last = _one(
        connection,
        "select min(local_date), max(local_date) from marts.agg_channel_daily where is_chosen(app_id, channel)",
    )
    return None if first is None else Period(first, last)


def _period(wish: Wish, data: Period | None, *, whole_until: date | None, rebuilt_on: date) -> Period:
    """The days asked for; an end that is left open falls on whole days with data."""
    if data is None:
        last = wish.last or max(whole_until or rebuilt_on, wish.first or date.min)
        return Period(wish.first or last - timedelta(days=DEFAULT_DAYS - 1), last)
    whole = data.last if whole_until is None or whole_until < data.first else min(data.last, whole_until)
    asked_last = wish.last or (whole if wish.first is None or wish.first <= whole else data.last)
    # Days that no export has reached would count as days on which nobody wrote.
    last = min(asked_last, max(data.last, whole_until + timedelta(days=1) if whole_until else data.last))
    first = wish.first or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > data.last or last < data.first:
        asked = f"from {wish.first or 'the start'} to {wish.last or 'the end'}"
        raise UsageError(
            f"there is nothing {asked}; the warehouse has messages from {data.first} to {data.last}: choose --from and "
            "--to among these days"
        )
    return Period(first, last)


def _set(connection: duckdb.DuckDBPyConnection, **variables: object) -> None:
    for name, value in variables.items():
        connection.execute(f"set variable {name} = $value", {"value": value})


def _local_date(moment: datetime, zone: str) -> date:
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
