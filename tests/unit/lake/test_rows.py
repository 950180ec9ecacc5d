from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest

from pipeline.lake.rows import RowError, decode, encode
from pipeline.lake.tables import TABLES

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_999, tzinfo=UTC)


def row_of(table: str, source: str | dict[str, Any], **parents: str) -> dict[str, Any]:
    """The one row of one object."""
    text = source if isinstance(source, str) else json.dumps(source)
    rows = encode(TABLES[table], [text.encode()], parents=parents, exported_at=NOW, run_id="run")
    rows.validate(full=True)
    [row] = rows.to_pylist()
    return dict(row)


def extra_of(table: str, source: str | dict[str, Any], **parents: str) -> Any:
    """What is left over of one object."""
    extra = row_of(table, source, **parents)["extra"]
    return None if extra is None else json.loads(extra)


def user(**fields: Any) -> dict[str, Any]:
    """A user with these fields."""
    return {"id": "u1", **fields}


def test_a_known_object_fills_its_columns_and_leaves_nothing() -> None:
    """Fields go to the columns that the registry names; `extra` is null."""
    row = row_of(
        "users",
        user(
            externalId="e1",
            authenticated=True,
            signedUpAt="2026-01-02T03:04:05.678Z",
            profile={"givenName": "Ann", "surname": "Lee", "email": "a@example.org", "avatarUrl": "u", "locale": "de"},
            identities=[{"type": "email", "value": "a@example.org"}],
            metadata={"vip": True},
        ),
    )
    assert row == {
        "user_id": "u1",
        "external_id": "e1",
        "zendesk_id": None,
        "brand_id": None,
        "authenticated": True,
        "signed_up_at": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
        "to_be_retained": None,
        "given_name": "Ann",
        "surname": "Lee",
        "email": "a@example.org",
        "avatar_url": "u",
        "locale": "de",
        "identities": '[{"type": "email", "value": "a@example.org"}]',
        "metadata": '{"vip": true}',
        "extra": None,
        "exported_at": NOW.replace(microsecond=123_000),
        "run_id": "run",
    }


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        ({"externalId": None}, {"externalId": None}),
        ({"metadata": None}, {"metadata": None}),
        ({"profile": None}, {"profile": None}),
        ({"profile": {}}, {"profile": {}}),
        ({"profile": []}, {"profile": []}),
        ({"profile": "x"}, {"profile": "x"}),
        ({"profile": {"surname": None}}, {"profile": {"surname": None}}),
        ({"profile": {"surname": "L", "localeOrigin": "x"}}, {"profile": {"localeOrigin": "x"}}),
        ({"profile": {"surname": {}}}, {"profile": {"surname": {}}}),
        ({"hasPaymentInfo": False}, {"hasPaymentInfo": False}),
        ({"externalId": 5}, {"externalId": 5}),
        ({"authenticated": "true"}, {"authenticated": "true"}),
        ({"authenticated": 1}, {"authenticated": 1}),
        ({"metadata": "text"}, None),
        ({"metadata": {}}, None),
        ({"identities": [None]}, None),
    ],
    ids=str,
)
def test_extra_holds_what_columns_cannot_say(fields: dict[str, Any], extra: Any) -> None:
    """Nulls, other types, empty objects and unknown fields are kept at their place, and the object is rebuilt."""
    row = row_of("users", user(**fields))
    assert (None if row["extra"] is None else json.loads(row["extra"])) == extra
    assert decode(TABLES["users"], row) == user(**fields)


@pytest.mark.parametrize(
    ("text", "count", "kept"),
    [
        ("7", 7, False),
        ("-9223372036854775808", -(2**63), False),
        ("9223372036854775808", None, True),
        ("1.0", None, True),
        ("1e2", None, True),
        ("true", None, True),
        ('"7"', None, True),
    ],
)
def test_an_integer_column_takes_integers_only(text: str, count: int | None, kept: bool) -> None:
    """What is no 64-bit integer stays as its own text."""
    row = row_of("participants", f'{{"id":"p1","unreadCount":{text}}}', conversation_id="c1")
    assert row["unread_count"] == count
    assert row["extra"] == (f'{{"unreadCount":{text}}}' if kept else None)


