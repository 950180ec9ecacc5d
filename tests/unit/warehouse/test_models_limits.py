"""The ends of what models can know: business hours beyond their calendar, circles of merges, the length of days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.metrics_settings import WarehouseSettings
from pipeline.warehouse.calendar import expand
from tests.sql.cases import moment
from tests.sql.made_settings import SCHEDULES
from tests.sql.reference.business_hours import expanded_range, intervals
from tests.sql.reference.moments import DAY, to_ms
from tests.sql.reference.written_settings import read_settings
from tests.sql.warehouse import APP, DEFAULTS, Warehouse

_ALWAYS = {day: ["00:00-24:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}


def _message(message_id: str, at: str, *, user: str | None = None, conversation: str = "c1") -> dict[str, Any]:
    author = {"author_type": "user", "author_user_id": user, "source_type": "web"}
    agent = {"author_type": "business", "author_subtypes": ["agent"]}
    here = {"conversation_id": conversation, "message_id": message_id, "received_at": moment(at)}
    return {**DEFAULTS, **here, **(author if user else agent)}


@pytest.mark.parametrize(
    ("known_from", "known_to", "expected"),
    [
        ("2025-03-03 00:00", "2025-03-05 00:00", 2 * DAY),
        ("2025-03-03 00:00", "2025-03-04 23:59", None),
        ("2025-03-03 00:01", "2025-03-05 00:00", None),
        ("2025-04-01 00:00", "2025-05-01 00:00", None),
    ],
)
def test_beyond_its_calendar_business_time_is_not_known(known_from: str, known_to: str, expected: int | None) -> None:
    """A pair that begins or ends where the schedule is not expanded has no business time, which is not 0."""
    messages = [_message("1", "2025-03-03 00:00", user="u1"), _message("2", "2025-03-05 00:00")]
    written = {
        "schedules": [{"id": "always", **_ALWAYS}],
        "sla": [{"id": "sla", "metric": "reply", "scope": "any", "target": "1h", "clock": "business"}],
    }
    warehouse = Warehouse({"messages": messages, "app_as_of": _known_until("2025-03-06")}, written)
    begin, end = to_ms(moment(known_from)), to_ms(moment(known_to))
    warehouse.replace_settings(
        "schedules",
        [{"schedule_id": "always", "time_zone": "UTC", "expanded_from_ms": begin, "expanded_to_ms": end}],
    )
    warehouse.replace_settings(
        "business_intervals",
        [{"schedule_id": "always", "start_ms": begin, "end_ms": end, "business_ms_before": 0}],
    )
    warehouse.run()
    (turn,), (session,) = warehouse.rows("fct_turns"), warehouse.rows("fct_sessions")
    assert turn["schedule_id"] == "always"
    assert turn["reply_business_ms"] == expected
    assert session["frt_any_business_ms"] == expected
    clocks = {row["clock"] for row in warehouse.rows("agg_response_daily")}
    assert clocks == ({"calendar"} if expected is None else {"calendar", "business"})
    assert [row["value_ms"] for row in warehouse.rows("fct_sla")] == ([] if expected is None else [expected])


def test_merges_in_a_circle_make_one_user() -> None:
    """Users that were merged into each other have one key, whichever, and so does who was merged into one of them."""
    users = ("u1", "u2", "u3", "u4")
    merges = [("u1", "u2"), ("u2", "u3"), ("u3", "u1"), ("u4", "u2")]
    warehouse = Warehouse(
        {
            "messages": [_message(user, "2025-03-03", user=user, conversation=f"c-{user}") for user in users],
            "user_merges": [
                {"app_id": APP, "discarded_user_id": discarded, "surviving_user_id": surviving}
                for discarded, surviving in merges
            ],
        },
        {},
    ).run()
    assert len({row["user_key"] for row in warehouse.rows("int_messages_classified")}) == 1
    assert [row["active_users"] for row in warehouse.rows("agg_channel_daily")] == [1]


def test_merges_in_one_app_are_none_in_another() -> None:
    """Ids of users mean something within their app only."""
    messages = [_message("1", "2025-03-03", user="u1"), _message("2", "2025-03-03", user="u1") | {"app_id": "a2"}]
    merges = [{"app_id": "a2", "discarded_user_id": "u1", "surviving_user_id": "u2"}]
    warehouse = Warehouse({"messages": messages, "user_merges": merges}, {}).run()
    keys = {(row["app_id"], row["user_key"]) for row in warehouse.rows("int_messages_classified")}
    assert keys == {("a1", "u1"), ("a2", "u2")}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2025, 3, 9), 23),  # the length of V5
        ("America/New_York", date(2025, 11, 2), 25),
        ("Europe/Paris", date(2025, 3, 30), 23),
        ("Australia/Lord_Howe", date(2025, 4, 6), 24.5),
        ("UTC", date(2025, 3, 30), 24),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them(zone: str, day: date, hours: float) -> None:
    """A local day runs from midnight to midnight, 23 or 25 hours where clocks change."""
    around = [_message(str(offset), f"{day + timedelta(days=offset)}", user="u1") for offset in (-2, 3)]
    warehouse = Warehouse({"messages": around}, {"timezone": zone})
    found = warehouse.connection.execute(
        "select count(*) from settings.time_slots where local_date = $day", {"day": day}
    )
    assert found.fetchone() == (hours * 4,)


@pytest.mark.parametrize("number", range(len(SCHEDULES)))
def test_schedules_are_expanded_as_the_reference_does(number: int) -> None:
    """The product's calendar of a schedule has the intervals that the reference finds, over years of clock changes."""
    written = {"schedules": [SCHEDULES[number]], "timezone": "Europe/Paris"}
    (schedule,) = read_settings(written).schedules
    settings = msgspec.convert(written, WarehouseSettings)
    first_ms, last_ms = to_ms(datetime(2024, 6, 1, tzinfo=UTC)), to_ms(datetime(2025, 6, 1, tzinfo=UTC))
    calendar = expand(settings.schedules[0], default_zone="Europe/Paris", first_ms=first_ms, last_ms=last_ms)
    begin, end = expanded_range(schedule)
    assert (calendar.from_ms, calendar.to_ms) == (begin, end)
    assert list(calendar.spans) == [
        (max(start, begin), min(stop, end)) for start, stop in intervals(schedule) if stop > begin and start < end
    ]


def _known_until(text: str) -> list[dict[str, Any]]:
    return [{"app_id": APP, "as_of_ms": to_ms(moment(text))}]
