"""Conversations and participants of a generated world."""

from __future__ import annotations

from typing import Final

from pipeline.sandbox.ids import timestamp
from pipeline.sandbox.synthetic_clients import channels, client_id, client_type
from pipeline.sandbox.synthetic_plan import Shape
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.synthetic_setup import active_switchboard_integrations
from pipeline.sandbox.synthetic_text import label
from pipeline.sandbox.synthetic_time import beginning, timeline
from pipeline.sandbox.synthetic_users import external_id
from pipeline.sandbox.world import JsonObject

_MOST_PARTICIPANTS: Final = 64
_LONGEST_NAME: Final = 100


def conversation(realm: Realm, shape: Shape, *, is_default: bool) -> JsonObject:
    """The conversation as the API returns it; merged-in messages don't move `lastUpdatedAt`."""
    dice = realm.dice("conversation", shape.number)
    created = beginning(realm, shape.number)
    _, own = timeline(realm, shape.number, count=shape.count, merged=shape.merged)
    result: JsonObject = {"id": realm.ids.make(Kind.CONVERSATION, shape.number)}
    result["type"] = "sdkGroup" if shape.group else "personal"
    dice.nullable(result, "metadata", dice.metadata())
    bot, agents = active_switchboard_integrations(realm)
    active = dice.pick((bot, agents))
    if dice.odd(0.02):
        active = {**active}
        dice.unknown(active, 0.3)
    dice.nullable(result, "activeSwitchboardIntegration", active)
    if dice.chance(0.1):
        result["pendingSwitchboardIntegration"] = agents
    else:
        dice.empty(result, "pendingSwitchboardIntegration")
    result["isDefault"] = is_default
    if shape.group or dice.chance(0.1):
        dice.nullable(result, "displayName", label(dice)[:_LONGEST_NAME])
        dice.nullable(result, "description", label(dice)[:_LONGEST_NAME])
        dice.nullable(result, "iconUrl", f"https://media.example.com/icons/{shape.number}.png")
    else:
        dice.empty(result, "displayName")
    dice.nullable(result, "businessLastRead", timestamp(dice.pick(own) if own else created))
    if own or dice.chance(0.5):
        result["lastUpdatedAt"] = timestamp(own[-1] if own else created)
    else:
        dice.empty(result, "lastUpdatedAt")
    result["createdAt"] = timestamp(created)
    dice.unknown(result)
    return result


def participants(realm: Realm, shape: Shape) -> list[JsonObject]:
    """The users who take part; nobody for some groups."""
    return [_participant(realm, shape, place, user) for place, user in enumerate(shape.users)]


def _participant(realm: Realm, shape: Shape, place: int, user: int) -> JsonObject:
    dice = realm.dice(f"participant{place}", shape.number)
    number = shape.number * _MOST_PARTICIPANTS + place
    result: JsonObject = {"id": realm.ids.make(Kind.PARTICIPANT, number), "userId": realm.ids.make(Kind.USER, user)}
    dice.optional(result, "unreadCount", min(dice.below(4), shape.count))
    associations: list[JsonObject] = [
        {"type": client_type(channel), "clientId": client_id(realm, user, client)}
        for client, channel in enumerate(channels(realm, user))
    ]
    for association in associations:
        dice.unknown(association)
    dice.optional(result, "clientAssociations", dice.sample(associations, len(associations)))
    known = external_id(realm, user)
    if known is not None:
        result["userExternalId"] = known
    else:
        dice.empty(result, "userExternalId")
    dice.nullable(result, "lastRead", timestamp(beginning(realm, shape.number) + dice.below(3_600_000)))
    dice.unknown(result)
    return result
