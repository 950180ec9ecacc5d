from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lake.tables import TABLES
from pipeline.suppression.matcher import Known
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.redact import Policy, redact
from pipeline.suppression.subjects import Action
from tests.unit.suppression.people import NOW, anna, message, oid, quote_of, rows_of

KNOWN = Known([anna()])
MASKED = Known([anna(Action.PII_ONLY)])


def _messages(*objects: dict[str, Any], conversation: str = "group") -> pa.Table:
    return rows_of("messages", *objects, conversation_id=oid(conversation))


def _texts(rows: pa.Table) -> str:
    return json.dumps(rows.to_pylist(), default=str)


def test_rows_of_the_subject_go_and_others_stay_as_they_are() -> None:
    """By every key: user, client, device, participant, personal conversation, own message."""
    kept = {
        "users": rows_of("users", {"id": oid("ben"), "profile": {"givenName": "Ben"}}),
        "clients": rows_of("clients", {"id": oid("ben's client"), "type": "web"}, user_id=oid("ben")),
        "devices": rows_of("devices", {"id": oid("ben's device")}, user_id=oid("ben")),
        "conversations": rows_of("conversations", {"id": oid("group")}),
        "participants": rows_of("participants", {"id": oid("p"), "userId": oid("ben")}, conversation_id=oid("group")),
        "messages": _messages(message("1", "ben"), message("2", None)),
    }
    gone = {
        "users": rows_of("users", {"id": oid("anna")}, {"id": oid("anna before the merge")}),
        "clients": rows_of("clients", {"id": oid("unheard of")}, user_id=oid("anna")),
        "devices": rows_of("devices", {"id": oid("anna's device")}, user_id=oid("somebody")),
        "conversations": rows_of("conversations", {"id": oid("alone")}),
        "participants": rows_of("participants", {"id": oid("q"), "userId": oid("anna")}, conversation_id=oid("group")),
        "messages": pa.concat_tables(
            [
                _messages(message("3", "anna"), message("anna in group says", None)),
                _messages(message("4", None), conversation="alone"),
            ]
        ),
    }
    for name, rows in kept.items():
        mixed = pa.concat_tables([gone[name], rows, gone[name]])
        result = redact(TABLES[name], mixed, KNOWN)
        assert result.rows.equals(rows), name
        assert (result.removed, result.changed) == (2 * gone[name].num_rows, 0)


def test_quotes_of_the_subject_are_erased_and_the_message_stays() -> None:
    """By author or by message id, also where the quoted message is somebody else's and quotes them itself."""
    theirs = message("whatever", "anna")
    known = message("anna in group says", None)
    through_ben = message("5", "ben", **quote_of(theirs))
    rows = _messages(
        message("6", "ben", **quote_of(theirs)),
        message("7", "ben", **quote_of(known)),
        message("8", "ben", **quote_of(through_ben)),
        message("9", "ben", **quote_of(message("10", "ben"))),
    )
    result = redact(TABLES["messages"], rows, KNOWN)
    assert (result.removed, result.changed) == (0, 3)
    quotes = result.rows["quoted_message"].to_pylist()
    assert quotes[:2] == ['{"type":"erased"}'] * 2
    inner = json.loads(quotes[2])["message"]
    assert inner["quotedMessage"] == {"type": "erased"}
    assert inner["content"] == {"type": "text", "text": "Text of 5"}
    assert result.rows.drop_columns("quoted_message").equals(rows.drop_columns("quoted_message"))
    assert quotes[3] == rows["quoted_message"].to_pylist()[3]


def test_an_id_that_is_spelled_with_escapes_is_found_all_the_same() -> None:
    """JSON may write any letter as an escape."""
    rows = _messages(message("6", "ben", **quote_of(message("x", "anna"))))
    escaped = "".join(f"\\u00{ord(character):02x}" for character in oid("anna"))
    text = rows["quoted_message"].to_pylist()[0].replace(oid("anna"), escaped)
    index = rows.schema.get_field_index("quoted_message")
    rows = rows.set_column(index, rows.schema.field(index), pa.array([text]))
    assert redact(TABLES["messages"], rows, KNOWN).rows["quoted_message"].to_pylist() == ['{"type":"erased"}']


