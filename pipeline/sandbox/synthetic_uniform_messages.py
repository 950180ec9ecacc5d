"""What the messages of the world for measurements hold: a hundred templates, and words that differ in every message.

The words weigh about as much in compressed files as real chat does: about 110 bytes a message in the lake.
"""

from __future__ import annotations

import random
from itertools import accumulate
from typing import Final

from pipeline.sandbox.ids import hashed_id
from pipeline.sandbox.world import JsonObject

_QUOTED_AT: Final = "2025-01-01T10:00:00.000Z"
_WORDS: Final = (
    *("order", "parcel", "refund", "invoice", "delivery", "address", "tomorrow", "customer", "number", "please"),
    *("thank", "warranty", "repair", "exchange", "size", "colour", "payment", "card", "account", "password"),
    *("reset", "shop", "branch", "opening", "hours", "return", "label", "tracking", "courier", "receipt"),
)
_SYLLABLES: Final = (
    *("ba", "cor", "den", "el", "fi", "gan", "hu", "in"),
    *("jo", "kas", "lem", "mi", "nor", "os", "pel", "ru"),
)
_VOCABULARY: Final = tuple(
    dict.fromkeys([*_WORDS, *(a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in ("", "t", "s"))])
)
_CUMULATED: Final = tuple(
    accumulate(1 / rank for rank in range(60, 60 + len(_VOCABULARY)))
)  # Zipf's law, as in real text


def template(position: int, integration_id: str) -> JsonObject:
    """All of a message but its id, time and author; users write at even positions."""
    source = _user_source(position, integration_id) if position % 2 == 0 else {"type": "zd:agentWorkspace"}
    message: JsonObject = {"content": _content(position), "source": source}
    if position % 2 == 0:
        message["metadata"] = _page_metadata(position)
    elif position % 3 == 0:
        message["metadata"] = {"line": position, "topic": _words(position, 2), "score": position / 8, "urgent": False}
    if position % 10 == 5:
        message["quotedMessage"] = {"type": "message", "message": _quoted(position)}
    return message


def spoken(content: JsonObject, dice: random.Random) -> JsonObject:
    """The content with other words, as many as the template's; forms, places and the like stay as they are."""
    if "text" not in content:
        return content
    count = content["text"].count(" ") + 1
    return {**content, "text": " ".join(dice.choices(_VOCABULARY, cum_weights=_CUMULATED, k=count))}


def _user_source(position: int, integration_id: str) -> JsonObject:
    # No client: only webhooks tell it, never the answers of ListMessages.
    return {"type": "web", "integrationId": integration_id, "originalMessageId": _words(position, 1)}


def _quoted(position: int) -> JsonObject:
    return {
        "id": hashed_id("uniform", "quoted", str(position)),
        "received": _QUOTED_AT,
        "author": {"type": "user", "displayName": "Guest"},
        "content": {"type": "text", "text": _words(position, 24)},
        "source": {"type": "web"},
    }


def _content(position: int) -> JsonObject:
    """Of ten messages six are text, the rest take turns."""
    turn = position % 10
    if turn == 3:
        return {"type": "image", "mediaType": "image/jpeg", "text": _words(position, 30), **_media(position, "jpg")}
    if turn == 4:
        return {
            "type": "file",
            "mediaType": "application/pdf",
            "altText": _words(position, 4),
            **_media(position, "pdf"),
        }
    if turn == 7:
        return {"type": "carousel", "items": [_item(position + number) for number in range(3)]}
    if turn == 8 and position % 20 == 8:
        coordinates = {"lat": 48 + position / 1000, "long": 2 + position / 700}
        return {
            "type": "location",
            "coordinates": coordinates,
            "location": {"address": _words(position, 6), "name": _words(position, 2)},
        }
    if turn == 8:
        fields = [
            {"type": "text", "name": f"field{n}", "label": _words(n, 2), "text": _words(position + n, 9)}
            for n in range(4)
        ]
        return {"type": "formResponse", "fields": fields, "textFallback": _words(position, 16)}
    return {"type": "text", "text": _words(position, 17 + position % 34)}


def _media(position: int, suffix: str) -> JsonObject:
    name = hashed_id("uniform", "media", str(position))
    return {
        "mediaUrl": f"https://media.example.com/{name}/{name}.{suffix}",
        "mediaSize": 40_000 + position,
        "attachmentId": name,
    }


def _item(number: int) -> JsonObject:
    action = {"type": "link", "text": _words(number, 2), "uri": f"https://shop.example.com/items/{number}"}
    return {"title": _words(number, 4), "description": _words(number, 9), "size": "large", "actions": [action]}


def _page_metadata(position: int) -> JsonObject:
    """What a shop's page may attach to what its visitors write: flat, and most of such a message's bytes."""
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
    return {
        "visit": hashed_id("uniform", "visit", str(position)),
        "page": f"shop.example.com/{_words(position, 1)}",
        "browser": "Chrome",
        "browserVersion": f"126.0.{position}",
        "os": "Linux",
        "userAgent": agent,
        "score": position / 8,
        "urgent": position % 3 == 0,
    }


def _words(number: int, count: int) -> str:
    return " ".join(_WORDS[(number * 7 + place * (number % 5 + 3)) % len(_WORDS)] for place in range(count))
