"""When things happen in a generated world: conversations begin within fourteen months and tick on unevenly."""

from __future__ import annotations

from typing import Final

from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_realm import Realm

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 24 * 60 * _MINUTE
_START: Final = 1_735_689_600 * _SECOND  # 2025-01-01T00:00:00Z
_SPREAD: Final = 420 * _DAY
_LONG: Final = 1_000  # histories beyond this many messages have no pauses of days


def moment_of_user(realm: Realm, number: int) -> int:
    """When a user signed up, in Unix milliseconds."""
    return _START + realm.dice("signup", number).below(_SPREAD)


def beginning(realm: Realm, number: int) -> int:
    """When a conversation was created, in Unix milliseconds."""
    return _START + realm.dice("begin", number).below(_SPREAD)


def timeline(realm: Realm, number: int, *, count: int, merged: int) -> tuple[list[int], list[int]]:
    """When a conversation's messages were received, in Unix milliseconds, ascending.

    Args:
        realm: the world.
        number: the conversation.
        count: how many messages it has.
        merged: how many of them a merged user brought along.

    Returns:
        The merged messages, which may be older than the conversation; and its own.
    """
    dice = realm.dice("times", number)
    created = beginning(realm, number)
    own = _ticks(dice, created + dice.below(_MINUTE), count - merged, may_pause=count <= _LONG)
    past = created - dice.below(90 * _DAY)
    return _ticks(dice, past, merged, may_pause=False), own


def _ticks(dice: Dice, start: int, count: int, *, may_pause: bool) -> list[int]:
    moments, moment = [], start
    for _ in range(count):
        moments.append(moment)
        if dice.odd(0.06):
            continue  # the next message shares this one's millisecond
        if may_pause and dice.chance(0.02):
            moment += _DAY + dice.below(3 * _DAY)
        else:
            moment += 1 + int(dice.gap(2.5 * _MINUTE))
    return moments
