"""The app of a generated world: an integration of every type, the secrets that the API shows, two switchboards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.sandbox.ids import hashed_id
from pipeline.sandbox.synthetic_dice import Dice
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.world import JsonObject

AGENT_WORKSPACE: Final = "zd:agentWorkspace"
ANSWER_BOT: Final = "zd:answerBot"
UNLISTED_CHANNEL: Final = "tiktok"
# The place in this list is the number of the integration. The specification lists all but the last three.
INTEGRATION_TYPES: Final = (
    *("web", "ios", "android", "unity", "whatsapp", "messenger", "instagram", "apple", "line", "telegram", "twilio"),
    *("twitter", "viber", "mailgun", "messagebird", "custom", "custom"),
    *(AGENT_WORKSPACE, ANSWER_BOT, UNLISTED_CHANNEL),
)
_STATUSES: Final = {"twitter": "error", "viber": "inactive"}


def app(realm: Realm) -> JsonObject:
    """The app with `subdomain`."""
    name = hashed_id("synthetic", "app", str(realm.seed), str(realm.size), str(realm.strangeness))
    settings: JsonObject = {
        "conversationRetentionSeconds": 0,
        "maskCreditCardNumbers": True,
        "useAnimalNames": False,
        "echoPostback": True,
        "ignoreAutoConversationStart": False,
        "multiConvoEnabled": True,
        "appLocalizationEnabled": False,
        "endSessionEnabled": True,
    }
    result: JsonObject = {"id": name, "displayName": f"Synthetic {realm.seed} ü", "settings": settings}
    result["metadata"] = {"lang": "en-ca", "nested": {"list": [1, None]}}
    result["subdomain"] = f"synthetic-{name[:8]}"
    if realm.strangeness:
        settings["newSetting"] = {"enabled": True}
        result["region"] = "eu-1"
    return result


def integrations(realm: Realm) -> list[JsonObject]:
    """All integrations; what only a request may hold (`writeOnly`) is left out, as the API does."""
    return [_integration(realm, number) for number in range(len(INTEGRATION_TYPES))]


def integration_id(realm: Realm, channel: str) -> str:
    """The id of a channel's integration; of one that was removed, where the app has none for the channel."""
    listed = channel in INTEGRATION_TYPES
    number = INTEGRATION_TYPES.index(channel) if listed else len(INTEGRATION_TYPES) + len(channel)
    return realm.ids.make(Kind.INTEGRATION, number)


def webhooks(realm: Realm, integration: str) -> list[JsonObject]:
    """The webhooks of a custom integration."""
    number = realm.ids.read(Kind.INTEGRATION, integration)
    if number is None or number >= len(INTEGRATION_TYPES) or INTEGRATION_TYPES[number] != "custom":
        return []
    return [_webhook(realm, number)]


def switchboards(realm: Realm) -> list[JsonObject]:
    """One that is in use and one that is not."""
    first: JsonObject = {"id": realm.ids.make(Kind.SWITCHBOARD, 0), "enabled": True}
    first["defaultSwitchboardIntegrationId"] = realm.ids.make(Kind.SWITCHBOARD_INTEGRATION, 0)
    return [first, {"id": realm.ids.make(Kind.SWITCHBOARD, 1), "enabled": False}]


def switchboard_integrations(realm: Realm, switchboard: str) -> list[JsonObject]:
    """The members of a switchboard: bot and agents in the first, a custom one in the second."""
    number = realm.ids.read(Kind.SWITCHBOARD, switchboard)
    if number == 0:
        bot, agents = active_switchboard_integrations(realm)
        following = agents["id"]
        first = {
            **bot,
            "deliverStandbyEvents": True,
            "nextSwitchboardIntegrationId": following,
            "messageHistoryCount": 5,
        }
        last = {**agents, "deliverStandbyEvents": False, "nextSwitchboardIntegrationId": None}
        return [first, {**last, "messageHistoryCount": None}]
    if number == 1:
        custom = _switchboard_integration(realm, 2, "custom-bot", "custom")
        return [{**custom, "deliverStandbyEvents": False} | ({"priority": 1} if realm.strangeness else {})]
    return []


def active_switchboard_integrations(realm: Realm) -> tuple[JsonObject, JsonObject]:
    """Bot and agents, as conversations name them."""
    return (
        _switchboard_integration(realm, 0, "zd-answerBot", ANSWER_BOT),
        _switchboard_integration(realm, 1, "zd-agentWorkspace", AGENT_WORKSPACE),
    )


def _switchboard_integration(realm: Realm, number: int, name: str, kind: str) -> JsonObject:
    identity = realm.ids.make(Kind.SWITCHBOARD_INTEGRATION, number)
    return {"id": identity, "name": name, "integrationId": integration_id(realm, kind), "integrationType": kind}


