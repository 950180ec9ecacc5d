"""Everything that a generated world promises to contain, found in one of 2,000 conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.sandbox.synthetic import SyntheticWorld
from pipeline.sandbox.synthetic_setup import INTEGRATION_TYPES

CONTENT = {"text", "carousel", "file", "form", "formResponse", "image", "list", "location", "template"}
ACTIONS = {"buy", "link", "locationRequest", "postback", "reply", "webview"}
CLIENT_TYPES = {
    *("apple", "gbm", "googlercs", "instagram", "kakao", "line", "mailgun", "messagebird", "messenger", "slackconnect"),
    *("sdk", "telegram", "twilio", "twitter", "viber", "wechat", "whatsapp"),
}

# Fields that no version of the specification has; two of them are columns of the lake.
UNKNOWN = {"sentimentScore", "isVerified", "traceId", "extra", "app_id"}


@dataclass
class Census:
    """What occurs in a world."""

    world: SyntheticWorld
    messages: list[dict[str, Any]] = field(default_factory=list)
    lengths: Counter[int] = field(default_factory=Counter)
    conversations: list[dict[str, Any]] = field(default_factory=list)
    participants: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    clients: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def census() -> Census:
    """A world of 2,000 conversations; of its longest one only the first page."""
    world = SyntheticWorld(11, 2_000)
    found = Census(world)
    for conversation_id in world.conversation_ids():
        count = world.message_count(conversation_id)
        found.lengths[count] += 1
        found.conversations.append(world.conversation(conversation_id) or {})
        found.participants += world.participants(conversation_id)
        if count < 30_000:
            found.messages += world.messages(conversation_id)
    for user_id in world.user_ids():
        found.users.append(world.user(user_id) or {})
        found.clients += world.clients(user_id)
        found.devices += world.devices(user_id)
    return found


def states(objects: list[dict[str, Any]], key: str) -> set[str]:
    """Whether a field is present, null or missing somewhere."""
    return {"missing" if key not in each else "null" if each[key] is None else "present" for each in objects}


def walk(value: object) -> Iterator[dict[str, Any]]:
    """All objects within a value."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from walk(member)
    elif isinstance(value, list):
        for member in value:
            yield from walk(member)


def test_every_content_type_occurs(census: Census) -> None:
    """All nine content types are there, an unlisted one, and messages without any content."""
    seen = {message["content"]["type"] for message in census.messages if "content" in message}
    assert seen > CONTENT
    assert states(census.messages, "content") == {"present", "missing"}
    assert any("text" not in m["content"] for m in census.messages if m.get("content", {}).get("type") == "text")


def test_every_action_occurs(census: Census) -> None:
    """All six kinds of actions are there, in messages and in items."""
    contents = [message["content"] for message in census.messages if "content" in message]
    actions = [action for content in contents for action in content.get("actions", ())]
    items = [item for content in contents for item in content.get("items", ())]
    assert {action["type"] for action in actions} == ACTIONS
    assert {action["type"] for item in items for action in item["actions"]} == {"buy", "link", "postback", "webview"}
    assert any("htmlText" in content for content in contents)
    assert {field["type"] for content in contents for field in content.get("fields", ())} == {"email", "select", "text"}


def test_every_author_and_activity_occurs(census: Census) -> None:
    """Users and businesses write, with every subtype, an empty list of them and none; all activities happen."""
    authors = [message["author"] for message in census.messages]
    assert {author["type"] for author in authors} == {"user", "business"}
    subtypes = {tuple(author.get("subtypes", ["absent"])) for author in authors}
    assert subtypes == {("agent",), ("bot",), ("AI",), ("activity",), (), ("absent",)}
    activities = {message["activity"]["type"] for message in census.messages if "activity" in message}
    assert activities == {"ticket:closed", "ticket:transfer:email", "conversation:endedByUser"}