def test_unknown_fields_that_name_the_subject_are_taken_out() -> None:
    """`extra` counts as free text: members and objects with an id of the subject go, the rest stays."""
    rows = _messages(
        message("1", "ben", replyTo=oid("anna"), seenBy=[{"userId": oid("anna"), "n": 1}, {"userId": oid("ben")}], x=1),
        message("2", "ben", replyTo=oid("anna")),
        message("3", "ben", future=True),
    )
    result = redact(TABLES["messages"], rows, KNOWN)
    extras = [None if text is None else json.loads(text) for text in result.rows["extra"].to_pylist()]
    assert extras == [{"seenBy": [{"type": "erased"}, {"userId": oid("ben")}], "x": 1}, None, {"future": True}]


def test_events_about_the_subject_go_and_quotes_in_others_are_erased() -> None:
    """An event whose payload names the subject outside of a quote is dropped, at whatever depth."""

    def event(number: int, payload: dict[str, Any]) -> dict[str, Any]:
        return {"id": oid(f"event {number}"), "type": "conversation:message", "payload": payload}

    rows = rows_of(
        "events",
        event(1, {"user": {"id": oid("anna")}}),
        event(2, {"conversation": {"id": oid("alone")}}),
        event(3, {"mergedUsers": {"surviving": {"id": oid("ben")}, "discarded": {"id": oid("anna")}}}),
        event(4, {"recentNotifications": [message("x", "anna")], "user": {"id": oid("ben")}}),
        event(5, {"conversation": {"id": oid("group")}, "message": message("5", "ben")}),
        event(6, {"message": message("6", "ben", **quote_of(message("y", "anna")))}),
        webhook_id="hook",
    )
    result = redact(TABLES["events"], rows, KNOWN)
    assert result.rows["event_id"].to_pylist() == [oid("event 5"), oid("event 6")]
    assert (result.removed, result.changed) == (4, 1)
    assert json.loads(result.rows["payload"].to_pylist()[1])["message"]["quotedMessage"] == {"type": "erased"}
    assert oid("anna") not in _texts(result.rows)


def test_tombstones_of_the_erased_go() -> None:
    """By entity: an id of another kind does not match."""
    entities = ["user", "conversation", "message", "participant", "client", "device", "user", "message"]
    names = ["anna", "alone", "anna in group says", "anna alone", "anna's client", "anna's device", "ben", "anna"]
    columns = {
        "entity": entities,
        "entity_id": [oid(name) for name in names],
        "seen_at": [NOW] * 8,
        "reason": ["gone"] * 8,
        "extra": [None] * 8,
        "exported_at": [NOW] * 8,
        "run_id": ["run"] * 8,
    }
    rows = pa.table(columns, schema=TABLES["tombstones"].schema)
    result = redact(TABLES["tombstones"], rows, KNOWN)
    assert result.rows["entity_id"].to_pylist() == [oid("ben"), oid("anna")]


def test_scope_authored_keeps_what_the_business_wrote() -> None:
    """The conversation stays without its free texts; the subject's messages and participation go."""
    policy = Policy(scope="authored")
    talk = _messages(message("1", "anna"), message("2", None), message("3", "unknown"), conversation="alone")
    result = redact(TABLES["messages"], talk, KNOWN, policy=policy)
    assert result.rows["text"].to_pylist() == ["Text of 2"]
    head = rows_of(
        "conversations", {"id": oid("alone"), "displayName": "Anna", "metadata": {"a": 1}, "type": "personal"}
    )
    kept = redact(TABLES["conversations"], head, KNOWN, policy=policy)
    assert (kept.removed, kept.changed) == (0, 1)
    (row,) = kept.rows.to_pylist()
    assert (row["display_name"], row["metadata"], row["type"]) == (None, None, "personal")
    member = rows_of("participants", {"id": oid("q")}, conversation_id=oid("alone"))
    assert redact(TABLES["participants"], member, KNOWN, policy=policy).removed == 1