@pytest.mark.parametrize(
    ("text", "moment", "kept"),
    [
        ("2026-01-02T03:04:05.678Z", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), False),
        ("0001-01-01T00:00:00.000Z", datetime(1, 1, 1, tzinfo=UTC), False),
        ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC), False),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), True),
        ("2026-01-02T03:04:05.678901Z", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), True),
        ("2026-01-02T03:04:05.678+00:00", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), True),
        ("2026-01-02T05:04:05.678+02:00", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), True),
        ("2026-01-02 03:04:05.678", datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), True),
        ("9999-12-31T23:59:59.999-01:00", None, True),
        ("2026-02-30T00:00:00.000Z", None, True),
        ("soon", None, True),
        ("", None, True),
    ],
)
def test_a_moment_in_another_form_is_read_and_kept(text: str, moment: datetime | None, kept: bool) -> None:
    """The column holds the moment where there is one; the text itself is kept unless it is the API's own form."""
    row = row_of("users", user(signedUpAt=text))
    assert row["signed_up_at"] == moment
    assert (row["extra"] is not None) is kept
    assert decode(TABLES["users"], row)["signedUpAt"] == text


def test_a_string_that_is_no_unicode_is_kept_and_readable() -> None:
    """A cut-off emoji stays exact in `extra`, while the column shows a replacement character."""
    row = row_of("users", '{"id":"u1","profile":{"surname":"Lee\\ud83d","email":"a"},"identities":["\\udc00"]}')
    assert (row["surname"], row["email"], row["identities"]) == ("Lee\ufffd", "a", '["\\udc00"]')
    assert row["extra"] == '{"profile":{"surname":"Lee\\ud83d"}}'
    assert decode(TABLES["users"], row)["profile"] == {"surname": "Lee\ud83d", "email": "a"}


def test_lists_of_strings_hold_strings_only() -> None:
    """A list with anything else in it stays as its own text; an empty list is a list."""
    rows = [
        row_of("webhooks", {"id": "w", "triggers": one}, integration_id="i") for one in (["a"], [], ["a", 1], [None])
    ]
    assert [row["triggers"] for row in rows] == [["a"], [], None, None]
    assert [row["extra"] for row in rows] == [None, None, '{"triggers":["a", 1]}', '{"triggers":[null]}']


def test_nested_json_and_leftovers_are_slices_of_the_original_text() -> None:
    """Spelling survives: spaces, trailing zeros, numbers that no type holds."""
    source = '{"id":"u1", "metadata": {"a" : 1.50,  "b":1e400} , "odd": [ 0.10, 123456789012345678901234567890 ]}'
    row = row_of("users", source)
    assert row["metadata"] == '{"a" : 1.50,  "b":1e400}'
    assert row["extra"] == '{"odd":[ 0.10, 123456789012345678901234567890 ]}'
    assert decode(TABLES["users"], row) == {
        "id": "u1",
        "metadata": {"a": 1.5, "b": Decimal("1e400")},
        "odd": [0.1, 123456789012345678901234567890],
    }


def test_of_equal_keys_the_last_counts() -> None:
    """A repeated key means its last value, in columns as in leftovers."""
    row = row_of(
        "users", '{"id":"a","id":"u1","externalId":"x","externalId":null,"new":1,"new":2,"profile":1,"profile":{}}'
    )
    assert (row["user_id"], row["external_id"]) == ("u1", None)
    assert row["extra"] == '{"externalId":null,"profile":{},"new":2}'


@pytest.mark.parametrize(
    "source",
    ["", "[]", "null", '"u1"', "{", '{"id":"u1"', "{}", '{"id":null}', '{"id":5}', '{"id":"\\ud83d"}', '{"id":{}}'],
)
def test_what_is_no_object_with_an_id_is_refused_without_its_words(source: str) -> None:
    """The error says which table is meant and what to do, and quotes nothing."""
    with pytest.raises(RowError, match=r"^users: .*Run the export again") as caught:
        row_of("users", source)
    assert "u1" not in str(caught.value)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    """No file is ever written that its readers can't read."""
    with pytest.raises(RowError):
        encode(TABLES["users"], [b'{"id":"u1","metadata":{"a":"\xff"}}'], parents={}, exported_at=NOW, run_id="run")


def test_a_very_deep_object_is_refused_like_any_other_nonsense() -> None:
    """Nesting beyond the reader's depth raises our own error."""
    with pytest.raises(RowError):
        row_of("users", '{"id":"u1","metadata":' + "[" * 100_000 + "]" * 100_000 + "}")


def test_an_apps_id_is_its_partition() -> None:
    """The id is not in the file, and comes back from the partition; another id than the partition's is kept."""
    same, other = row_of("apps", {"id": "a1"}, app_id="a1"), row_of("apps", {"id": "a2"}, app_id="a1")
    assert "app_id" not in same
    assert (same["extra"], other["extra"]) == (None, '{"id":"a2"}')
    assert decode(TABLES["apps"], same | {"app_id": "a1"}) == {"id": "a1"}
    assert decode(TABLES["apps"], other | {"app_id": "a1"}) == {"id": "a2"}
    with pytest.raises(RowError):
        row_of("apps", {"displayName": "x"}, app_id="a1")