def test_nullable_fields_are_present_null_and_missing(census: Census) -> None:
    """Each nullable field occurs in all three states."""
    profiles = [user["profile"] for user in census.users if "profile" in user]
    foreign = [message["source"] for message in census.messages if message["author"]["type"] == "user"]
    nullable = (
        (census.messages, ("quotedMessage", "metadata", "references", "deleted")),
        (foreign, ("integrationId", "originalMessageId", "originalMessageTimestamp")),
        (census.users, ("externalId", "zendeskId", "brandId")),
        (profiles, ("givenName", "surname", "email", "avatarUrl", "locale")),
        (
            census.clients,
            ("integrationId", "externalId", "lastSeen", "linkedAt", "displayName", "avatarUrl", "info", "raw"),
        ),
        (census.devices, ("pushNotificationToken", "info", "appVersion")),
        (census.participants, ("userExternalId", "lastRead")),
        (
            census.conversations,
            ("metadata", "activeSwitchboardIntegration", "pendingSwitchboardIntegration", "displayName"),
        ),
        (census.conversations, ("description", "iconUrl", "businessLastRead", "lastUpdatedAt")),
    )
    found = {key: states(objects, key) for objects, keys in nullable for key in keys}
    assert {key for key, seen in found.items() if seen != {"present", "null", "missing"}} == set()


def test_unknown_fields_occur_at_every_level(census: Census) -> None:
    """Wherever the specification may grow, fields that it lacks are found."""
    levels = {
        "message": census.messages,
        "author": [message["author"] for message in census.messages],
        "source": [message["source"] for message in census.messages],
        "content": [message["content"] for message in census.messages if "content" in message],
        "user": census.users,
        "profile": [user["profile"] for user in census.users if "profile" in user],
        "client": census.clients,
        "device": census.devices,
        "conversation": census.conversations,
        "participant": census.participants,
    }
    plain = [level for level, objects in levels.items() if not any(UNKNOWN & set(each) for each in objects)]
    assert plain == []


def test_histories_have_every_length(census: Census) -> None:
    """Conversations of 0, 1, 99, 100, 101 and 30,000 messages exist, the last of them once."""
    assert all(census.lengths[count] for count in (0, 1, 99, 100, 101))
    assert census.lengths[30_000] == 1


def test_times_tie_and_histories_merge(census: Census) -> None:
    """Neighbours share a millisecond, some users wrote before their conversation began, and their ids lead nowhere."""
    ties = merged = 0
    for conversation in census.conversations:
        if census.world.message_count(conversation["id"]) == 30_000:
            continue
        messages = census.world.messages(conversation["id"])
        ties += len(messages) - len({message["received"] for message in messages})
        writers = {m["author"]["userId"] for m in messages if "userId" in m["author"]}
        gone = {writer for writer in writers if census.world.user(writer) is None}
        merged += bool(gone) and messages[0]["received"] < conversation["createdAt"]
    assert ties > 100
    assert merged > 10


def test_groups_link_users(census: Census) -> None:
    """There are groups without participants, and users who are only in groups."""
    groups = {conversation["id"] for conversation in census.conversations if conversation["type"] == "sdkGroup"}
    assert any(not census.world.participants(group) for group in groups)
    memberships = [set(census.world.conversations_of(user["id"])) for user in census.users]
    assert any(known and known <= groups for known in memberships)
    assert any(not known for known in memberships)
    assert sum(1 <= len(known) <= 3 for known in memberships) > len(memberships) / 2


def test_texts_break_careless_readers(census: Census) -> None:
    """Emoji, right-to-left text, control characters, long and empty texts occur."""
    texts = {message["content"].get("text", "") for message in census.messages if "content" in message}
    assert "" in texts
    assert max(map(len, texts)) == 4096
    for mark in ("\u0000", "\u202e", "\u2028", "🎉", "שלום", "\\u0000", "\r\n"):
        assert any(mark in text for text in texts), repr(mark)


def test_metadata_has_every_shape(census: Census) -> None:
    """Flat, nested, empty, with unicode keys, with whole numbers beyond floats, with floats."""
    shapes = [message["metadata"] for message in census.messages if message.get("metadata") is not None]
    values = [value for shape in shapes for value in shape.values()]
    assert {} in shapes
    assert 2**63 - 1 in values
    assert any(isinstance(value, float) for value in values)
    assert any(isinstance(value, dict) for value in values)
    assert any("ключ" in shape for shape in shapes)