def test_pii_only_nulls_what_is_direct_and_keeps_the_rest() -> None:
    """Users, clients and author names lose direct fields and metadata, devices go, texts stay."""
    person = {
        "id": oid("anna"),
        "externalId": "customer-77",
        "signedUpAt": "2026-01-01T00:00:00.000Z",
        "profile": {"givenName": "Anna", "email": "a@example.org", "locale": "de"},
        "identities": [{"type": "email", "value": "a@example.org"}],
        "metadata": {"vip": True},
        "hasPaymentInfo": True,
    }
    users = redact(TABLES["users"], rows_of("users", person, {"id": oid("ben"), "externalId": "x"}), MASKED)
    assert (users.removed, users.changed) == (0, 1)
    masked, ben = users.rows.to_pylist()
    left = {name for name, value in masked.items() if value is not None}
    assert left == {"user_id", "signed_up_at", "locale", "exported_at", "run_id"}
    assert ben["external_id"] == "x"
    talk = redact(TABLES["messages"], _messages(message("1", "anna"), message("2", "ben")), MASKED)
    assert talk.rows["author_display_name"].to_pylist() == [None, "ben"]
    assert talk.rows["text"].to_pylist() == ["Text of 1", "Text of 2"]
    device = rows_of("devices", {"id": oid("new device"), "guid": "g"}, user_id=oid("anna"))
    assert redact(TABLES["devices"], device, MASKED).removed == 1
    assert redact(TABLES["conversations"], rows_of("conversations", {"id": oid("alone")}), MASKED).changed == 0


def test_pii_only_takes_names_out_of_quotes() -> None:
    """The quoted text stays, who said it does not show."""
    quoted = message("x", "anna", source={"type": "whatsapp", "client": {"displayName": "Anna E."}})
    rows = _messages(message("1", "ben", **quote_of(quoted)))
    (text,) = redact(TABLES["messages"], rows, MASKED).rows["quoted_message"].to_pylist()
    inner = json.loads(text)["message"]
    assert inner["author"] == {"type": "user", "userId": oid("anna")}
    assert inner["source"] == {"type": "whatsapp"}
    assert inner["content"] == quoted["content"]


def test_mentions_are_redacted_in_group_conversations_only_if_asked() -> None:
    """The text and the content say the same afterwards; other conversations and the default policy leave them."""
    said = {"type": "text", "text": "Ask anna  ernst-MÜLLER or ANNA.ernst@example.org, Anna knows", "n": 1.50}
    rows = pa.concat_tables(
        [
            _messages(message("1", "ben", content=said)),
            _messages(message("2", "ben", content=said), conversation="other"),
        ]
    )
    assert redact(TABLES["messages"], rows, KNOWN).changed == 0
    result = redact(TABLES["messages"], rows, KNOWN, policy=Policy(mentions=Mentions([anna()])))
    assert result.changed == 1
    redacted = "Ask [erased] or [erased], Anna knows"
    assert result.rows["text"].to_pylist() == [redacted, said["text"]]
    contents = result.rows["content"].to_pylist()
    assert json.loads(contents[0]) == said | {"text": redacted}
    assert json.loads(contents[1]) == said


EVERYWHERE = {
    "users": ({"id": oid("ben"), "metadata": {"friend": "ANNA.ernst@example.org", "n": 1}}, {}, oid("ben")),
    "clients": ({"id": oid("c"), "raw": {"of": "Anna Ernst-M\u00fcller"}}, {"user_id": oid("ben")}, oid("ben")),
    "devices": (
        {"id": oid("d"), "info": {"url": "https://x/?m=anna.ernst%40example.org"}},
        {"user_id": oid("ben")},
        oid("ben"),
    ),
    "conversations": ({"id": oid("bens"), "displayName": "About customer-77"}, {}, oid("bens")),
    "participants": ({"id": oid("p"), "note": "customer-77"}, {"conversation_id": oid("bens")}, oid("bens")),
    "messages": (
        message("1", "ben", metadata={"customer-77": 1, "phone": 49301234567}),
        {"conversation_id": oid("bens")},
        oid("bens"),
    ),
    "events": (
        {"id": "e1", "type": "t", "payload": {"conversation": {"id": oid("bens")}, "said": "anna.ernst@example.org"}},
        {"webhook_id": oid("hook")},
        oid("bens"),
    ),
    "switchboards": ({"id": oid("i"), "enabled": True, "new": "customer-77"}, {}, oid("i")),
}


