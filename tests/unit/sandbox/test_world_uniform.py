"""The world for measurements."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox.synthetic_uniform import UniformWorld


def test_every_conversation_has_the_same_full_pages() -> None:
    """Histories have 100 messages a page, of about 780 bytes and six content types, in order, each with its own id."""
    world = UniformWorld(1, 6, pages=3)
    identities: set[str] = set()
    for conversation_id in world.conversation_ids():
        messages = world.messages(conversation_id)
        order = [(message["received"], message["id"]) for message in messages]
        assert order == sorted(order)
        assert len(messages) == world.message_count(conversation_id) == 300
        identities.update(identity for _, identity in order)
        assert 740 <= len(json.dumps(messages, separators=(",", ":"))) / 300 <= 820
        types = {message["content"]["type"] for message in messages}
        assert types == {"text", "image", "file", "carousel", "location", "formResponse"}
    assert len(identities) == 1_800


def test_messages_look_like_answers_of_the_api_and_hardly_repeat() -> None:
    """Sources hold no client, which only webhooks tell; texts differ within and between conversations, not runs."""
    world = UniformWorld(1, 6, pages=1)
    messages = [message for identity in world.conversation_ids() for message in world.messages(identity)]
    assert all("client" not in message["source"] for message in messages)
    assert all(
        isinstance(value, str | int | float) for message in messages for value in message.get("metadata", {}).values()
    )
    texts = [message["content"]["text"] for message in messages if "text" in message["content"]]
    assert len(set(texts)) == len(texts) > 400
    first = next(world.conversation_ids())
    assert UniformWorld(1, 6, pages=1).messages(first) == world.messages(first)
    assert UniformWorld(1, 9, pages=3).messages(first)[:100] == world.messages(first)


def test_the_words_compress_like_chat() -> None:
    """A message's content takes 45 to 75 bytes in a Parquet file."""
    world = UniformWorld(1, 50, pages=1)
    messages = [message for identity in world.conversation_ids() for message in world.messages(identity)]
    content = b"".join(json.dumps(message["content"]).encode() for message in messages)
    assert 45 <= len(pa.Codec("zstd", compression_level=3).compress(content)) / 5_000 <= 75


def test_users_and_conversations_are_one_to_one() -> None:
    """Each user has one conversation that names them, and is found by external id."""
    world = UniformWorld(1, 40, pages=1)
    assert [row["user_id"] for row in world.seeds()] == list(world.user_ids())
    for user_id, conversation_id in zip(world.user_ids(), world.conversation_ids(), strict=True):
        assert world.conversations_of(user_id) == [conversation_id]
        (participant,) = world.participants(conversation_id)
        assert participant["userId"] == user_id
        user = world.user(user_id)
        assert user is not None
        assert world.find_user(external_id=user["externalId"], brand_id=None) == user_id
        conversation = world.conversation(conversation_id)
        assert conversation is not None
        messages = world.messages(conversation_id)
        assert (conversation["createdAt"], conversation["lastUpdatedAt"]) == (
            messages[0]["received"],
            messages[-1]["received"],
        )


def test_strangers_are_unknown() -> None:
    """Unknown ids and external ids give nothing."""
    world = UniformWorld(1, 40, pages=1)
    stranger = "0" * 24
    assert world.user(stranger) is None
    assert world.conversation(stranger) is None
    assert not world.messages(stranger)
    assert not world.participants(stranger)
    assert not world.clients(stranger)
    assert world.message_count(stranger) == 0
    assert all(
        world.find_user(external_id=name, brand_id=None) is None for name in ("crm-40", "crm-007", "crm-", "xcrm-1", "")
    )


@pytest.mark.parametrize(("size", "pages"), [(0, 1), (1_000_001, 1), (1, 0), (1, 301)])
def test_impossible_worlds_are_refused(size: int, pages: int) -> None:
    """Sizes and pages out of range are refused with the range."""
    with pytest.raises(ConfigError, match="must be from 1 to"):
        UniformWorld(1, size, pages=pages)
