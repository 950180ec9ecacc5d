"""The settings as tables: their contents, and business time computed from them in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics_settings import (
    BusinessSchedule,
    ChannelSessionSettings,
    SessionSettings,
    SlaTarget,
    WarehouseSettings,
)
from pipeline.warehouse.settings_tables import fill_settings
from tests.unit.warehouse.business_time import V4, business_ms, calendar_of, ms, office

FIRST, LAST = ms("2025-02-01"), ms("2025-11-01")

# Open time from the calendar's begin to a moment; subtracted, that of two moments is the business time between them.
OPEN_TIME = """
select coalesce(business_ms_before + least(?::bigint, end_ms) - start_ms, 0)
from (select ?::bigint as moment_ms) as asked
asof left join settings.business_intervals on asked.moment_ms >= start_ms
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database."""
    with duckdb.connect() as opened:
        yield opened


def _fill(connection: duckdb.DuckDBPyConnection, warehouse: WarehouseSettings) -> None:
    fill_settings(connection, warehouse, first_ms=FIRST, last_ms=LAST)


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"from settings.{table}").fetchall()


def _open_ms(connection: duckdb.DuckDBPyConnection, moment: int) -> int:
    found = connection.execute(OPEN_TIME, [moment, moment]).fetchone()
    assert found is not None
    return int(found[0])


def test_every_table_is_there_with_its_types(connection: duckdb.DuckDBPyConnection) -> None:
    """Even from bare settings, each table has its columns, and empty ones have no rows."""
    _fill(connection, WarehouseSettings())
    found: dict[str, list[str]] = {}
    for table, column, kind in connection.execute(
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_schema = 'settings' order by table_name, ordinal_position"
    ).fetchall():
        found.setdefault(table, []).append(f"{column} {kind.lower()}")
    assert {table: ", ".join(columns) for table, columns in found.items()} == {
        "agent_integration_types": "integration_type varchar",
        "business_intervals": "schedule_id varchar, start_ms bigint, end_ms bigint, business_ms_before bigint",
        "channel_families": "channel varchar, channel_family varchar",
        "general": "time_zone varchar, include_groups boolean, exclude_deleted boolean, attribution varchar",
        "schedule_channels": "channel varchar, schedule_id varchar, valid_from_ms bigint, valid_to_ms bigint",
        "schedules": "schedule_id varchar, time_zone varchar, expanded_from_ms bigint, expanded_to_ms bigint",
        "session_gaps": "channel varchar, gap_ms bigint, late_answer_ms bigint",
        "sla_targets": "target_id varchar, metric varchar, scope varchar, channel varchar, clock varchar, "
        "target_ms bigint, valid_from_ms bigint, valid_to_ms bigint",
        "source_classes": "source_type varchar, class varchar",
        "time_slots": "slot bigint, local_date date, local_hour tinyint, local_weekday tinyint",
    }
    for table in ("schedules", "schedule_channels", "business_intervals", "sla_targets"):
        assert _rows(connection, table) == []


def test_the_defaults(connection: duckdb.DuckDBPyConnection) -> None:
    """Bare settings give the built-in limits, classes, families and types."""
    _fill(connection, WarehouseSettings())
    assert _rows(connection, "general") == [("UTC", False, False, "arrival")]
    assert _rows(connection, "session_gaps") == [(None, 86_400_000, 604_800_000)]
    assert dict(_rows(connection, "source_classes")) == {
        "zd:agentWorkspace": "agent",
        "zd:answerBot": "bot",
        "ultimate": "bot",
    }
    assert dict(_rows(connection, "channel_families")) == dict.fromkeys(("web", "ios", "android", "unity"), "sdk")
    assert _rows(connection, "agent_integration_types") == [("zd:agentWorkspace",)]


def test_what_is_set_arrives(connection: duckdb.DuckDBPyConnection) -> None:
    """Limits per channel, versions of a target and the channels of schedules become rows."""
    promise = SlaTarget(id="t", metric="frt", scope="human", channel="line", clock="business", target="2h")
    _fill(
        connection,
        WarehouseSettings(
            timezone="Asia/Tokyo",
            include_groups=True,
            exclude_deleted=True,
            attribution="reply",
            sessions=SessionSettings(channels={"line": ChannelSessionSettings(gap_hours=1)}),
            schedules=(
                office(),
                BusinessSchedule(id="line", channels=("line", "sms"), sunday=("10:00-12:00",), valid_from="2025-03-01"),
            ),
            sla=(
                promise,
                msgspec.structs.replace(promise, target=60, valid_from="2025-03-01"),
            ),
        ),
    )
    assert _rows(connection, "general") == [("Asia/Tokyo", True, True, "reply")]
    assert _rows(connection, "session_gaps") == [
        (None, 86_400_000, 604_800_000),
        ("line", 3_600_000, 604_800_000),
    ]
    march = ms("2025-03-01")
    assert _rows(connection, "sla_targets") == [
        ("t", "frt", "human", "line", "business", 7_200_000, 0, march),
        ("t", "frt", "human", "line", "business", 60_000, march, None),
    ]
    # Its days begin by its own clock, nine hours before those of UTC.
    march -= 9 * 3_600_000
    assert _rows(connection, "schedule_channels") == [
        (None, "office", 0, None),
        ("line", "line", march, None),
        ("sms", "line", march, None),
    ]
    assert _rows(connection, "schedules") == [
        ("office", "Europe/Paris", ms("2024-12-31T23:00"), ms("2026-12-31T23:00")),
        ("line", "Asia/Tokyo", ms("2024-12-31T15:00"), ms("2026-12-31T15:00")),
    ]


def test_slots_are_of_the_warehouses_zone(connection: duckdb.DuckDBPyConnection) -> None:
    """Each moment of the data finds the local date, hour and weekday of the configured zone."""
    _fill(connection, WarehouseSettings(timezone="America/New_York"))
    found = connection.execute("select count(*), min(slot), max(slot) from settings.time_slots").fetchone()
    assert found == ((LAST - FIRST) // 900_000 + 1, FIRST // 900_000, LAST // 900_000)
    local = "select local_date::varchar, local_hour, local_weekday from settings.time_slots where slot = ? // 900000"
    asked = [ms("2025-03-10T03:30"), ms("2025-03-10T04:10")]
    assert [connection.execute(local, [moment]).fetchone() for moment in asked] == [
        ("2025-03-09", 23, 7),
        ("2025-03-10", 0, 1),
    ]


def test_filling_again_replaces(connection: duckdb.DuckDBPyConnection) -> None:
    """A second build with other settings leaves nothing of the first."""
    _fill(connection, WarehouseSettings(schedules=(office(),)))
    _fill(connection, WarehouseSettings(timezone="Asia/Tokyo"))
    assert _rows(connection, "general") == [("Asia/Tokyo", False, False, "arrival")]
    assert _rows(connection, "business_intervals") == []


def test_tables_go_where_the_connection_stands(connection: duckdb.DuckDBPyConnection) -> None:
    """The schema is made in the current catalog, and nothing is left in others."""
    connection.execute("attach ':memory:' as build; use build")
    _fill(connection, WarehouseSettings())
    catalogs = connection.execute(
        "select distinct database_name from duckdb_tables() where schema_name = 'settings'"
    ).fetchall()
    assert catalogs == [("build",)]
    assert connection.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)


@pytest.mark.parametrize(("start", "end", "expected"), V4)
def test_business_time_in_sql(connection: duckdb.DuckDBPyConnection, start: str, end: str, expected: int) -> None:
    """The prefix sums give the business time between two moments by two lookups."""
    _fill(connection, WarehouseSettings(schedules=(office("2025-04-21"),)))
    assert _open_ms(connection, ms(end)) - _open_ms(connection, ms(start)) == expected


def test_sql_agrees_with_counting() -> None:
    """Between any two moments, prefix sums and a sum over all intervals give the same."""
    schedule = office("2025-04-21", "2025-12-24 12:00-18:00", hours="20:00-29:30")
    calendar = calendar_of(schedule)
    with duckdb.connect() as connection:
        _fill(connection, WarehouseSettings(schedules=(schedule,)))

        @settings(max_examples=60)
        @given(pair=st.tuples(*[st.integers(calendar.from_ms, calendar.to_ms)] * 2).map(sorted))
        def agree(pair: list[int]) -> None:
            start, end = pair
            assert _open_ms(connection, end) - _open_ms(connection, start) == business_ms(calendar, start, end)

        agree()
