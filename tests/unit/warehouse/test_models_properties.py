"""What must hold for the models over any history (metrics.md, section 7), without asking what the numbers should be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.warehouse.model import Model
from tests.sql.comparison import differences
from tests.sql.made_settings import written_settings
from tests.sql.over_histories import few_examples, over_histories
from tests.sql.reference.moments import DAY, to_moment, to_ms
from tests.sql.warehouse import DEFAULTS, Warehouse, models

pytestmark = pytest.mark.slow

Tables: TypeAlias = dict[str, list[dict[str, Any]]]

_OF_CONVERSATIONS = ("messages", "conversations", "participants", "events", "incomplete_conversations")
_SUMMED = {
    "agg_channel_daily": ("n_in", "n_out_agent", "n_out_bot", "n_out_unknown", "n_system", "n_survey", "n_inferred"),
    "agg_content_daily": ("n",),
    "agg_session_daily": ("n_sessions", "n_user_initiated", "n_open", "n_settled", "n_multi_message"),
    "agg_response_daily": ("n", "n_answered", "n_open", "n_closed_unanswered"),
    "agg_sla_daily": ("n_met", "n_breached", "n_pending", "n_excluded"),
    "agg_bot_daily": ("n_sessions", "n_contained", "n_deflected"),
    "agg_delivery_daily": ("n_final", "n_failed", "n_in_flight"),
    "agg_volume_hourly": ("n_in", "n_out_agent"),
}

_SCOPES = {"frt": "any", "reply": "any", "next_reply": "any", "human_wait": "human", "human_handoff": "human"}


@contextmanager
def _computed(tables: Tables, written: dict[str, Any]) -> Iterator[Warehouse]:
    warehouse = Warehouse(tables, written).run()
    try:
        yield warehouse
    finally:
        warehouse.close()


@over_histories(8)
def test_every_message_is_counted_once(tables: Tables, written: dict[str, Any]) -> None:
    """Each eligible message lies in one session, each of a user in one turn and in one wait."""
    with _computed(tables, written) as warehouse:
        messages = [
            row
            for row in warehouse.rows("int_messages_classified")
            if row["is_eligible"] and (written["include_groups"] or row["conversation_type"] != "sdkGroup")
        ]
        sessions, turns = warehouse.rows("fct_sessions"), warehouse.rows("fct_turns")
        for kind in ("user", "agent", "bot", "unknown"):
            assert sum(row[f"n_{kind}"] for row in sessions) == sum(row["class"] == kind for row in messages)
        users = sum(row["class"] == "user" for row in messages)
        assert sum(row["n_user_msgs"] for row in turns) == users
        assert sum(row["n_user_msgs"] for row in warehouse.rows("fct_human_waits")) == users
        by_session = Counter[tuple[str, str]]()
        for turn in turns:
            by_session[turn["app_id"], turn["session_id"]] += turn["n_user_msgs"]
        assert by_session == Counter({(row["app_id"], row["session_id"]): row["n_user"] for row in sessions})


@over_histories(5)
def test_every_pair_has_one_outcome(tables: Tables, written: dict[str, Any]) -> None:
    """With a target for all there are as many outcomes as pairs, in each row of the aggregate."""
    targets = [{"id": name, "metric": name, "scope": scope, "target": "1h"} for name, scope in _SCOPES.items()]
    with _computed(tables, written | {"sla": targets}) as warehouse:
        place = ("app_id", "local_date", "channel", "metric", "scope", "clock")
        outcomes = Counter[tuple[Any, ...]]()
        for row in warehouse.rows("agg_sla_daily"):
            outcomes[tuple(row[name] for name in place)] += sum(row[name] for name in _SUMMED["agg_sla_daily"])
        pairs = {
            tuple(row[name] for name in place): row["n"]
            for row in warehouse.rows("agg_response_daily")
            if _SCOPES[row["metric"]] == row["scope"] and row["clock"] == "calendar"
        }
        assert outcomes == pairs
        assert len(warehouse.rows("fct_sla")) == sum(pairs.values())


@over_histories(5)
def test_rows_in_any_order_and_old_versions_change_nothing(tables: Tables, written: dict[str, Any]) -> None:
    """The same rows in another order, beside versions that are superseded, give the same marts."""
    dice = random.Random(1)
    doubled = {name: [*rows, *_stale(name, rows)] for name, rows in tables.items()}
    mixed = {name: sorted(rows, key=lambda _: dice.random()) for name, rows in doubled.items()}
    with _computed(tables, written) as plain, _computed(mixed, written) as other:
        _assert_same(plain, other, [model.table for model in models() if model.schema == "marts"])


def _stale(table: str, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    wrong: dict[str, dict[str, Any]] = {
        "messages": {"author_type": "business", "author_subtypes": ["activity"], "deleted": True},
        "conversations": {"type": "sdkGroup", "created_at": None, "active_switchboard_integration_id": "gone"},
        "participants": {"user_id": "nobody", "client_associations": "[]"},
    }
    for row in rows if table in wrong else ():
        yield row | wrong[table] | {"exported_at": row["exported_at"] - timedelta(days=30)}


@over_histories(5)
def test_a_conversation_depends_on_itself_alone(tables: Tables, written: dict[str, Any]) -> None:
    """Without the other conversations, a conversation has the same rows in all models of its unit."""
    chosen = {(row["app_id"], row["conversation_id"]) for row in tables["conversations"][::2]}
    alone = {
        name: [row for row in rows if name not in _OF_CONVERSATIONS or _place(row) in chosen]
        for name, rows in tables.items()
    }
    with _computed(tables, written) as together, _computed(alone, written) as apart:
        for model in _stored_of_conversations():
            columns = list(together.columns(model.name))
            expected = [row for row in together.rows(model.table) if _place(row) in chosen]
            found = differences(expected, apart.rows(model.table), columns)
            assert not found, "\n".join([model.table, *found])


@over_histories(5)
def test_another_zone_moves_rows_between_days(tables: Tables, written: dict[str, Any]) -> None:
    """In another time zone rows lie on other days, and their sums are the same."""
    # Schedules without a zone of their own take the warehouse's: hours would differ, and rightly so.
    written = written | {"schedules": [], "sla": [row for row in written["sla"] if row.get("clock") != "business"]}
    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
    with (
        _computed(tables, written | {"timezone": zones[0]}) as east,
        _computed(tables, written | {"timezone": zones[1]}) as west,
    ):
        for mart, names in _SUMMED.items():
            for name in names:
                assert _total(east, mart, name) == _total(west, mart, name), (mart, name)


@over_histories(5)
def test_what_is_settled_stays(tables: Tables, written: dict[str, Any]) -> None:
    """A later run that finds nothing new changes no row of a conversation whose sessions are all settled."""
    later = tables | {"app_as_of": [row | {"as_of_ms": row["as_of_ms"] + 400 * DAY} for row in tables["app_as_of"]]}
    with _computed(tables, written) as before, _computed(later, written) as after:
        sessions = before.rows("fct_sessions")
        settled = {_place(row) for row in sessions} - {_place(row) for row in sessions if not row["settled"]}
        for model in _stored_of_conversations():
            columns = list(before.columns(model.name))
            expected, found = (
                [row for row in warehouse.rows(model.table) if _place(row) in settled] for warehouse in (before, after)
            )
            lines = differences(expected, found, columns)
            assert not lines, "\n".join([model.table, *lines])


@over_histories(4)
def test_a_later_message_leaves_settled_sessions_as_they_were(tables: Tables, written: dict[str, Any]) -> None:
    """When people write again long after, what happened in their settled sessions keeps every value."""
    read_until = {row["app_id"]: row["as_of_ms"] + 400 * DAY for row in tables["app_as_of"]}
    silent = tables | {"app_as_of": [row | {"as_of_ms": read_until[row["app_id"]]} for row in tables["app_as_of"]]}
    authors = {_place(row): row["author_user_id"] for row in tables["messages"] if row.get("author_user_id")}
    again = [
        {**DEFAULTS, "app_id": app_id, "conversation_id": conversation_id, "message_id": f"{number:032}"}
        | {"author_type": "user", "author_user_id": author, "source_type": "web"}
        | {"received_at": to_moment(read_until[app_id] + DAY)}
        for number, ((app_id, conversation_id), author) in enumerate(authors.items())
        if app_id in read_until
    ]
    later = [row | {"as_of_ms": row["as_of_ms"] + 2 * DAY} for row in silent["app_as_of"]]
    with (
        _computed(silent, written) as before,
        _computed(silent | {"messages": [*tables["messages"], *again], "app_as_of": later}, written) as after,
    ):
        settled = {row["session_id"] for row in before.rows("fct_sessions") if row["settled"]}
        for table in ("fct_sessions", "fct_turns", "fct_human_waits", "fct_bot_sessions", "fct_sla"):
            expected, found = (
                [row for row in warehouse.rows(table) if row["session_id"] in settled] for warehouse in (before, after)
            )
            lines = differences(expected, found, list(before.columns(before.relation(table))))
            assert not lines, "\n".join([table, *lines])


@few_examples(8)
@given(
    moments=st.lists(st.lists(st.integers(0, 12 * DAY), min_size=3, max_size=3).map(sorted), min_size=5, max_size=60),
    written=written_settings(with_schedules=True),
)
def test_business_time_adds_up(moments: list[list[int]], written: dict[str, Any]) -> None:
    """From a to c is from a to b and from b to c; business time is never negative, nor more than the calendar's."""
    written = written | {"sessions": {"late_answer_days": 30}}
    spans = [(f"{number}-{name}", span) for number, at in enumerate(moments) for name, span in _spans(at)]
    with _computed(_questions(spans), written) as warehouse:
        turns = {row["conversation_id"]: row for row in warehouse.rows("fct_turns")}
        assert len(turns) == len(spans)
        for number in range(len(moments)):
            first, second, whole = (turns[f"{number}-{name}"]["reply_business_ms"] for name in ("ab", "bc", "ac"))
            if turns[f"{number}-ab"]["schedule_id"] == turns[f"{number}-bc"]["schedule_id"]:
                assert first + second == whole
        for turn in turns.values():
            assert 0 <= turn["reply_business_ms"] <= turn["reply_ms"]