def test_quotes_references_and_deletions_occur(census: Census) -> None:
    """Both kinds of quotes, quotes within quotes, references and deleted placeholders."""
    quotes = [message["quotedMessage"] for message in census.messages if message.get("quotedMessage")]
    assert {quote["type"] for quote in quotes} == {"message", "externalMessageId"}
    assert any(quote["message"].get("quotedMessage") for quote in quotes if quote["type"] == "message")
    assert any(message.get("references") for message in census.messages)
    assert {message.get("deleted") for message in census.messages} == {True, False, None}


def test_unlisted_channels_occur(census: Census) -> None:
    """Messages and integrations come from a channel that the specification doesn't list."""
    assert "tiktok" in {message["source"]["type"] for message in census.messages}
    assert "tiktok" in {integration["type"] for integration in census.world.integrations()}
    assert {client["type"] for client in census.clients} == CLIENT_TYPES
    assert any(device.get("pushNotificationToken") for device in census.devices)


def test_users_are_hard_to_name(census: Census) -> None:
    """External ids need encoding, look like ids or recur in another brand; all lead back to their user."""
    owners: dict[str, set[str | None]] = {}
    for user in census.users:
        name, brand = user.get("externalId"), user.get("brandId")
        if name is not None:
            assert census.world.find_user(external_id=name, brand_id=brand) == user["id"]
            owners.setdefault(name, set()).add(brand)
    assert {".", ".."} <= set(owners)
    for part in ("/", " ", "../", "%", "?", "#", "客户"):
        assert any(part in name for name in owners), part
    assert any(len(name) == 24 and all(digit in "0123456789abcdef" for digit in name) for name in owners)
    assert any(len(brands) == 2 for brands in owners.values())


def test_email_identities_lead_to_their_users(census: Census) -> None:
    """An address finds everyone who has it as an identity, and nobody who has it in the profile only."""
    owners: dict[str, set[str]] = {}
    for user in census.users:
        for identity in user.get("identities", ()):
            if identity["type"] == "email":
                owners.setdefault(identity["value"], set()).add(user["id"])
    assert all(set(census.world.find_users_by_email(address)) == users for address, users in owners.items())
    assert max(map(len, owners.values())) == 2
    profile = next(user["profile"]["email"] for user in census.users if user.get("profile", {}).get("email"))
    assert not census.world.find_users_by_email(profile)


def test_integrations_show_their_secrets(census: Census) -> None:
    """Every listed type is there, with what the API gives away, and so are the webhooks of custom ones."""
    integrations = census.world.integrations()
    assert [integration["type"] for integration in integrations] == list(INTEGRATION_TYPES)
    secrets = {
        (integration["type"], key)
        for integration in integrations
        for key, value in integration.items()
        if isinstance(value, str) and value.startswith("secret-")
    }
    assert secrets == {
        ("apple", "authenticationMessageSecret"),
        ("line", "channelSecret"),
        ("line", "channelAccessToken"),
        ("line", "switcherSecret"),
        ("mailgun", "signingKey"),
        ("messagebird", "webhookSecret"),
        ("messenger", "pageAccessToken"),
        ("whatsapp", "accountManagementAccessToken"),
    }
    for integration in integrations:
        assert list(census.world.webhooks(integration["id"])) == integration.get("webhooks", [])
    first, second = census.world.switchboards()
    assert len(census.world.switchboard_integrations(first["id"])) == 2
    assert len(census.world.switchboard_integrations(second["id"])) == 1


def test_a_plain_world_has_nothing_odd() -> None:
    """At strangeness 0 no field is unknown, null by chance, or tied; every content type still occurs."""
    world = SyntheticWorld(11, 400, strangeness=0)
    messages = [message for known in world.conversation_ids() for message in world.messages(known)]
    assert {message["content"]["type"] for message in messages} == CONTENT
    assert all(message["metadata"] is not None for message in messages if "metadata" in message)
    assert not any(UNKNOWN & set(each) or "deleted" in each for message in messages for each in walk(message))
    assert all(world.participants(known) for known in world.conversation_ids())
    assert all("displayName" in message["author"] for message in messages if "activity" not in message)
