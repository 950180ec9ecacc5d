from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.report.connection import open_warehouse
from pipeline.report.measures import Waits, read_waits
from pipeline.report.scope import Wish, choose_scope
from tests.unit.report.warehouses import NOTHING, write_warehouse

DAY = date(2026, 11, 10)


def read(root: Path, wish: Wish | None = None) -> list[Waits]:
    """All waits of a wish."""
    with open_warehouse(root) as connection:
        choose_scope(connection, wish or Wish())
        return read_waits(connection)


def only(
    waits: Iterable[Waits], metric: str, scope: str, clock: str = "calendar", *, channel: str | None = None
) -> Waits | None:
    """The waits of the whole period, or of one channel."""
    wanted = (metric, scope, clock, "current", channel, None)
    found = [
        each
        for each in waits
        if (each.metric, each.scope, each.clock, each.period, each.channel, each.bucket) == wanted
    ]
    assert len(found) <= 1
    return found[0] if found else None


def fill(root: Path, table: str, rows: Sequence[dict[str, Any]], *, schedule: str = "") -> None:
    """Write a warehouse whose only pairs are these rows of one mart."""
    path = write_warehouse(root, NOTHING)
    common = {"app_id": "5f0c1a", "conversation_id": "c", "session_id": "s", "local_date": DAY}
    with duckdb.connect(path) as connection:
        connection.execute(
            f"insert into marts.agg_channel_daily by name select '5f0c1a' as app_id, date '{DAY}' as local_date, "
            "'web' as channel, 1 as n_in"
        )
        for row in rows:
            values = common | row
            names, marks = ", ".join(values), ", ".join(f"${name}" for name in values)
            connection.execute(f"insert into {table} ({names}) values ({marks})", values)
        if schedule:
            connection.execute("insert into settings.schedule_channels values (?, 'office', 0, null)", [schedule])


def turn(reply_ms: int | None, **other: Any) -> dict[str, Any]:
    """A turn that an agent answered after some time, or that is open."""
    status = "open" if reply_ms is None else "answered"
    return {"turn_no": 1, "reply_ms": reply_ms, "reply_class": "agent", "status": status, "channel": "web"} | other


def test_percentiles_interpolate_over_the_answered_waits(tmp_path: Path) -> None:
    """The vector of the specification: 10, 20, 30, 40, 600 s give 30, 376 and 488 s."""
    fill(tmp_path, "marts.fct_turns", [turn(1000 * value) for value in (10, 20, 30, 40, 600)])
    waits = only(read(tmp_path), "reply", "agent")
    assert waits is not None
    assert (waits.p50_s, waits.p90_s, waits.p95_s) == pytest.approx((30, 376, 488))
    assert (waits.n, waits.n_answered, waits.open_share) == (5, 5, 0)


def test_the_vector_of_a_session_gives_fractions_of_seconds(tmp_path: Path) -> None:
    """Vector V1: replies after 32.5 and 240 s, one closed unanswered: 136.25, 219.25 and 229.625 s, a third open."""
    closed = turn(None, status="closed_unanswered", reply_class=None)
    fill(tmp_path, "marts.fct_turns", [turn(32_500, reply_class="bot"), turn(240_000), closed])
    waits = only(read(tmp_path), "reply", "any")
    assert waits is not None
    assert (waits.p50_s, waits.p90_s, waits.p95_s) == pytest.approx((136.25, 219.25, 229.625))
    assert (waits.n, waits.n_open, waits.n_closed_unanswered) == (3, 0, 1)
    assert waits.open_share == pytest.approx(1 / 3)


def test_an_unanswered_turn_belongs_to_any_reply_only(tmp_path: Path) -> None:
    """Nobody answered it, so it can't be held against agents or bots; a reply in the same millisecond counts."""
    fill(tmp_path, "marts.fct_turns", [turn(0), turn(None, reply_class=None), turn(7, turn_no=2)])
    waits = read(tmp_path)
    counts = {(each.metric, each.scope): each.n for each in waits if each.channel is None and each.bucket is None}
    assert counts == {("reply", "any"): 3, ("reply", "agent"): 2, ("next_reply", "any"): 1, ("next_reply", "agent"): 1}


def test_first_replies_count_sessions_that_users_began(tmp_path: Path) -> None:
    """Sessions of the business and those whose beginning is missing are left out; for humans also those without one."""
    base = {
        "initiated_by": "user",
        "left_truncated": False,
        "n_user": 1,
        "first_channel": None,
        "end_reason": "open",
        "frt_any_ms": 1000,
        "frt_bot_ms": 1000,
        "is_human_wanted": False,
    }
    others = [
        {"initiated_by": "business"},
        {"left_truncated": True},
        {"n_user": 0},
        {"is_human_wanted": True, "frt_bot_ms": None, "frt_any_ms": None},
    ]
    fill(tmp_path, "marts.fct_sessions", [base, *(base | other for other in others)])
    waits = read(tmp_path)
    found = {scope: only(waits, "frt", scope, channel="none") for scope in ("any", "human", "bot")}
    assert {scope: (each.n, each.n_open) for scope, each in found.items() if each} == {
        "any": (2, 1),
        "human": (1, 1),
        "bot": (1, 0),
    }