def _spans(at: list[int]) -> list[tuple[str, tuple[int, int]]]:
    return [("ab", (at[0], at[1])), ("bc", (at[1], at[2])), ("ac", (at[0], at[2]))]


def _questions(spans: list[tuple[str, tuple[int, int]]]) -> Tables:
    begin = to_ms(datetime(2025, 3, 24, tzinfo=UTC))  # clocks change in the days that follow
    tables: Tables = {"messages": [], "conversations": []}
    for conversation, (start, end) in spans:
        here = {**DEFAULTS, "conversation_id": conversation}
        tables["conversations"].append(here | {"type": "personal"})
        user = {"author_type": "user", "author_user_id": "u1", "source_type": "web"}
        agent = {"author_type": "business", "author_subtypes": ["agent"]}
        for name, ms, author in (("1", start, user), ("2", end, agent)):
            tables["messages"].append(
                here | author | {"message_id": conversation + name, "received_at": to_moment(begin + ms)}
            )
    return tables


def _stored_of_conversations() -> list[Model]:
    return [model for model in models().conversation if model.is_stored]


def _place(row: dict[str, Any]) -> tuple[str, str]:
    return row["app_id"], row["conversation_id"]


def _total(warehouse: Warehouse, mart: str, name: str) -> int:
    return sum(row[name] for row in warehouse.rows(mart))


def _assert_same(one: Warehouse, other: Warehouse, tables: list[str]) -> None:
    for table in tables:
        lines = differences(one.rows(table), other.rows(table), list(one.columns(one.relation(table))))
        assert not lines, "\n".join([table, *lines])
