from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import ConfigError, CorruptLakeError
from pipeline.lake.layout import Lake
from pipeline.lake.rows import to_arrow
from pipeline.lake.tables import TABLES
from pipeline.privacy.retention.expiring import Fate, Retention, read_retention
from pipeline.suppression.expiry import EXPIRING, Expiry, Selection
from pipeline.suppression.floors import admit_rows, admits_conversation, raise_floor, read_floor

FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_messages_before_the_moment_go_and_the_one_at_it_stays() -> None:
    """The moment itself is not before it, and what tells no moment stays."""
    moments = [FLOOR - DAY, FLOOR - timedelta(milliseconds=1), FLOOR, FLOOR + DAY, None]
    rows = _rows("messages", *({"message_id": str(n), "received_at": at} for n, at in enumerate(moments)))
    expired = Expiry(Selection(messages_before=FLOOR)).apply(TABLES["messages"], rows)
    assert expired.rows["message_id"].to_pylist() == ["2", "3", "4"]
    assert (expired.removed, expired.changed) == (2, 0)


def test_a_quote_of_what_goes_is_erased_at_any_depth() -> None:
    """A quote is a copy; the message that quotes stays, and so do quotes of what stays, to the letter."""
    old = {"id": "old", "received": "2025-12-01T00:00:00.000Z", "content": {"type": "text", "text": "gone"}}
    new = {"id": "new", "received": "2026-02-01T00:00:00.000Z", "content": {"type": "text", "text": "here"}}
    nested = {**new, "quotedMessage": {"type": "message", "message": old}}
    quotes = [{"type": "message", "message": item} for item in (old, new, nested)]
    quotes.append({"type": "externalMessageId", "externalMessageId": "x"})
    given = [json.dumps(quote, indent=1) for quote in quotes]
    rows = _rows(
        "messages", *({"message_id": str(n), "received_at": FLOOR, "quoted_message": q} for n, q in enumerate(given))
    )
    expired = Expiry(Selection(messages_before=FLOOR)).apply(TABLES["messages"], rows)
    first, second, third, fourth = expired.rows["quoted_message"].to_pylist()
    assert (first, second, fourth) == ('{"type":"erased"}', given[1], given[3])
    assert json.loads(third) == {"type": "message", "message": {**new, "quotedMessage": {"type": "erased"}}}
    assert (expired.removed, expired.changed) == (0, 2)
    by_id = Expiry(Selection(ids={"message": frozenset({"new"})})).apply(TABLES["messages"], rows)
    assert by_id.changed == 2


def test_rows_go_with_the_user_or_conversation_that_they_belong_to() -> None:
    """Also tombstones; the messages of a user who is gone stay in the conversations of others."""
    expiry = Expiry(Selection(ids={"user": frozenset({"u"}), "conversation": frozenset({"c"})}))
    both = [{"user_id": "u"}, {"user_id": "v"}]
    for table in ("users", "clients", "devices"):
        assert expiry.apply(TABLES[table], _rows(table, *both)).rows["user_id"].to_pylist() == ["v"]
    members = [{"user_id": "v", "conversation_id": "c"}, *({**row, "conversation_id": "d"} for row in both)]
    assert expiry.apply(TABLES["participants"], _rows("participants", *members)).rows["user_id"].to_pylist() == ["v"]
    said = [{"conversation_id": key, "author_user_id": "u"} for key in ("c", "d")]
    assert expiry.apply(TABLES["messages"], _rows("messages", *said)).rows["conversation_id"].to_pylist() == ["d"]
    stones = [{"entity": entity, "entity_id": "u"} for entity in ("user", "conversation")]
    assert expiry.apply(TABLES["tombstones"], _rows("tombstones", *stones)).rows["entity"].to_pylist() == [
        "conversation"
    ]


def test_tables_of_the_business_never_expire_and_tombstones_come_last() -> None:
    """The order matters for a rewrite that is cut: a tombstone hides what is left."""
    assert [table.name for table in EXPIRING] == [
        *("users", "clients", "devices", "conversations", "participants", "messages", "events", "tombstones")
    ]


def test_a_floor_rises_and_never_sinks(tmp_path: Any) -> None:
    """It is kept for each app on its own, in a file of mode 0600, and a damaged file stops whoever asks."""
    lake = Lake(tmp_path)
    assert read_floor(lake, "a") is None
    assert raise_floor(lake, "a", FLOOR) == FLOOR
    assert raise_floor(lake, "a", FLOOR - DAY) == FLOOR
    assert raise_floor(lake, "b", FLOOR + DAY) == FLOOR + DAY
    assert (read_floor(lake, "a"), read_floor(lake, "b"), read_floor(lake, "c")) == (FLOOR, FLOOR + DAY, None)
    (file,) = (tmp_path / "_sunlake" / "privacy").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text('{"a": "yesterday"}')
    with pytest.raises(CorruptLakeError, match="damaged"):
        read_floor(lake, "a")


def test_nothing_from_below_the_floor_is_admitted() -> None:
    """Messages and conversations that a sweep or a repaired ledger reads again are refused; all else passes."""
    old, new = (
        {"last_updated_at": FLOOR - DAY, "created_at": None},
        {"last_updated_at": FLOOR, "created_at": FLOOR - DAY},
    )
    heads = _rows("conversations", *({"conversation_id": str(n)} | row for n, row in enumerate((old, new, {}))))
    assert admit_rows(TABLES["conversations"], heads, FLOOR)["conversation_id"].to_pylist() == ["1", "2"]
    said = _rows("messages", {"received_at": FLOOR - DAY}, {"received_at": FLOOR})
    assert admit_rows(TABLES["messages"], said, FLOOR).num_rows == 1
    assert admit_rows(TABLES["messages"], said, None) is said
    people = _rows("users", {"user_id": "u"})
    assert admit_rows(TABLES["users"], people, FLOOR).num_rows == 1


@pytest.mark.parametrize(
    ("last", "created", "admitted"),
    [
        ("2025-12-31T23:59:59.999Z", "2025-01-01T00:00:00.000Z", False),
        ("2026-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z", True),
        (None, "2025-01-01T00:00:00.000Z", False),
        ("2025-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", True),
        (None, None, True),
        ("soon", None, True),
    ],
)
def test_a_conversation_is_walked_if_it_may_hold_something_young(
    last: str | None, created: str | None, admitted: bool
) -> None:
    """Its last activity decides; one that tells no moment is walked."""
    assert admits_conversation(FLOOR, last_updated_at=last, created_at=created) is admitted
    assert admits_conversation(None, last_updated_at=last, created_at=created)


def test_settings_of_retention_are_read_or_refused() -> None:
    """Unknown names and values are told with what there is."""
    assert read_retention({}) == Retention(users=Fate.ERASED, conversations=Fate.ERASED, messages=Fate.KEPT)
    assert read_retention({"messages": "erased"}).messages is Fate.ERASED
    with pytest.raises(ConfigError, match="users, conversations, messages"):
        read_retention({"user": "erased"})
    with pytest.raises(ConfigError, match="erased, tombstoned, kept"):
        read_retention({"users": "gone"})


def _rows(name: str, *values: dict[str, Any]) -> Any:
    table = TABLES[name]
    empty = dict.fromkeys(column.name for column in table.columns)
    return to_arrow(table, [empty | value for value in values])