@pytest.mark.parametrize("table", EVERYWHERE)
def test_mentions_are_redacted_wherever_others_made_them(table: str) -> None:
    """In every table: names and numbers in JSON too; the keys and all else stay; and twice is as once."""
    item, parents, place = EVERYWHERE[table]
    rows = rows_of(table, item, **parents)
    person = anna(mentioning_ids=frozenset({place}))
    policy = Policy(mentions=Mentions([person]))
    result = redact(TABLES[table], rows, Known([person]), policy=policy)
    assert (result.removed, result.changed) == (0, 1)
    after = _texts(result.rows).casefold()
    for hers in ("anna.ernst", "ernst-m", "customer-77", "49301234567"):
        assert hers not in after
    assert "[erased]" in after
    before, left = rows.to_pylist()[0], result.rows.to_pylist()[0]
    assert sum(before[name] != left[name] for name in before) == 1
    assert redact(TABLES[table], result.rows, Known([person]), policy=policy).changed == 0
    elsewhere = anna(mentioning_ids=frozenset({oid("elsewhere")}))
    assert redact(TABLES[table], rows, Known([elsewhere]), policy=policy).changed == 0


def test_names_in_json_that_become_the_same_stay_apart() -> None:
    """Two members that were named after her addresses are two members still."""
    both = message("1", "ben", metadata={"customer-77": 1, "anna.ernst@example.org": 2, "c": 3})
    result = redact(TABLES["messages"], _messages(both), KNOWN, policy=Policy(mentions=Mentions([anna()])))
    assert json.loads(result.rows["metadata"][0].as_py()) == {"[erased]": 1, "[erased] 2": 2, "c": 3}


@pytest.mark.parametrize("text", ["{" * 3000, '{"a": "' + oid("anna")])
def test_json_that_cannot_be_looked_into_does_not_stay(text: str) -> None:
    """Fail closed: what may hold the subject and can't be read is erased."""
    rows = _messages(message("1", "ben", **quote_of(message("x", "anna"))))
    index = rows.schema.get_field_index("quoted_message")
    rows = rows.set_column(index, rows.schema.field(index), pa.array([text + f'"{oid("anna")}"']))
    (found,) = redact(TABLES["messages"], rows, KNOWN).rows["quoted_message"].to_pylist()
    assert found == '{"type":"erased"}'


PEOPLE = st.sampled_from(["anna", "ben", "cem", None])
QUOTED = st.recursive(st.none(), lambda inner: st.tuples(PEOPLE, inner), max_leaves=4)


@given(st.lists(st.tuples(PEOPLE, st.sampled_from(["group", "alone", "other"]), QUOTED), max_size=8))
def test_nothing_of_the_subject_is_left_and_the_rule_is_idempotent(said: list[tuple[Any, str, Any]]) -> None:
    """Whoever quotes whom how deeply: no id of the subject survives, and nothing of others' own words is lost."""

    def build(number: str, author: str | None, quote: Any) -> dict[str, Any]:
        quoted = {} if quote is None else quote_of(build(number + "q", quote[0], quote[1]))
        return message(number, author, **quoted)

    parts = [
        _messages(build(str(number), who, quote), conversation=where) for number, (who, where, quote) in enumerate(said)
    ]
    rows = pa.concat_tables(parts) if parts else TABLES["messages"].schema.empty_table()
    result = redact(TABLES["messages"], rows, KNOWN)
    assert oid("anna") not in _texts(result.rows)
    kept = [f"Text of {number}" for number, (who, where, _) in enumerate(said) if who != "anna" and where != "alone"]
    assert result.rows["text"].to_pylist() == kept
    again = redact(TABLES["messages"], result.rows, KNOWN)
    assert again.rows.equals(result.rows)
    assert (again.removed, again.changed) == (0, 0)
