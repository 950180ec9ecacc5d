"""The `[warehouse]` settings as tables of the schema `settings`, from which models take what is up to the business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import duckdb
import pyarrow as pa

from pipeline.metrics_settings import WarehouseSettings
from pipeline.warehouse.calendar import Calendar, expand
from pipeline.warehouse.time_slots import time_slots

SCHEMA: Final = "settings"

_TEXT: Final = pa.string()
_MS: Final = pa.int64()
_COLUMNS: Final[dict[str, dict[str, pa.DataType]]] = {
    "general": {"time_zone": _TEXT, "include_groups": pa.bool_(), "exclude_deleted": pa.bool_(), "attribution": _TEXT},
    "session_gaps": {"channel": _TEXT, "gap_ms": _MS, "late_answer_ms": _MS},
    "source_classes": {"source_type": _TEXT, "class": _TEXT},
    "channel_families": {"channel": _TEXT, "channel_family": _TEXT},
    "agent_integration_types": {"integration_type": _TEXT},
    "sla_targets": {
        "target_id": _TEXT,
        "metric": _TEXT,
        "scope": _TEXT,
        "channel": _TEXT,
        "clock": _TEXT,
        "target_ms": _MS,
        "valid_from_ms": _MS,
        "valid_to_ms": _MS,
    },
    "schedules": {"schedule_id": _TEXT, "time_zone": _TEXT, "expanded_from_ms": _MS, "expanded_to_ms": _MS},
    "schedule_channels": {"channel": _TEXT, "schedule_id": _TEXT, "valid_from_ms": _MS, "valid_to_ms": _MS},
    "business_intervals": {"schedule_id": _TEXT, "start_ms": _MS, "end_ms": _MS, "business_ms_before": _MS},
}


def fill_settings(
    connection: duckdb.DuckDBPyConnection, settings: WarehouseSettings, *, first_ms: int, last_ms: int
) -> None:
    """Create the schema `settings` in the connection's current catalog, or replace its tables.

    In all tables a NULL channel stands for the channels without a row of their own, and a NULL end for none.

    Args:
        connection: may write.
        settings: checked.
        first_ms: the earliest moment of the data, in ms since 1970 UTC.
        last_ms: the latest, the moments up to which it is known (as_of) included.
    """
    calendars = [
        expand(schedule, default_zone=settings.timezone, first_ms=first_ms, last_ms=last_ms)
        for schedule in settings.schedules
    ]
    rows: dict[str, Iterable[tuple[object, ...]]] = {
        "general": [(settings.timezone, settings.include_groups, settings.exclude_deleted, settings.attribution)],
        "session_gaps": [(channel, *limits) for channel, limits in settings.sessions.limits_ms.items()],
        "source_classes": settings.all_source_classes.items(),
        "channel_families": settings.all_channel_families.items(),
        "agent_integration_types": [(each,) for each in settings.agent_integration_types],
        "sla_targets": _sla_targets(settings),
        "schedules": [(each.schedule_id, each.time_zone, each.from_ms, each.to_ms) for each in calendars],
        "schedule_channels": _schedule_channels(settings),
        "business_intervals": _business_intervals(calendars),
    }
    connection.execute(f"create schema if not exists {SCHEMA}")
    for name, columns in _COLUMNS.items():
        _create(connection, name, _table(columns, rows[name]))
    _create(connection, "time_slots", time_slots(settings.timezone, first_ms=first_ms, last_ms=last_ms))


def _sla_targets(settings: WarehouseSettings) -> Iterator[tuple[object, ...]]:
    for target, validity in zip(settings.sla, settings.sla_validity_ms, strict=True):
        about = (target.id, target.metric, target.scope, target.channel, target.clock)
        yield (*about, target.target_ms, *validity)


def _schedule_channels(settings: WarehouseSettings) -> Iterator[tuple[object, ...]]:
    for schedule in settings.schedules:
        for channel in schedule.channels or (None,):
            yield (channel, schedule.id, *schedule.validity_ms(settings.timezone))


def _business_intervals(calendars: Iterable[Calendar]) -> Iterator[tuple[object, ...]]:
    for calendar in calendars:
        for (start, end), before in zip(calendar.spans, calendar.open_ms_before, strict=True):
            yield calendar.schedule_id, start, end, before


def _table(columns: dict[str, pa.DataType], rows: Iterable[tuple[object, ...]]) -> pa.Table:
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(values, kind) for values, kind in zip(by_column, columns.values(), strict=True)]
    return pa.table(arrays, names=list(columns))


def _create(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    given = f"given_{name}"
    connection.register(given, table)
    try:
        connection.execute(f"create or replace table {SCHEMA}.{name} as select * from temp.main.{given}")
    finally:
        connection.unregister(given)
