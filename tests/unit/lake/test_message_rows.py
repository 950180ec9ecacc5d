from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake import message_page, message_rows, rows
from pipeline.lake.message_page import MessagePage, read_cells
from pipeline.lake.message_rows import encode_messages, encode_messages_by_month
from pipeline.lake.rows import RowError
from pipeline.lake.secrets import Dropped
from pipeline.lake.tables import TABLES
from tests.spec_schemas import NEWEST, OLDEST, needs_specification
from tests.unit.lake.spec_objects import spec_objects

MESSAGES = TABLES["messages"]
NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
PLAIN: dict[str, Any] = {
    "id": "m1",
    "received": "2026-03-01T10:00:00.000Z",
    "author": {"type": "user", "userId": "u1", "displayName": "Ann"},
    "content": {"type": "text", "text": "hello"},
    "source": {"type": "web", "integrationId": "i1"},
}
REFUSED_BY_ARROW = (
    '"2026-13-01T10:00:00.000Z"',
    '"2026-02-30T10:00:00.000Z"',
    '"2026-03-01T24:00:00.000Z"',
    '"2026-03-01T10:00:60.000Z"',
    '"2026-03-01T10:00:0x.000Z"',
    '"+026-03-01T10:00:00.000Z"',
)
REFUSED_BY_FORM = (
    '"2026-03-01 10:00:00.000Z"',
    '"2026-03-01T10:00:00+0000"',
    '"2026-03-01T10:00:00Z"',
    '"2026-03-01T10:00:00.0000Z"',
    '"0000-03-01T10:00:00.000Z"',
    '""',
    "1772359200",
)
some = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def answer(*messages: str | dict[str, Any]) -> bytes:
    """The body of an answer of ListMessages."""
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    return ('{"messages":[' + ",".join(texts) + '],"meta":{"hasMore":false},"links":{}}').encode()


def page(*messages: str | dict[str, Any], conversation_id: str = "c1") -> MessagePage:
    """An answer of ListMessages."""
    return MessagePage(answer(*messages), conversation_id, NOW)


def fast(*pages: MessagePage) -> pa.Table:
    """The rows as the fast path gives them."""
    return pa.concat_tables([MESSAGES.schema.empty_table(), *(encode_messages(one, run_id="run") for one in pages)])


def slow(*pages: MessagePage) -> pa.Table:
    """The rows as the generic codec gives them."""
    return pa.concat_tables([message_rows._encode_slowly(one, "run", Dropped()) for one in pages])


@needs_specification
@pytest.mark.parametrize("document", [NEWEST, OLDEST])
@some
@given(data=st.data())
def test_the_fast_path_reads_all_that_the_specification_allows(document: str, data: st.DataObject) -> None:
    """Messages as the specification describes them never need the slow way, and both ways give the same table."""
    texts = data.draw(st.lists(spec_objects("message", document=document, deviating=False), min_size=1, max_size=3))
    assert read_cells(answer(*texts)) is not None
    assert fast(page(*texts)).equals(slow(page(*texts)))


@needs_specification
@settings(some, max_examples=120)
@given(
    st.lists(
        st.lists(
            st.one_of(spec_objects("message", deviating=False), spec_objects("message", deviating=True)), max_size=3
        ),
        max_size=3,
    )
)
def test_both_ways_give_equal_tables_whatever_the_pages_hold(contents: list[list[str]]) -> None:
    """Pages of usual and unusual messages in any mixture become the rows that the generic codec makes of them."""
    pages = [page(*texts, conversation_id=f"c{number}") for number, texts in enumerate(contents)]
    for one in pages:
        assert fast(one).equals(slow(one))


def test_the_structs_and_the_registry_name_the_same_fields() -> None:
    """A column added to the registry can't be forgotten in the fast path."""
    known = set()
    for struct, above in (
        (message_page._Message, ()),
        (message_page._Author, ("author",)),
        (message_page._Source, ("source",)),
    ):
        known |= {(*above, name) for name in struct.__struct_encode_fields__}
    assert known - {("author",), ("source",)} == {
        column.paths[0] for column in MESSAGES.fields if column.origin == "field"
    }