def test_the_parents_and_moments_may_differ_by_row() -> None:
    """One call takes objects of several owners and answers."""
    later = NOW + timedelta(seconds=1)
    rows = encode(
        TABLES["clients"],
        [b'{"id":"a"}', msgspec.Raw(b'{"id":"b"}')],
        parents=[{"user_id": "u1"}, {"user_id": "u2"}],
        exported_at=[NOW, later.astimezone(timezone(timedelta(hours=5)))],
        run_id="run",
    )
    assert rows["user_id"].to_pylist() == ["u1", "u2"]
    assert rows["exported_at"].to_pylist() == [
        NOW.replace(microsecond=123_000),
        later.replace(microsecond=123_000),
    ]


def test_a_naive_moment_is_refused() -> None:
    """A moment without a time zone would be a guess."""
    with pytest.raises(ValueError, match="time zone"):
        encode(TABLES["apps"], [b'{"id":"a"}'], parents={"app_id": "a"}, exported_at=datetime(2026, 3, 1), run_id="r")  # noqa: DTZ001 - the point of the test


def test_no_objects_give_no_rows() -> None:
    """An empty answer is an empty table of the right schema."""
    rows = encode(TABLES["users"], [], parents={}, exported_at=NOW, run_id="run")
    assert rows.equals(TABLES["users"].schema.empty_table())


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"conversation": {"id": "c"}, "message": {"id": "m", "author": {"userId": "u"}}}, ("c", "u", "m")),
        ({"message": {"id": "m", "author": {"user": {"id": "u"}}}}, (None, "u", "m")),
        ({"conversation": {"id": "c"}, "activity": {"author": {"userId": "u"}}}, ("c", "u", None)),
        ({"activity": {"author": {"type": "business"}}}, (None, None, None)),
        ({"user": {"id": "u"}, "client": {"id": "k"}}, (None, "u", None)),
        ({"mergedUsers": {"surviving": {"id": "u"}, "discarded": {"id": "v"}}}, (None, "u", None)),
        ({"conversation": "c", "user": {"id": 5}, "message": []}, (None, None, None)),
        ("text", (None, None, None)),
    ],
    ids=str,
)
def test_an_event_names_what_it_is_about(payload: Any, expected: tuple[str | None, ...]) -> None:
    """Conversation, user and message are found in the payload wherever the trigger keeps them."""
    row = row_of("events", {"id": "e", "type": "t", "payload": payload}, webhook_id="w")
    assert (row["conversation_id"], row["user_id"], row["message_id"]) == expected
    assert row["webhook_id"] == "w"
    assert json.loads(row["payload"]) == payload


def test_a_derived_column_is_not_rebuilt() -> None:
    """What is repeated for convenience does not appear twice in the object."""
    source = {
        "id": "c1",
        "activeSwitchboardIntegration": {"id": "s1", "name": "bot"},
        "pendingSwitchboardIntegration": None,
    }
    row = row_of("conversations", source)
    assert row["active_switchboard_integration_id"] == "s1"
    assert row["pending_switchboard_integration_id"] is None
    assert decode(TABLES["conversations"], row) == source


def test_rows_survive_parquet_and_any_zone_of_duckdb(tmp_path: Path) -> None:
    """A row that DuckDB read in another time zone gives the same object."""
    source = user(signedUpAt="2026-01-02T03:04:05.678Z", profile={"surname": None}, metadata={"a": [1.5]})
    rows = encode(TABLES["users"], [json.dumps(source).encode()], parents={}, exported_at=NOW, run_id="run")
    file = tmp_path / "users.parquet"
    pq.write_table(rows, file)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Kolkata'")
        result = connection.execute("select * from read_parquet(?)", [str(file)])
        [row] = [dict(zip([column[0] for column in result.description], one, strict=True)) for one in result.fetchall()]
    assert decode(TABLES["users"], row) == source


def test_extra_is_text_that_any_reader_takes() -> None:
    """Keys that are no Unicode are escaped, so the file stays valid."""
    row = row_of("users", '{"id":"u1","\\ud83d":"\\udc00","ä":1}')
    assert row["extra"] == '{"\\ud83d":"\\udc00","\\u00e4":1}'
    assert decode(TABLES["users"], row) == {"id": "u1", "\ud83d": "\udc00", "ä": 1}
