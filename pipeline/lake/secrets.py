"""Secrets never reach the lake: the registry of fields that are left out (api.md, section 6; gdpr.md, section 3).

Integrations and webhooks keep only fields named here, since a future version may add a credential that we don't know.
Everything else keeps all but the fields named secret. What a customer hides in free-form JSON (metadata, content, a
client's `raw`) can't be known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pipeline.lake import exact_json

Allowed: TypeAlias = "Mapping[str, Allowed | None]"
"""Names of the fields that may be kept; None keeps a field whole, a mapping only those of its own fields."""

ANYWHERE = frozenset({"pushNotificationToken"})
"""Left out at any depth: a message's source and a webhook's payload hold whole devices."""

FREE_FORM = frozenset({"content", "metadata"})
"""Fields that belong to the customer and are kept as they are, at any depth."""

CREDENTIALS: Mapping[str, frozenset[str]] = {
    "android": frozenset({"projectId", "clientEmail", "privateKey", "serverKey"}),
    "apple": frozenset({"apiSecret", "authenticationMessageSecret"}),
    "custom": frozenset({"webhooks"}),  # each with its secret; the webhooks table holds the rest of them
    "instagram": frozenset({"pageAccessToken", "appSecret"}),
    "ios": frozenset({"certificate", "password"}),
    "line": frozenset({"channelSecret", "channelAccessToken", "switcherSecret"}),
    "mailgun": frozenset({"apiKey", "signingKey"}),
    "messagebird": frozenset({"accessKey", "signingKey", "webhookSecret"}),
    "messenger": frozenset({"pageAccessToken", "appSecret"}),
    "telegram": frozenset({"token"}),
    "twilio": frozenset({"accountSid", "authToken"}),
    "twitter": frozenset({"consumerKey", "consumerSecret", "accessTokenKey", "accessTokenSecret"}),
    "viber": frozenset({"token"}),
    "whatsapp": frozenset({"accountManagementAccessToken"}),
}
"""The credentials of an integration, by its type."""

SECRETS: Mapping[str, frozenset[str]] = {
    "apps": frozenset({"keys", "secret"}),
    "integrations": frozenset({"keys", "secret"}).union(*CREDENTIALS.values()),
    "webhooks": frozenset({"secret"}),
}
"""Names that are secret at the top of a table's objects, beside those of `ANYWHERE`."""

_DEFAULT_RESPONDER: Allowed = dict.fromkeys(
    (
        "name",
        "integrationId",
        "integrationType",
        "deliverStandbyEvents",
        "nextSwitchboardIntegrationId",
        "messageHistoryCount",
        "inherited",
    )
)
_PRECHAT_CAPTURE: Allowed = dict.fromkeys(("avatarUrl", "enabled", "enableEmailLinking", "fields"))
_EVERY_INTEGRATION = ("id", "type", "status", "displayName", "defaultResponderId", "showAIDisclaimer")
_SDK = ("senderId", "production", "autoUpdateBadge", "canUserSeeConversationList", "canUserCreateMoreConversations")
_WEB = (
    "attachmentsEnabled",
    "brandColor",
    "fixedIntroPane",
    "conversationColor",
    "actionColor",
    "displayStyle",
    "buttonIconUrl",
    "buttonWidth",
    "buttonHeight",
    "integrationOrder",
    "businessName",
    "businessIconUrl",
    "backgroundImageUrl",
    "originWhitelist",
)
_ACCOUNT = (
    "accountId",
    "appId",
    "botId",
    "businessId",
    "businessUsername",
    "channelId",
    "domain",
    "envName",
    "fromAddress",
    "hideUnsubscribeLink",
    "hsmFallbackLanguage",
    "incomingAddress",
    "lineId",
    "messagingServiceSid",
    "mspId",
    "originator",
    "pageId",
    "pageName",
    "phoneNumber",
    "phoneNumberSid",
    "qrCodeUrl",
    "serviceCode",
    "storyMentionsEnabled",
    "storyRepliesEnabled",
    "tier",
    "uri",
    "userId",
    "username",
)

ALLOWED: Mapping[str, Allowed] = {
    "integrations": {
        **dict.fromkeys(_EVERY_INTEGRATION + _SDK + _WEB + _ACCOUNT),
        "defaultResponder": _DEFAULT_RESPONDER,
        "prechatCapture": _PRECHAT_CAPTURE,
    },
    "webhooks": dict.fromkeys(
        ("id", "version", "target", "triggers", "includeFullUser", "includeFullSource"),
    ),
}
"""Tables of which nothing but the named fields is kept."""

_ESCAPED_LETTER = re.compile(rb"\\u00(?:[46][1-9a-fA-F]|[57][0-9aA])")  # may hide a key
_PRINTABLE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")


@dataclass
class Dropped:
    """Names of the fields that were left out, as `table.field`; never their values.

    Args:
        secrets: known secrets; leaving them out is the rule and needs no word.
        unknown: fields that this version doesn't know, dropped because they might be secret; worth a warning, once.
    """

    secrets: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        """All of them."""
        return self.secrets | self.unknown


def withhold(table: str, source: bytes, dropped: Dropped) -> dict[str, bytes]:
    """The fields of one object of `table` without its secrets; what is left out is noted in `dropped`.

    Raises:
        ValueError: `source` is not a JSON object.
    """
    fields = _scrub(exact_json.split(source), table, dropped)
    for name in SECRETS.get(table, frozenset()) & fields.keys():
        dropped.secrets.add(f"{table}.{name}")
        del fields[name]
    return _keep(fields, ALLOWED[table], table, dropped) if table in ALLOWED else fields


def is_suspect(source: bytes) -> bool:
    """Whether the JSON text may hold a key of `ANYWHERE`; cheap, and never wrong when it says no."""
    return b"pushNotificationToken" in source or _ESCAPED_LETTER.search(source) is not None


def _scrub(fields: dict[str, bytes], table: str, dropped: Dropped) -> dict[str, bytes]:
    dropped.secrets.update(f"{table}.{name}" for name in ANYWHERE & fields.keys())
    return {
        name: raw if name in FREE_FORM else _scrub_value(raw, table, dropped)
        for name, raw in fields.items()
        if name not in ANYWHERE
    }


def _scrub_value(raw: bytes, table: str, dropped: Dropped) -> bytes:
    """The value without the keys of `ANYWHERE`; written anew, since a later equal key may hide one."""
    if not is_suspect(raw):
        return raw
    if raw.startswith(b"{"):
        return exact_json.render(_scrub(exact_json.split(raw), table, dropped))
    if raw.startswith(b"["):
        return b"[" + b",".join(_scrub_value(part, table, dropped) for part in exact_json.elements(raw)) + b"]"
    return raw


def _keep(fields: dict[str, bytes], allowed: Allowed, prefix: str, dropped: Dropped) -> dict[str, bytes]:
    unknown = fields.keys() - allowed.keys()
    dropped.unknown.update(f"{prefix}.{name if _PRINTABLE.fullmatch(name) else '?'}" for name in unknown)
    return {
        name: _keep_inside(raw, allowed[name], f"{prefix}.{name}", dropped)
        for name, raw in fields.items()
        if name in allowed
    }


def _keep_inside(raw: bytes, allowed: Allowed | None, prefix: str, dropped: Dropped) -> bytes:
    if allowed is None or not raw.startswith(b"{"):
        return raw
    return exact_json.render(_keep(exact_json.split(raw), allowed, prefix, dropped))