@pytest.mark.parametrize(
    "name", ["received", "content", "activity", "quotedMessage", "references", "metadata", "deleted"]
)
def test_absent_and_null_are_told_apart(name: str) -> None:
    """A field that is absent leaves no trace, an explicit null leaves one in `extra`, without the slow way."""
    absent = {key: value for key, value in PLAIN.items() if key != name}
    null = absent | {name: None}
    assert read_cells(answer(absent, null)) is not None
    table = fast(page(absent, null))
    assert table["extra"].to_pylist() == [None, json.dumps({name: None}, separators=(",", ":"))]
    assert table.equals(slow(page(absent, null)))


def test_nulls_inside_author_and_source_are_noted() -> None:
    """Explicit nulls of nested fields are rebuilt where they stood."""
    message = PLAIN | {
        "author": {"type": "user", "userId": None, "subtypes": None},
        "source": {"type": "web", "originalMessageTimestamp": None},
        "metadata": None,
    }
    assert read_cells(answer(message)) is not None
    table = fast(page(message, PLAIN))
    assert json.loads(table["extra"][0].as_py()) == {
        "author": {"subtypes": None, "userId": None},
        "source": {"originalMessageTimestamp": None},
        "metadata": None,
    }
    assert table["extra"][1].as_py() is None
    assert table.equals(slow(page(message, PLAIN)))


@pytest.mark.parametrize("moment", REFUSED_BY_FORM + REFUSED_BY_ARROW)
@pytest.mark.parametrize("name", ["received", "originalMessageTimestamp"])
def test_a_moment_in_another_form_sends_its_page_the_slow_way(name: str, moment: str) -> None:
    """A moment that is not in the API's form is kept as it was told, and other pages don't feel it."""
    odd = json.dumps(PLAIN | {"source": {"type": "web", "originalMessageTimestamp": PLAIN["received"]}})
    odd = odd.replace(f'"{name}": "{PLAIN["received"]}"', f'"{name}": {moment}')
    pages = [
        page(PLAIN, conversation_id="c1"),
        page(PLAIN, odd, conversation_id="c2"),
        page(PLAIN, conversation_id="c3"),
    ]
    assert moment in odd
    assert fast(*pages).equals(slow(*pages))
    if moment in REFUSED_BY_FORM:
        assert read_cells(pages[1].body) is None


@pytest.mark.parametrize(
    "change",
    [
        {"brandNew": 1},
        {"author": {"type": "user", "brandNew": 1}},
        {"author": {}},
        {"author": None},
        {"source": {"type": "web", "client": {"id": "x"}}},
        {"deleted": 1},
        {"received": 5},
        {"author": {"type": "user", "subtypes": ["bot", 1]}},
        {"quotedMessage": {"message": {"source": {"device": {"pushNotificationToken": "t"}}}}},
    ],
    ids=str,
)
def test_a_page_with_anything_unusual_goes_the_slow_way(change: dict[str, Any]) -> None:
    """Unknown fields, other types and possible secrets are left to the generic codec."""
    odd = page(PLAIN, PLAIN | change)
    assert read_cells(odd.body) is None
    assert fast(odd).equals(slow(odd))


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ('{"type":"text","text":"a"}', "text", "a"),
        ('{"type":"text"}', "text", None),
        ('{"type":"text","text":null}', "text", None),
        ('{"type":"text","text":5}', "text", None),
        ('{"type":7,"text":"a"}', None, "a"),
        ('{"type":"image","text":"a","text":"b"}', "image", "b"),
        ('{"type":"text","text":"a\\ud83d"}', "text", "a\ufffd"),
        ("[]", None, None),
        ('"text"', None, None),
        ("{}", None, None),
    ],
)
def test_type_and_text_are_read_from_any_content(content: str, content_type: str | None, text: str | None) -> None:
    """The derived columns hold what there is of strings, and never stop a page."""
    message = json.dumps(PLAIN).replace(json.dumps(PLAIN["content"]), content)
    table = fast(page(PLAIN, message))
    assert (table["content_type"][1].as_py(), table["text"][1].as_py()) == (content_type, text)
    assert table["content"][1].as_py() == content
    assert table.equals(slow(page(PLAIN, message)))


