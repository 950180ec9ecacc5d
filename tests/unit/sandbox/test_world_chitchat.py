"""The world of real conversations."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox import chitchat
from pipeline.sandbox.chitchat import ChitchatWorld


@pytest.fixture(scope="module")
def world() -> ChitchatWorld:
    """The whole data set, loaded once."""
    return ChitchatWorld()


def test_every_utterance_is_a_message_once(world: ChitchatWorld) -> None:
    """All 7,168 conversations and 258,145 messages are there, each id once, ordered by time and id."""
    identities: set[str] = set()
    total = 0
    conversations = list(world.conversation_ids())
    for conversation_id in conversations:
        messages = world.messages(conversation_id)
        order = [(message["received"], message["id"]) for message in messages]
        assert order == sorted(order)
        assert len(order) == world.message_count(conversation_id)
        identities.update(identity for _, identity in order)
        total += len(order)
    assert (len(set(conversations)), total, len(identities)) == (7_168, 258_145, 258_145)


def test_a_conversation_begins_with_its_user(world: ChitchatWorld) -> None:
    """The first message is the participant's, and all others are theirs or an agent's."""
    for conversation_id in list(world.conversation_ids())[:300]:
        (participant,) = world.participants(conversation_id)
        messages = world.messages(conversation_id)
        assert messages[0]["author"]["userId"] == participant["userId"]
        for message in messages:
            author = message["author"]
            assert author.get("userId") == participant["userId"] or author["subtypes"] == ["agent"]


def test_the_gate_agrees_with_the_messages(world: ChitchatWorld) -> None:
    """A conversation was created with its first message and last updated with its last."""
    for conversation_id in list(world.conversation_ids())[:300]:
        conversation = world.conversation(conversation_id)
        assert conversation is not None
        messages = world.messages(conversation_id)
        assert conversation["createdAt"] == messages[0]["received"]
        assert conversation["lastUpdatedAt"] == messages[-1]["received"]


def test_users_lead_to_every_conversation(world: ChitchatWorld) -> None:
    """From the seeds each conversation is found exactly once, and each user has one default conversation."""
    found: Counter[str] = Counter()
    for row in world.seeds():
        conversations = world.conversations_of(row["user_id"])
        defaults = [known for known in conversations if (world.conversation(known) or {})["isDefault"]]
        assert len(defaults) == 1
        found.update(conversations)
    assert found == Counter(world.conversation_ids())
    assert len(list(world.user_ids())) == 1_036


def test_channels_and_clients_agree(world: ChitchatWorld) -> None:
    """Messages come from an integration of the app; some users have two clients; external ids lead back."""
    integrations = {integration["id"]: integration["type"] for integration in world.integrations()}
    seen: Counter[str] = Counter()
    clients: Counter[int] = Counter()
    for user_id in world.user_ids():
        clients[len(world.clients(user_id))] += 1
        source = world.messages(world.conversations_of(user_id)[0])[0]["source"]
        assert integrations[source["integrationId"]] == source["type"]
        seen[source["type"]] += 1
        user = world.user(user_id)
        assert user is not None
        if user["externalId"] is not None:
            assert world.find_user(external_id=user["externalId"], brand_id=None) == user_id
    assert set(seen) == {"web", "ios", "android", "whatsapp", "messenger"}
    assert set(clients) == {1, 2}


def test_messages_are_the_data_sets_words(world: ChitchatWorld) -> None:
    """The texts and times of the first conversation stand as the data set has them."""
    first = world.messages(next(world.conversation_ids()))
    assert [message["content"]["text"] for message in first[:3]] == ["Hello", "How are you doing today?", "whats up MD"]
    assert first[0]["received"] == "2018-05-02T19:38:15.000Z"


def test_a_limit_takes_the_first_conversations(world: ChitchatWorld) -> None:
    """A limited world is a cut of the whole, as another app."""
    small = ChitchatWorld(7)
    first = list(world.conversation_ids())[:7]
    assert list(small.conversation_ids()) == first
    assert small.messages(first[3]) == world.messages(first[3])
    assert small.app["id"] != world.app["id"]


def test_strangers_are_unknown(world: ChitchatWorld) -> None:
    """Unknown ids give nothing."""
    stranger = "0" * 24
    assert world.user(stranger) is None
    assert world.conversation(stranger) is None
    assert world.message_count(stranger) == 0
    listings = (world.messages, world.participants, world.clients, world.devices, world.conversations_of)
    assert not any(listing(stranger) for listing in listings)
    assert not world.switchboard_integrations(stranger)


def test_a_missing_data_set_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the message says which command brings it."""
    monkeypatch.setattr(chitchat, "_PACKAGE", "a_package_that_nobody_has_installed")
    with pytest.raises(ConfigError, match=r"pip install 'sunlake\[demo\]'"):
        ChitchatWorld()


def test_a_limit_is_positive() -> None:
    """A world without conversations is refused."""
    with pytest.raises(ConfigError, match="at least 1"):
        ChitchatWorld(0)
