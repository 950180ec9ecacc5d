"""Who takes part in which conversation of a generated world.

Conversations come in blocks of 50 with 32 users of their own. A block is a pure function of its number, so the
millionth conversation is found without the others. Groups link users of their block in a chain: each shares one with
the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from pipeline.sandbox.ids import hashed_id
from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.synthetic_time import beginning

BLOCK_CONVERSATIONS: Final = 50
BLOCK_USERS: Final = 32

_GROUP_SHARE: Final = 0.13
_EMPTY_GROUP_SHARE: Final = 0.02
_EDGE_COUNTS: Final = (99, 100, 101)
_GIANT_COUNT: Final = 30_000  # the API's limit per conversation
_GIANT_FROM_SIZE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What is fixed about a conversation before anything of it is rendered.

    Args:
        number: its place in the world.
        group: an `sdkGroup`, else `personal`.
        users: numbers of the users who take part.
        count: how many messages it has.
        merged: how many of them came with a user who was merged into this one.
    """

    number: int
    group: bool
    users: tuple[int, ...]
    count: int
    merged: int


@dataclass(frozen=True, slots=True)
class _Block:
    users: range
    conversations: range
    groups: tuple[bool, ...]
    members: tuple[tuple[int, ...], ...]

    def conversations_of(self, user: int) -> list[int]:
        return [number for number, members in zip(self.conversations, self.members, strict=True) if user in members]


class Plan:
    """The graph of a world's users and conversations."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        # Neighbours are asked for together; a few hundred blocks are a few megabytes.
        self._block = lru_cache(maxsize=256)(self._draw_block)
        self.shape = lru_cache(maxsize=4096)(self._draw_shape)

    @cached_property
    def user_count(self) -> int:
        """How many users the world has."""
        whole, rest = divmod(self._realm.size, BLOCK_CONVERSATIONS)
        return whole * BLOCK_USERS + _users_for(rest)

    def conversations_of(self, user: int) -> list[int]:
        """Numbers of the conversations a user takes part in."""
        return self._block(user // BLOCK_USERS).conversations_of(user)

    def default_conversation(self, user: int) -> int | None:
        """The user's oldest personal conversation."""
        block = self._block(user // BLOCK_USERS)
        personal = [n for n in block.conversations_of(user) if not block.groups[n - block.conversations.start]]
        return min(personal, key=lambda number: beginning(self._realm, number), default=None)

    def seeds(self) -> Iterator[tuple[Kind, int]]:
        """One user of each set that groups link, and each group that has no users."""
        for number in range(-(-self._realm.size // BLOCK_CONVERSATIONS)):
            block = self._block(number)
            for conversation, members in zip(block.conversations, block.members, strict=True):
                if not members:
                    yield Kind.CONVERSATION, conversation
            for user in _unlinked(block):
                yield Kind.USER, user

    def _draw_block(self, number: int) -> _Block:
        start = number * BLOCK_CONVERSATIONS
        conversations = range(start, min(start + BLOCK_CONVERSATIONS, self._realm.size))
        count = _users_for(len(conversations))
        users = range(number * BLOCK_USERS, number * BLOCK_USERS + count)
        dice = self._realm.dice("block", number)
        groups: list[bool] = []
        members: list[tuple[int, ...]] = []
        link: int | None = None
        for place in range(len(conversations)):
            group = dice.chance(_GROUP_SHARE)
            if not group:
                members.append((users[_owner(dice, place, count)],))
            elif dice.odd(_EMPTY_GROUP_SHARE / _GROUP_SHARE):
                members.append(())
            else:
                joined = _company(dice, users, link)
                link = joined[-1]
                members.append(joined)
            groups.append(group)
        return _Block(users, conversations, tuple(groups), tuple(members))

    def _draw_shape(self, number: int) -> Shape:
        block = self._block(number // BLOCK_CONVERSATIONS)
        place = number - block.conversations.start
        group, users = block.groups[place], block.members[place]
        dice = self._realm.dice("shape", number)
        count = _GIANT_COUNT if number == self._giant else _count(dice)
        merged = 0
        if not group and dice.odd(0.06) and self.default_conversation(users[0]) == number:
            merged = dice.below(count + 1)
        return Shape(number, group, users, count, merged)

    @cached_property
    def _giant(self) -> int | None:
        """The one conversation that is as long as the API allows."""
        if self._realm.size < _GIANT_FROM_SIZE or not self._realm.strangeness:
            return None
        number = int(hashed_id("giant", str(self._realm.seed)), 16) % (self._realm.size // BLOCK_CONVERSATIONS)
        block = self._block(number)
        return block.conversations[block.groups.index(False)]


def _users_for(conversations: int) -> int:
    return -(-conversations * BLOCK_USERS // BLOCK_CONVERSATIONS)


def _owner(dice: Dice, place: int, count: int) -> int:
    """Mostly taking turns; the first few users of a block write more often."""
    return dice.below(min(count, 6)) if dice.chance(0.12) else place % count


def _company(dice: Dice, users: range, link: int | None) -> tuple[int, ...]:
    wanted = 12 if dice.odd(0.05) else 2 + dice.below(4)
    drawn = dice.sample(users, min(wanted, len(users)))
    if link is None or link in drawn:
        return tuple(drawn)
    return (link, *drawn[1:]) if len(drawn) > 1 else (link, *drawn)


def _count(dice: Dice) -> int:
    if dice.odd(0.012):
        return dice.pick(_EDGE_COUNTS)
    if dice.odd(0.03):
        return 0
    if dice.chance(0.06):
        return 1
    return min(2 + int(dice.gap(8.5)), 98)


def _unlinked(block: _Block) -> Iterator[int]:
    """One user of each connected set: a search from every user that no search before has met."""
    met: set[int] = set()
    for user in block.users:
        if user in met:
            continue
        yield user
        queue = [user]
        while queue:
            known = queue.pop()
            met.add(known)
            for members in block.members:
                if known in members:
                    queue.extend(other for other in members if other not in met)