def test_waits_for_humans_leave_out_what_bots_did_alone(tmp_path: Path) -> None:
    """Only answered and pending waits count; those of sessions that have ended are closed unanswered."""
    rows: list[dict[str, Any]] = [
        {"status": "answered", "wait_ms": 60_000, "handoff_ms": 20_000, "is_open": False},
        {"status": "pending_human", "is_open": True},
        {"status": "pending_human", "is_open": False},
        {"status": "bot_only", "is_open": True},
    ]
    fill(tmp_path, "marts.fct_human_waits", [{"wait_no": 1, "channel": "web"} | row for row in rows])
    waits = read(tmp_path)
    whole, handoff = only(waits, "human_wait", "human"), only(waits, "human_handoff", "human")
    assert whole is not None
    assert handoff is not None
    assert (whole.n, whole.n_answered, whole.n_open, whole.n_closed_unanswered) == (3, 1, 1, 1)
    assert (whole.p50_s, handoff.p50_s) == (60, 20)


def test_the_business_clock_counts_where_a_schedule_applies(tmp_path: Path) -> None:
    """Pairs without a schedule are left out, and so are those beyond the days for which hours are known."""
    rows = [
        turn(600_000, reply_business_ms=60_000, schedule_id="office"),
        turn(600_000, reply_business_ms=None, schedule_id="office"),
        turn(600_000, schedule_id=None, channel="fax"),
        turn(None, reply_class=None, schedule_id="office"),
    ]
    fill(tmp_path, "marts.fct_turns", rows, schedule="web")
    waits = only(read(tmp_path), "reply", "any", "business")
    assert waits is not None
    assert (waits.n, waits.n_answered, waits.n_open, waits.p50_s) == (2, 1, 1, 60)


def test_a_session_has_the_schedule_of_its_channel_at_its_arrival(tmp_path: Path) -> None:
    """Sessions without a schedule have no business clock; those that wait for an answer have."""
    base = {
        "initiated_by": "user",
        "left_truncated": False,
        "n_user": 1,
        "end_reason": "inactivity",
        "frt_any_ms": 5_000,
        "first_channel": "web",
    }
    rows: list[dict[str, Any]] = [
        {"schedule_id": "office", "frt_any_business_ms": 1_000},
        {"schedule_id": "office", "frt_any_ms": None},
        {"schedule_id": None},
    ]
    fill(tmp_path, "marts.fct_sessions", [base | row for row in rows], schedule="web")
    waits = read(tmp_path)
    calendar, business = only(waits, "frt", "any"), only(waits, "frt", "any", "business")
    assert calendar is not None
    assert business is not None
    assert (calendar.n, business.n, business.p50_s) == (3, 2, 1)


def test_totals_are_those_of_the_parts(year_lake: Path) -> None:
    """Counts of channels and of steps add up to those of the period, for every measure and clock."""
    waits = [each for each in read(year_lake) if each.period == "current"]
    for whole in (each for each in waits if each.channel is None and each.bucket is None):
        same = [each for each in waits if (each.label, each.clock) == (whole.label, whole.clock)]
        by_channel = sum(each.n for each in same if each.channel is not None and each.bucket is None)
        by_bucket = sum(each.n for each in same if each.channel is None and each.bucket is not None)
        by_both = sum(each.n for each in same if each.channel is not None and each.bucket is not None)
        assert by_channel == by_bucket == by_both == whole.n
        assert whole.n == whole.n_answered + whole.n_open + whole.n_closed_unanswered


def test_a_choice_of_channels_and_apps_narrows_every_measure(year_lake: Path) -> None:
    """One channel's waits are those that the whole report gives for it, and both apps' add up to all."""
    everything = only(read(year_lake), "frt", "any")
    assert only(read(year_lake, Wish(channels=["web"])), "frt", "any", channel=None) is not None
    web = only(read(year_lake, Wish(channels=["web"])), "frt", "any")
    assert web is not None
    same = only(read(year_lake), "frt", "any", channel="web")
    assert same is not None
    assert (web.n, web.p50_s) == (same.n, same.p50_s)
    parts = [only(read(year_lake, Wish(apps=[app])), "frt", "any") for app in ("5f0c1a", "7d2e9b")]
    assert everything is not None
    assert sum(part.n for part in parts if part) == everything.n
