from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.lake.tables import TABLES
from pipeline.privacy.access.chat import bubble
from pipeline.privacy.access.json_parts import without
from pipeline.privacy.access.messages import redact_message
from pipeline.privacy.access.others import Others
from pipeline.privacy.access.redact import Redaction
from pipeline.suppression.subjects import Action, Subject

SUBJECT = Subject(
    app_id="app",
    tag="a" * 16,
    action=Action.ACCESS,
    user_ids=frozenset({"me"}),
    emails=frozenset({"shared@example.com"}),
)
IDENTIFIERS = [("bob", "bob@example.com"), ("bob", "Bob Stone"), ("bob", "shared@example.com"), ("bob", "7")]


def test_other_users_keep_their_answers_places_and_files_to_themselves() -> None:
    """Of another user's message only the text is shown; the page says that something was left out."""
    for content in (
        {"type": "formResponse", "fields": [{"email": "bob@example.com"}], "textFallback": "Mail: bob@example.com"},
        {"type": "location", "coordinates": {"lat": 1, "long": 2}},
        {"type": "image", "mediaUrl": "https://media.example.com/passport-bob.png", "altText": "passport-bob.png"},
    ):
        made = redact_message(_message("bob", {**content, "text": "look"}), _others())
        assert json.loads(made["content"]) == {"type": content["type"], "text": "look"}
        assert "content" in made["withheld"]
        assert "shortened to protect another person" in bubble(made).notes


def test_of_a_businesss_message_all_that_is_visible_is_shown() -> None:
    """Buttons and carousels are; payloads and custom properties within them were never shown to anybody."""
    action = {"type": "postback", "text": "Yes", "payload": "HIDDEN", "metadata": {"agent": "kim"}}
    row = _message(None, {"type": "text", "text": "Sure?", "actions": [action], "new": {"kept": 1}}, kind="business")
    made = redact_message(row | {"author_subtypes": ["agent"], "author_display_name": "Kim"}, _others())
    assert made["author"] == "Agent 1"
    assert json.loads(made["content"]) == {
        "type": "text",
        "text": "Sure?",
        "actions": [{"type": "postback", "text": "Yes"}],
        "new": {"kept": 1},
    }


def test_one_name_for_one_person_in_the_order_of_appearance() -> None:
    """The same agent stays Agent 1 throughout, bots are counted apart, and the subject is You."""
    others = _others()
    rows = [
        _message(None, {}, kind="business") | {"author_display_name": "Kim"},
        _message(None, {}, kind="business") | {"author_display_name": "Helper", "author_subtypes": ["bot"]},
        _message("bob", {}),
        _message("me", {}),
        _message(None, {}, kind="business") | {"author_display_name": "Lee"},
        _message(None, {}, kind="business") | {"author_display_name": "Kim"},
        _message(None, {}, kind="business") | {"author_subtypes": ["activity"]},
    ]
    labels = [others.label(row) for row in rows]
    assert labels == ["Agent 1", "Bot 1", "Person 1", "You", "Agent 2", "Agent 1", "System"]
    assert others.people == 1


def test_known_identifiers_of_others_are_masked_in_custom_properties() -> None:
    """As keys, values and parts of values; what the subject shares stays, and so does what is too short to be sure."""
    source = '{"to": "Bob Stone <bob@example.com>", "bob@example.com": 1.50, "mine": "shared@example.com", "n": 7}'
    masked = without(source, mask=_others().masked)
    assert masked == ('{"to":"Person 1 <Person 1>","Person 1":1.50,"mine":"shared@example.com","n":7}')


def test_push_tokens_never_get_through() -> None:
    """Wherever they hide, also in the subject's own records."""
    source = '{"device": {"id": "d", "push\\u004eotificationToken": "secret"}, "pushNotificationToken": null}'
    assert json.loads(without(source)) == {"device": {"id": "d"}}


def test_an_event_tells_only_what_is_known_to_be_about_the_subject() -> None:
    """Unknown parts are left out, other users with them; messages are redacted like those of the table."""
    said = {
        "id": "m",
        "author": {"type": "user", "userId": "bob", "displayName": "Bob"},
        "content": {"type": "text", "text": "hi"},
    }
    payload: dict[str, Any] = {
        "conversation": {"id": "c", "type": "personal", "metadata": {"x": "Bob"}},
        "message": said,
        "user": {"id": "bob", "profile": {"givenName": "Bob"}},
        "unheard": {"of": "Bob"},
    }
    row = {column.name: None for column in TABLES["events"].columns}
    row |= {"event_id": "e", "user_id": "bob", "payload": json.dumps(payload), "extra": '{"x": "Bob"}'}
    redaction = Redaction(_others(), frozenset())
    made = redaction._row("events", row)
    assert made is not None
    assert "ob" not in made["payload"]
    assert (made["user_id"], made["extra"]) == (None, None)
    assert json.loads(made["payload"])["message"]["author"] == {"type": "user", "label": "Person 1"}
    own = redaction._row("events", row | {"user_id": "me", "payload": json.dumps({"user": {"id": "me", "x": 1}})})
    assert own is not None
    assert json.loads(own["payload"]) == {"user": {"id": "me", "x": 1}}


def test_a_message_that_another_member_withdrew_is_told_without_its_text() -> None:
    """Its author took it back; the subject's own deleted messages and those of a business are shown, marked."""
    redaction = Redaction(_others(), frozenset({"c"}))
    redaction._note_membership({"conversation_id": "c", "copy_state_at": None})
    made = [
        redaction._row(
            "messages", _message(author, {"type": "text", "text": "oops"}, kind=kind) | {"copy_state": "deleted"}
        )
        for author, kind in (("bob", "user"), ("me", "user"), (None, "business"))
    ]
    assert [row and row["text"] for row in made] == [None, "oops", "oops"]
    assert made[0] is not None
    assert "content left out to protect another person" in bubble(made[0]).notes


def _others() -> Others:
    return Others(SUBJECT, IDENTIFIERS)


def _message(author: str | None, content: dict[str, Any], *, kind: str = "user") -> dict[str, Any]:
    row: dict[str, Any] = {column.name: None for column in TABLES["messages"].columns}
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    said = {
        "message_id": "m",
        "conversation_id": "c",
        "received_at": moment,
        "author_type": kind,
        "author_user_id": author,
    }
    return row | said | {"content": json.dumps(content), "text": content.get("text"), "copy_state": "current"}
