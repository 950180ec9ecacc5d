"""The graph of a generated world: who is reachable from where, in which order, and at which cost."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest

from pipeline.errors import ConfigError
from pipeline.sandbox.synthetic import SyntheticWorld
from pipeline.sandbox.world import World

SIZES = (1, 49, 50, 51, 333)


def reach(world: World) -> tuple[set[str], set[str]]:
    """Users and conversations that a walk from the seeds meets."""
    users: set[str] = set()
    conversations: set[str] = set()
    queue = []
    for row in world.seeds():
        ((column, value),) = row.items()
        if column == "user_id":
            queue.append(value)
        else:
            conversations.add(value)
    while queue:
        user_id = queue.pop()
        if user_id in users:
            continue
        users.add(user_id)
        for conversation_id in world.conversations_of(user_id):
            if conversation_id not in conversations:
                conversations.add(conversation_id)
                queue += [participant["userId"] for participant in world.participants(conversation_id)]
    return users, conversations


@pytest.mark.parametrize("strangeness", [0, 0.3, 1])
@pytest.mark.parametrize("size", SIZES)
def test_seeds_lead_to_everything(size: int, strangeness: float) -> None:
    """A walk from the seeds finds every user and every conversation of the world, and nothing else."""
    world = SyntheticWorld(3, size, strangeness=strangeness)
    assert reach(world) == (set(world.user_ids()), set(world.conversation_ids()))


def test_no_seed_is_needless() -> None:
    """Seeds are fewer than users: groups lead to the rest, and each seed leads to what no other does."""
    world = SyntheticWorld(3, 500)
    seeds = list(world.seeds())
    users = [row["user_id"] for row in seeds if "user_id" in row]
    assert 0 < len(users) < 0.8 * len(list(world.user_ids()))
    groups = [row["conversation_id"] for row in seeds if "conversation_id" in row]
    assert groups
    assert not any(world.participants(group) for group in groups)


def test_membership_is_the_same_from_both_sides() -> None:
    """A user's conversations are those that name them as a participant; one of the personal ones is the default."""
    world = SyntheticWorld(3, 200)
    by_conversation = {
        (participant["userId"], conversation_id)
        for conversation_id in world.conversation_ids()
        for participant in world.participants(conversation_id)
    }
    by_user = {(user_id, known) for user_id in world.user_ids() for known in world.conversations_of(user_id)}
    assert by_user == by_conversation
    for user_id in world.user_ids():
        conversations = [world.conversation(known) or {} for known in world.conversations_of(user_id)]
        personal = [conversation for conversation in conversations if conversation["type"] == "personal"]
        assert sum(conversation["isDefault"] for conversation in conversations) == bool(personal)


def test_messages_are_counted_ordered_and_unique() -> None:
    """Every message id occurs once in the world, counts foretell lengths, and order is by time and id."""
    world = SyntheticWorld(3, 900)
    identities: Counter[str] = Counter()
    for conversation_id in world.conversation_ids():
        messages = world.messages(conversation_id)
        order = [(message["received"], message["id"]) for message in messages]
        assert order == sorted(order)
        assert len(order) == world.message_count(conversation_id)
        identities.update(identity for _, identity in order)
    assert max(identities.values()) == 1
    assert 9 <= identities.total() / 900 <= 13
    assert all(len(identity) == 24 for identity in identities)


def test_a_world_is_a_function_of_its_arguments() -> None:
    """Worlds of the same arguments are equal in everything, in whatever order they are asked; other seeds differ."""
    one, two = SyntheticWorld(5, 60), SyntheticWorld(5, 60)
    conversations = list(one.conversation_ids())
    backwards = {known: two.messages(known) for known in reversed(conversations)}
    assert {known: one.messages(known) for known in conversations} == backwards
    for known in conversations:
        assert one.conversation(known) == two.conversation(known)
        assert one.participants(known) == two.participants(known)
    for user_id in one.user_ids():
        assert one.user(user_id) == two.user(user_id)
        assert one.clients(user_id) == two.clients(user_id)
        assert one.devices(user_id) == two.devices(user_id)
    assert (one.app, one.integrations(), one.switchboards()) == (two.app, two.integrations(), two.switchboards())
    assert set(SyntheticWorld(6, 60).conversation_ids()).isdisjoint(conversations)


def test_ids_are_unique_within_their_kind() -> None:
    """Users, conversations, participants, clients and devices never share an id with their own kind."""
    world = SyntheticWorld(3, 200)
    participants = [known["id"] for found in world.conversation_ids() for known in world.participants(found)]
    clients = [client["id"] for user_id in world.user_ids() for client in world.clients(user_id)]
    devices = [device["id"] for user_id in world.user_ids() for device in world.devices(user_id)]
    for identities in (list(world.user_ids()), list(world.conversation_ids()), participants, clients, devices):
        assert identities
        assert len(set(identities)) == len(identities)


def test_the_largest_world_costs_nothing_until_asked() -> None:
    """Opening a world of a million conversations and reading its last one takes little memory."""
    tracemalloc.start()
    world = SyntheticWorld(3, 1_000_000)
    last = world._realm.ids.make(9, 999_999)
    assert len(world.messages(last)) == world.message_count(last)
    assert world.conversation(last) is not None
    assert world.conversations_of(world.participants(last)[0]["userId"])
    assert next(world.user_ids())
    assert next(world.seeds())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_one_conversation_is_as_long_as_the_api_allows() -> None:
    """A world of 1,000 or more has exactly one history of 30,000 messages, a smaller or plain one has none."""
    for size, strangeness, expected in ((1_000, 0.3, 1), (1_000, 0, 0), (999, 1, 0)):
        world = SyntheticWorld(3, size, strangeness=strangeness)
        longest = [known for known in world.conversation_ids() if world.message_count(known) == 30_000]
        assert len(longest) == expected
        assert all(world.participants(known) for known in longest)


def test_strangers_are_unknown() -> None:
    """Ids of other kinds, other worlds, or beyond the size give nothing."""
    world, larger = SyntheticWorld(3, 50), SyntheticWorld(3, 100)
    conversation_id = next(world.conversation_ids())
    beyond = [known for known in larger.conversation_ids() if known not in set(world.conversation_ids())]
    assert len(beyond) == 50
    for stranger in ("0" * 24, "", next(world.user_ids()), next(SyntheticWorld(4, 50).conversation_ids()), beyond[0]):
        assert world.conversation(stranger) is None
        assert not world.messages(stranger)
        assert not world.participants(stranger)
        assert world.message_count(stranger) == 0
    assert world.user(conversation_id) is None
    assert not world.clients(conversation_id)
    assert not world.devices(conversation_id)
    assert not world.conversations_of(conversation_id)
    assert not world.webhooks(conversation_id)
    assert not world.switchboard_integrations(conversation_id)
    assert world.find_user(external_id="nobody", brand_id=None) is None
    assert world.find_user(external_id="crm-999999999", brand_id=None) is None
    assert not world.find_users_by_email("nobody@example.com")


@pytest.mark.parametrize(("size", "strangeness"), [(0, 0.3), (1_000_001, 0.3), (5, -0.1), (5, 1.1), (5, float("nan"))])
def test_impossible_worlds_are_refused(size: int, strangeness: float) -> None:
    """Sizes and strangeness out of range are refused with the range."""
    with pytest.raises(ConfigError, match="must be from"):
        SyntheticWorld(1, size, strangeness=strangeness)
