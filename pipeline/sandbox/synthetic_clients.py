"""Clients and devices of a generated world's users: every channel, known to the app or not."""

from __future__ import annotations

from typing import Final

from pipeline.sandbox.ids import timestamp
from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.synthetic_setup import integration_id
from pipeline.sandbox.synthetic_time import moment_of_user
from pipeline.sandbox.world import JsonObject

SDK_CHANNELS: Final = ("web", "ios", "android", "unity")
_COMMON_CHANNELS: Final = ("web", "web", "web", "ios", "android", "whatsapp", "whatsapp", "messenger")
# Clients may come from channels that are no integrations of the app any more, or never were.
_RARE_CHANNELS: Final = (
    *("unity", "apple", "gbm", "googlercs", "instagram", "kakao", "line", "mailgun", "messagebird", "slackconnect"),
    *("telegram", "twilio", "twitter", "viber", "wechat"),
)
_MOST_PER_USER: Final = 4
_DAY: Final = 86_400_000


def channels(realm: Realm, user: int) -> list[str]:
    """The channels a user writes from: one for most, none for few."""
    dice = realm.dice("channels", user)
    if dice.odd(0.03):
        return []
    count = 2 if dice.chance(0.12) else 3 if dice.odd(0.04) else 1
    drawn = [dice.pick(_RARE_CHANNELS if dice.chance(0.2) else _COMMON_CHANNELS) for _ in range(count)]
    return list(dict.fromkeys(drawn))


def clients(realm: Realm, user: int) -> list[JsonObject]:
    """A client for each channel; web, iOS, Android and Unity are all of type `sdk`."""
    return [_client(realm, user, place, channel) for place, channel in enumerate(channels(realm, user))]


def client_type(channel: str) -> str:
    """The type of the client that writes from a channel."""
    return "sdk" if channel in SDK_CHANNELS else channel


def client_id(realm: Realm, user: int, place: int) -> str:
    """The id of a user's client, by its place among their channels."""
    return realm.ids.make(Kind.CLIENT, user * _MOST_PER_USER + place)


def devices(realm: Realm, user: int) -> list[JsonObject]:
    """A device or two for each client of type `sdk`, last seen first."""
    found: list[JsonObject] = []
    for place, channel in enumerate(channels(realm, user)):
        if channel in SDK_CHANNELS:
            found += [_device(realm, user, place, channel, spare) for spare in range(_spare_devices(realm, user))]
    return sorted(found, key=lambda device: str(device["lastSeen"]), reverse=True)


def _client(realm: Realm, user: int, place: int, channel: str) -> JsonObject:
    dice = realm.dice(f"client{place}", user)
    foreign = channel not in SDK_CHANNELS
    linked = moment_of_user(realm, user)
    client: JsonObject = {"id": client_id(realm, user, place), "type": client_type(channel)}
    client["status"] = dice.pick(("blocked", "inactive", "pending")) if dice.chance(0.1) else "active"
    if foreign:
        dice.nullable(client, "integrationId", integration_id(realm, channel))
        dice.nullable(client, "externalId", realm.ids.make(Kind.CHANNEL, user * _MOST_PER_USER + place))
    else:
        dice.empty(client, "integrationId")
        dice.empty(client, "externalId")
    dice.nullable(client, "lastSeen", timestamp(linked + dice.below(30 * _DAY)))
    dice.nullable(client, "linkedAt", timestamp(linked))
    dice.nullable(client, "displayName", f"{channel} user {user}")
    dice.nullable(client, "avatarUrl", f"https://media.example.com/{channel}/{user}.jpg")
    dice.nullable(client, "info", _info(dice, channel))
    dice.nullable(client, "raw", _raw(dice, channel, user))
    dice.unknown(client)
    return client


def _info(dice: Dice, channel: str) -> JsonObject:
    if channel == "whatsapp":
        return {"phoneNumber": f"+1555010{dice.below(10_000):04d}"}
    if channel == "web":
        return {
            "browser": "Firefox",
            "referrer": "https://shop.example.com/?q=é",
            "currentUrl": "https://shop.example.com/",
        }
    return dice.metadata()


def _raw(dice: Dice, channel: str, user: int) -> JsonObject:
    if dice.odd(0.2):
        return dice.metadata()
    return {"from": {"id": user, "is_bot": False, "language_code": "en"}, "channel": channel, "tags": [None, 1, "a"]}


def _spare_devices(realm: Realm, user: int) -> int:
    dice = realm.dice("devices", user)
    return 2 if dice.odd(0.15) else 0 if dice.odd(0.05) else 1


def _device(realm: Realm, user: int, place: int, channel: str, spare: int) -> JsonObject:
    dice = realm.dice(f"device{place}.{spare}", user)
    number = (user * _MOST_PER_USER + place) * 2 + spare
    device: JsonObject = {"id": realm.ids.make(Kind.DEVICE, number)}
    device["type"] = "android" if channel == "unity" else channel
    dice.optional(device, "guid", f"{realm.ids.make(Kind.DEVICE, number)[::-1]}")
    dice.optional(device, "clientId", client_id(realm, user, place))
    dice.optional(device, "status", "inactive" if dice.chance(0.2) else "active")
    dice.optional(device, "integrationId", integration_id(realm, channel))
    device["lastSeen"] = timestamp(moment_of_user(realm, user) + dice.below(30 * _DAY))
    if channel != "web":
        dice.nullable(device, "pushNotificationToken", f"push-token-{user}-{place}-{spare}")
    dice.nullable(device, "info", {"vendor": "sunlake", "os": "17.1", "carrier": None} | dice.metadata())
    dice.nullable(device, "appVersion", f"4.{dice.below(9)}.0")
    dice.unknown(device)
    return device