def test_rows_are_parted_by_month() -> None:
    """Each row is found in its month in UTC, one without a moment in `unknown`, and none is lost."""
    messages = [
        PLAIN | {"id": "a", "received": "2026-01-31T23:59:59.999Z"},
        PLAIN | {"id": "b", "received": "2026-02-01T00:00:00.000Z"},
        PLAIN | {"id": "c", "received": "2026-02-01T00:30:00+01:00"},
        PLAIN | {"id": "d", "received": "no moment"},
        {key: value for key, value in PLAIN.items() if key != "received"} | {"id": "e"},
    ]
    parts = encode_messages_by_month(page(*messages), run_id="run")
    assert {month: part["message_id"].to_pylist() for month, part in parts} == {
        "2026-01": ["a", "c"],
        "2026-02": ["b"],
        "unknown": ["d", "e"],
    }


@pytest.mark.parametrize("second", [{}, {"received": None}, {"received": "2026-04-01T00:00:00.000Z"}], ids=str)
def test_a_page_of_one_month_is_not_parted_unless_a_message_lies_elsewhere(second: dict[str, Any]) -> None:
    """Messages without a moment are not taken along into the month of the others."""
    bare = {key: value for key, value in PLAIN.items() if key != "received"} | {"id": "m2"} | second
    parts = encode_messages_by_month(page(PLAIN, bare), run_id="run")
    assert [(month, part["message_id"].to_pylist()) for month, part in parts] == [
        ("2026-03", ["m1"]),
        ("2026-04" if second.get("received") else "unknown", ["m2"]),
    ]
    assert [month for month, _ in encode_messages_by_month(page(PLAIN, PLAIN), run_id="run")] == ["2026-03"]
    assert encode_messages_by_month(page(), run_id="run") == []


def test_bookkeeping_is_written_to_every_row() -> None:
    """Conversation, moment (cut to milliseconds) and run stand in each row."""
    [row] = fast(page(PLAIN)).to_pylist()
    assert row["conversation_id"] == "c1"
    assert row["exported_at"] == NOW.replace(microsecond=123_000)
    assert row["run_id"] == "run"


def test_an_empty_answer_gives_no_rows() -> None:
    """A page without messages, or no page at all, gives an empty table of the same schema."""
    assert fast(page()).equals(MESSAGES.schema.empty_table())
    assert fast().equals(MESSAGES.schema.empty_table())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"meta":{}}',
        b'{"messages":null}',
        b'{"messages":[1]}',
        b'{"messages":[{}]}',
        b'{"messages":[{"id":null}]}',
        b'{"messages":[{"id":"secret text","content":"\xff"}]}',
        b'{"messages":[{"id":"secret text","author":{"type":"\xff"}}]}',
    ],
)
def test_an_answer_that_holds_no_messages_is_refused_without_its_words(body: bytes) -> None:
    """What is no list of messages with ids raises an error that quotes nothing of it."""
    with pytest.raises(RowError) as caught:
        fast(MessagePage(body, "c1", NOW))
    assert "secret" not in str(caught.value)


def test_left_out_secrets_are_noted() -> None:
    """A push token in a message's source is not written, and its name is told."""
    dropped = Dropped()
    device = {"id": "d1", "pushNotificationToken": "hush"}
    table = encode_messages(page(PLAIN | {"source": {"type": "web", "device": device}}), run_id="run", dropped=dropped)
    assert dropped.names == {"messages.pushNotificationToken"}
    assert rows.decode(MESSAGES, table.to_pylist()[0])["source"]["device"] == {"id": "d1"}
    assert "hush" not in str(table.to_pylist())
