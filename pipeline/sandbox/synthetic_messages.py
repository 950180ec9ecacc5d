"""Messages of a generated world: who wrote and from where, quotes, deletions, activities and merged histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.sandbox.ids import message_id, timestamp
from pipeline.sandbox.synthetic_clients import channels, client_id, client_type
from pipeline.sandbox.synthetic_content import content
from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_plan import Shape
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.synthetic_setup import AGENT_WORKSPACE, ANSWER_BOT, UNLISTED_CHANNEL, integration_id
from pipeline.sandbox.synthetic_text import label
from pipeline.sandbox.synthetic_time import timeline
from pipeline.sandbox.world import JsonObject

_MOST_MESSAGES: Final = 1 << 15
_HOUR: Final = 3_600_000
_ACTIVITIES: Final = ("ticket:closed", "ticket:transfer:email", "conversation:endedByUser")
# A business message's source is its origin; where it was delivered is not said.
_ORIGINS: Final = {
    "agent": (AGENT_WORKSPACE, AGENT_WORKSPACE, "api:conversations"),
    "bot": (ANSWER_BOT, "api:conversations"),
    "AI": ("ultimate", ANSWER_BOT),
    "": ("api:conversations", AGENT_WORKSPACE, "zd:surveys", "api:notification"),
}
_SUBTYPES: Final = ("agent", "agent", "agent", "bot", "AI", "")


@dataclass(frozen=True, slots=True)
class _Writer:
    """A user as their messages show them."""

    id: str
    name: str
    number: int | None
    channel: str
    client: int


def messages(realm: Realm, shape: Shape) -> list[JsonObject]:
    """All messages of a conversation, by (`received`, `id`)."""
    dice = realm.dice("messages", shape.number)
    past, own = timeline(realm, shape.number, count=shape.count, merged=shape.merged)
    scrambled = dice.odd(0.1)
    ghost = [_ghost(realm, shape.number)]
    writers = [_writer(realm, dice, user) for user in shape.users] or ghost
    made: list[JsonObject] = []
    token = realm.ids.token(Kind.MESSAGE, shape.number)
    for place, moment in enumerate((*past, *own)):
        if scrambled:
            # Ids that tell nothing about the order: neither of the clock nor of equal timestamps.
            identity = realm.ids.make(Kind.MESSAGE, shape.number * _MOST_MESSAGES + place)
        else:
            identity = message_id(moment // 1000, token, place)
        message: JsonObject = {"id": identity, "received": timestamp(moment)}
        _fill(message, realm, dice, moment, ghost if place < len(past) else writers)
        _decorate(message, dice, made)
        made.append(message)
    return sorted(made, key=lambda message: (str(message["received"]), str(message["id"])))


def _writer(realm: Realm, dice: Dice, user: int) -> _Writer:
    available = channels(realm, user) or ["web"]
    client = dice.below(len(available))
    return _Writer(realm.ids.make(Kind.USER, user), f"User {user}", user, available[client], client)


def _ghost(realm: Realm, number: int) -> _Writer:
    """A user who is gone: merged into another, or no longer in the group."""
    return _Writer(realm.ids.make(Kind.GHOST, number), "Gone", None, "web", 0)


def _fill(message: JsonObject, realm: Realm, dice: Dice, moment: int, writers: list[_Writer]) -> None:
    """Author, activity, content and source."""
    if dice.chance(0.03):
        message["author"] = {"type": "business", "subtypes": ["activity"]}
        message["activity"] = {"type": dice.pick(_ACTIVITIES)}
        dice.optional(message["activity"], "data", dice.metadata())
        message["content"] = {"type": "text"}
        message["source"] = {"type": AGENT_WORKSPACE}
        return
    if dice.chance(0.5):
        writer = dice.pick(writers)
        message["author"] = _user_author(dice, writer)
        message["content"] = content(dice)
        message["source"] = _user_source(realm, dice, writer, moment)
        return
    subtype = dice.pick(_SUBTYPES)
    message["author"] = _business_author(dice, subtype)
    message["content"] = content(dice)
    message["source"] = {"type": dice.pick(_ORIGINS[subtype])}
    dice.unknown(message["source"])


def _decorate(message: JsonObject, dice: Dice, earlier: list[JsonObject]) -> None:
    """Quote, metadata, deletion, references: present, null or absent."""
    if dice.chance(0.05):
        message["quotedMessage"] = _quote(dice, earlier)
    else:
        dice.empty(message, "quotedMessage")
    if dice.chance(0.15):
        message["metadata"] = dice.metadata()
    else:
        dice.empty(message, "metadata")
    if dice.odd(0.015):
        message["deleted"] = True
        message["content"] = {"type": "text"}
        if dice.chance(0.3):
            del message["content"]
    elif dice.odd(0.1):
        message["deleted"] = dice.pick((False, None))
    if dice.chance(0.03):
        message["references"] = _references(dice)
    else:
        dice.empty(message, "references")
    dice.unknown(message, 0.01)


def _user_author(dice: Dice, writer: _Writer) -> JsonObject:
    author: JsonObject = {"type": "user", "userId": writer.id}
    dice.optional(author, "displayName", writer.name)
    if dice.chance(0.1):
        author["avatarUrl"] = "https://media.example.com/avatar.png"
    dice.unknown(author, 0.01)
    return author


def _business_author(dice: Dice, subtype: str) -> JsonObject:
    author: JsonObject = {"type": "business"}
    if subtype:
        author["subtypes"] = [subtype]
    elif dice.odd(0.3):
        author["subtypes"] = []
    dice.optional(author, "displayName", dice.pick(("Kim", "Support 🎧", "Zoë (agent)", "Bot")))
    if dice.chance(0.2):
        author["avatarUrl"] = "https://media.example.com/agents/kim.png"
    dice.unknown(author, 0.01)
    return author


def _user_source(realm: Realm, dice: Dice, writer: _Writer, moment: int) -> JsonObject:
    if dice.odd(0.01):
        return {"type": UNLISTED_CHANNEL, "integrationId": integration_id(realm, UNLISTED_CHANNEL), "shopId": 7}
    source: JsonObject = {"type": writer.channel}
    dice.nullable(source, "integrationId", integration_id(realm, writer.channel))
    if client_type(writer.channel) != "sdk":
        dice.nullable(source, "originalMessageId", f"wamid.{dice.below(2**60):x}==")
        # A channel's clock: often whole seconds, at times hours behind or a little ahead.
        lag = dice.below(6 * _HOUR) if dice.odd(0.05) else dice.below(4000) - 2000
        dice.nullable(source, "originalMessageTimestamp", timestamp((moment - lag) // 1000 * 1000))
    if writer.number is not None and dice.odd(0.01):
        client = {"id": client_id(realm, writer.number, writer.client), "type": client_type(writer.channel)}
        source["client"] = dice.pick((client, None))
    dice.unknown(source, 0.01)
    return source


def _quote(dice: Dice, earlier: list[JsonObject]) -> JsonObject:
    """Another platform's message, or a copy of one in this conversation, which may quote in turn."""
    if not earlier or dice.chance(0.3):
        return {"type": "externalMessageId", "externalMessageId": f"external/{dice.below(10**9)}"}
    quoted = dict(dice.pick(earlier[-20:]))
    if quoted.get("quotedMessage") and not dice.odd(0.5):
        del quoted["quotedMessage"]
    quote: JsonObject = {"type": "message", "message": quoted}
    dice.unknown(quote)
    return quote


def _references(dice: Dice) -> list[JsonObject]:
    made = []
    for place in range(1 + dice.below(3)):
        reference: JsonObject = {"uri": f"https://help.example.com/articles/{place}?q=ü"}
        dice.optional(reference, "title", label(dice))
        dice.optional(reference, "description", label(dice))
        dice.unknown(reference)
        made.append(reference)
    return made
