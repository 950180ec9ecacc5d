from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.api import resources
from pipeline.api.answer import decode
from pipeline.lake import message_rows
from pipeline.lake.message_page import MESSAGES, MessagePage, cells_of
from pipeline.lake.message_rows import PAGES_PER_TABLE, encode_messages, encode_pages
from pipeline.walk.message import Author, Message, Source
from tests.spec_schemas import needs_specification
from tests.unit.lake.spec_objects import spec_objects

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "id": "m1",
    "received": "2026-03-01T10:00:00.000Z",
    "author": {"type": "user", "userId": "u1", "displayName": "Ann"},
    "content": {"type": "text", "text": "hello"},
    "source": {"type": "web", "integrationId": "i1"},
}


def page(*messages: str | dict[str, Any], conversation_id: str = "c1") -> MessagePage:
    """An answer as the walk hands it over: with its messages, if all of them are plain."""
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    body = ('{"messages":[' + ",".join(texts) + "]}").encode()
    envelope = decode(resources.LIST_MESSAGES, body, kind=Message)
    plain = envelope is not None and envelope.items and isinstance(envelope.items[0], Message)
    return MessagePage(body, conversation_id, NOW, envelope.items if envelope is not None and plain else None)


def by_month(*pages: MessagePage) -> dict[str, list[dict[str, Any]]]:
    """The rows of the pages together, in a fixed order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for month, table in encode_pages(pages, run_id="run"):
        assert table.schema.equals(MESSAGES.schema, check_metadata=True)
        table.validate(full=True)
        found[month] += table.to_pylist()
    return {month: in_order(rows) for month, rows in found.items()}


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows, so that those of two ways can be compared."""
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def generic(*pages: MessagePage) -> list[dict[str, Any]]:
    """The rows of all months as the path for whatever may come gives them."""
    tables = [encode_messages(one, run_id="run") for one in pages]
    return in_order(pa.concat_tables([MESSAGES.schema.empty_table(), *tables]).to_pylist())


@needs_specification
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_pages_together_give_the_rows_of_each_by_itself(data: st.DataObject) -> None:
    """Plain, null-bearing and unusual pages in any mixture become the very rows that each becomes alone."""
    message = st.one_of(spec_objects("message", deviating=False), spec_objects("message", deviating=True))
    contents = data.draw(st.lists(st.lists(message, max_size=3), max_size=4))
    pages = [page(*texts, conversation_id=f"c{number}") for number, texts in enumerate(contents)]
    found = by_month(*pages)
    assert in_order([row for rows in found.values() for row in rows]) == generic(*pages)
    for month, rows in found.items():
        assert {row["received_at"] and row["received_at"].isoformat()[:7] for row in rows} <= {month, None}


def test_plain_pages_of_a_month_become_one_table_each_so_many() -> None:
    """Pages are encoded together, in their order, and each row keeps its own conversation."""
    pages = [page(PLAIN, PLAIN | {"id": f"m{n}"}, conversation_id=f"c{n}") for n in range(PAGES_PER_TABLE + 1)]
    tables = [table for _, table in encode_pages(pages, run_id="run")]
    assert [table.num_rows for table in tables] == [2 * PAGES_PER_TABLE, 2]
    assert tables[0]["conversation_id"].to_pylist()[:4] == ["c0", "c0", "c1", "c1"]
    assert tables[1]["message_id"].to_pylist() == ["m1", f"m{PAGES_PER_TABLE}"]


def test_pages_with_nulls_become_one_table_too() -> None:
    """Nulls are noted in the rows of their own pages, wherever these lie in the table."""
    null = PLAIN | {"id": "m2", "deleted": None, "metadata": None}
    pages = [page(PLAIN, null, conversation_id="c1"), page(null, PLAIN, conversation_id="c2")]
    assert [one.messages for one in pages] == [None, None]
    [(month, table)] = encode_pages(pages, run_id="run")
    assert month == "2026-03"
    assert table["conversation_id"].to_pylist() == ["c1", "c1", "c2", "c2"]
    overlay = '{"metadata":null,"deleted":null}'
    assert table["extra"].to_pylist() == [None, overlay, overlay, None]
    assert in_order(table.to_pylist()) == generic(*pages)


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": None},
        {"content": None},
        {"received": "2026-02-30T10:00:00.000Z"},
        {"received": "2026-03-01T10:00:00Z"},
        {"quotedMessage": {"message": {"source": {"device": {"pushNotificationToken": "t"}}}}},
    ],
    ids=str,
)
def test_what_the_walk_let_pass_is_found_by_the_lake(change: dict[str, Any]) -> None:
    """A null slice, a moment that is none or in another form, and a secret change nothing in other pages."""
    odd = page(PLAIN | {"id": "odd"} | change, conversation_id="c2")
    assert odd.messages is not None
    found = by_month(page(PLAIN), odd, page(PLAIN, conversation_id="c3"))
    rows = in_order([row for part in found.values() for row in part])
    assert rows == generic(page(PLAIN), odd, page(PLAIN, conversation_id="c3"))
    assert "pushNotificationToken" not in str(rows)


@pytest.mark.parametrize(
    "change",
    [
        {"received": None},
        {"deleted": None},
        {"author": {"type": "user", "userId": None}},
        {"author": {"type": "user", "subtypes": None}},
        {"author": {}},
        {"source": {"type": "web", "originalMessageId": None}},
        {"source": {"type": "web", "brandNew": 1}},
        {"brandNew": 1},
        {"deleted": 1},
    ],
    ids=str,
)
def test_the_walk_hands_over_no_messages_with_null_or_something_unknown(change: dict[str, Any]) -> None:
    """One message that is not plain is enough for the whole page to be read by the lake."""
    assert page(PLAIN).messages is not None
    assert page(PLAIN, PLAIN | change).messages is None


def test_absent_fields_become_null_without_a_trace() -> None:
    """A message with an id alone has nothing else in its row, and nothing in `extra`."""
    bare = page({"id": "m1"})
    assert bare.messages is not None
    found = cells_of(bare.messages)
    assert found is not None
    assert not found.nulls
    [row] = by_month(bare)["unknown"]
    kept = {name for name, value in row.items() if value is not None}
    assert kept == {"message_id", "conversation_id", "exported_at", "run_id"}


def test_slices_are_kept_to_the_byte() -> None:
    """Nested objects of several pages are written as they came, in any alphabet and spacing; absent ones are null."""
    first = '{"id":"a","received":"2026-03-01T10:00:00.000Z","metadata":{ "k" : "ž🙂" },"content":{"type":"text"}}'
    second = '{"id":"b","received":"2026-03-01T10:00:00.000Z","content":{"type":"text", "text":"\\u00e9"}}'
    tables = [table for _, table in encode_pages([page(first), page(second)], run_id="run")]
    assert len(tables) == 1
    assert tables[0]["metadata"].to_pylist() == ['{ "k" : "ž🙂" }', None]
    assert tables[0]["content"].to_pylist() == ['{"type":"text"}', '{"type":"text", "text":"\\u00e9"}']
    assert tables[0]["text"].to_pylist() == [None, "é"]


def test_the_structs_of_walk_and_registry_name_the_same_fields() -> None:
    """A column added to the registry can't be forgotten in what the walk reads."""
    known = {(name,) for name in Message.__struct_encode_fields__} - {("author",), ("source",)}
    known |= {("author", name) for name in Author.__struct_encode_fields__}
    known |= {("source", name) for name in Source.__struct_encode_fields__}
    assert known == {column.paths[0] for column in MESSAGES.fields if column.origin == "field"}
    assert message_rows.COLUMNS[0].name == "message_id"