def _integration(realm: Realm, number: int) -> JsonObject:
    kind = INTEGRATION_TYPES[number]
    dice = realm.dice("integration", number)
    result: JsonObject = {"id": realm.ids.make(Kind.INTEGRATION, number), "type": kind}
    result["status"] = _STATUSES.get(kind, "active")
    dice.nullable(result, "displayName", f"{kind} channel ü")
    result |= dict(_particulars(kind, dice))
    if kind == "custom":
        result["webhooks"] = [_webhook(realm, number)]
    elif number % 3 == 0:
        result["defaultResponder"] = _default_responder(realm)
    if kind == UNLISTED_CHANNEL and realm.strangeness:
        result |= {"clientKey": "unlisted-secret", "shop": {"id": 7, "regions": ["eu", None]}, "futureFlag": True}
    return result


def _webhook(realm: Realm, number: int) -> JsonObject:
    webhook: JsonObject = {
        "id": realm.ids.make(Kind.WEBHOOK, number),
        "version": "v2",
        "target": f"https://hooks.example.com/{number}?token=a%20b",
        "triggers": ["conversation:message", "conversation:read", "user:merge"],
        "secret": _secret(realm.dice("webhook", number)),
        "includeFullUser": True,
        "includeFullSource": number % 2 == 0,
    }
    if realm.strangeness:
        webhook["retryPolicy"] = {"attempts": 5}
    return webhook


def _default_responder(realm: Realm) -> JsonObject:
    return {
        "name": "zd-answerBot",
        "integrationId": integration_id(realm, ANSWER_BOT),
        "integrationType": ANSWER_BOT,
        "deliverStandbyEvents": False,
        "nextSwitchboardIntegrationId": None,
        "messageHistoryCount": 10,
        "inherited": True,
    }


def _particulars(kind: str, dice: Dice) -> Iterator[tuple[str, object]]:
    """What only this type of integration has (specification, schemas of the integration types)."""
    if kind in {"web", "ios", "android", "unity"}:
        yield from {"canUserSeeConversationList": True, "attachmentsEnabled": True}.items()
    if kind in _FIELDS:
        yield from _FIELDS[kind].items()
    for name in _SECRETS.get(kind, ()):
        yield name, _secret(dice)
    if kind not in {"custom", AGENT_WORKSPACE, ANSWER_BOT, UNLISTED_CHANNEL}:
        yield "showAIDisclaimer", dice.chance(0.5)


def _secret(dice: Dice) -> str:
    """A made-up secret, marked so that a test can look for it where it must not be."""
    return "secret-" + "".join(f"{dice.below(16):x}" for _ in range(88))


_SECRETS: Final = {
    "apple": ("authenticationMessageSecret",),
    "line": ("channelSecret", "channelAccessToken", "switcherSecret"),
    "mailgun": ("signingKey",),
    "messagebird": ("webhookSecret",),
    "messenger": ("pageAccessToken",),
    "whatsapp": ("accountManagementAccessToken",),
}
_FIELDS: Final[dict[str, JsonObject]] = {
    "web": {
        "brandColor": "65758e",
        "buttonIconUrl": None,
        "integrationOrder": ["59fc8466260f48003505228b"],
        "originWhitelist": None,
        "prechatCapture": {"enabled": True, "fields": [{"type": "email", "name": "email", "label": "Your e-mail"}]},
        "canUserCreateMoreConversations": True,
    },
    "ios": {"production": True, "autoUpdateBadge": False},
    "android": {"senderId": "123456789"},
    "whatsapp": {"hsmFallbackLanguage": None, "accountId": "1029384756", "phoneNumber": "15145550100"},
    "messenger": {"appId": "1234567890", "pageId": 123212323432123, "pageName": "An Awesome Page"},
    "instagram": {
        "appId": "1234567890",
        "businessName": "Shop",
        "pageId": "106731941223392",
        "storyRepliesEnabled": True,
    },
    "apple": {"businessId": "2740f141-89c1-515f-07eb-1128dd73491", "mspId": "e7e495d5-bf78-531d-baf6-7f419f7fb592"},
    "line": {"channelId": "1286564967", "serviceCode": "code", "qrCodeUrl": "https://line.example.com/q.png"},
    "telegram": {"username": "shopbot", "botId": "192033615"},
    "twilio": {"accountSid": "AC0", "phoneNumberSid": "PN0", "messagingServiceSid": "MG0"},
    "twitter": {"tier": "enterprise", "envName": "production"},
    "viber": {"uri": "shop", "accountId": "pa:5120"},
    "mailgun": {"domain": "mail.example.org", "incomingAddress": "in@mail.example.org", "fromAddress": None},
    "messagebird": {"originator": "12262121021"},
}
