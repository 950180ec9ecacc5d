"""The users of the real conversations and their channels: derived from the data set's ids, for it names nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.sandbox.ids import hashed_id
from pipeline.sandbox.world import JsonObject

# Weights out of 16, one hex digit.
_CHANNELS: Final = ("web",) * 6 + ("whatsapp",) * 4 + ("ios",) * 2 + ("android",) * 2 + ("messenger",) * 2
_SDK: Final = frozenset({"web", "ios", "android"})
_DISPLAY_NAMES: Final = {
    "web": "Web Messenger",
    "ios": "iOS app",
    "android": "Android app",
    "whatsapp": "WhatsApp",
    "messenger": "Messenger",
    "zd:agentWorkspace": "Agent Workspace",
}

AGENT_WORKSPACE: Final[JsonObject] = {
    "id": hashed_id("chitchat", "switchboardIntegration", "zd:agentWorkspace"),
    "name": "zd-agentWorkspace",
    "integrationId": hashed_id("chitchat", "integration", "zd:agentWorkspace"),
    "integrationType": "zd:agentWorkspace",
}
SWITCHBOARD_INTEGRATION: Final[JsonObject] = {
    **AGENT_WORKSPACE,
    "deliverStandbyEvents": False,
    "nextSwitchboardIntegrationId": None,
    "messageHistoryCount": 10,
}
SWITCHBOARD: Final[JsonObject] = {
    "id": hashed_id("chitchat", "switchboard"),
    "enabled": True,
    "defaultSwitchboardIntegrationId": AGENT_WORKSPACE["id"],
}


@dataclass(frozen=True, slots=True)
class Person:
    """What a user did, and when; all else about them follows from their id."""

    id: str
    first_seen: str
    last_seen: str
    conversations: tuple[str, ...]
    default_conversation: str

    @property
    def display_name(self) -> str:
        """No one is named in the data set."""
        return f"Guest {self.id[:6]}"

    @property
    def external_id(self) -> str | None:
        """About five users in eight have signed in."""
        return f"crm-{self.id[8:16]}" if int(self.id[1], 16) < 10 else None

    @property
    def channels(self) -> tuple[str, ...]:
        """One channel; users in eight have a second."""
        first = _CHANNELS[int(self.id[2], 16)]
        if int(self.id[3], 16) >= 2:
            return (first,)
        return (first, "whatsapp" if first in _SDK else "web")


def integrations() -> list[JsonObject]:
    """The integrations of all channels."""
    return [_integration(kind) for kind in _DISPLAY_NAMES]


def user(person: Person) -> JsonObject:
    """The user as the API returns them."""
    return {
        "id": person.id,
        "authenticated": person.external_id is not None,
        "externalId": person.external_id,
        "zendeskId": None,
        "signedUpAt": person.first_seen,
        "toBeRetained": False,
        "profile": {
            "givenName": "Guest",
            "surname": person.id[:6],
            "email": None,
            "avatarUrl": None,
            "locale": "en-US",
        },
        "metadata": {},
        "identities": [],
    }


def clients(person: Person) -> list[JsonObject]:
    """One client a channel."""
    return [_client(person, channel) for channel in person.channels]


def devices(person: Person) -> list[JsonObject]:
    """One device for each channel that lives in one of our own apps or pages."""
    return [_device(person, channel) for channel in person.channels if channel in _SDK]


def channel_of(person: Person, conversation_id: str) -> str:
    """The channel through which a conversation is held."""
    return person.channels[int(conversation_id[0], 16) % len(person.channels)]


def client_associations(person: Person, *, first: str) -> list[JsonObject]:
    """The user's clients, the one used last in front."""
    ordered = sorted(person.channels, key=lambda channel: channel != first)
    return [{"type": _client_type(channel), "clientId": _client_id(person, channel)} for channel in ordered]


def source(channel: str, message: str, received: str) -> JsonObject:
    """Where a user's message came from; foreign channels have ids and clocks of their own."""
    ours: JsonObject = {"type": channel, "integrationId": _integration_id(channel)}
    if channel in _SDK:
        return ours
    original = hashed_id("chitchat", "original", message)
    return {**ours, "originalMessageId": original, "originalMessageTimestamp": received}


def _integration(kind: str) -> JsonObject:
    common: JsonObject = {
        "id": _integration_id(kind),
        "type": kind,
        "status": "active",
        "displayName": _DISPLAY_NAMES[kind],
    }
    return common | _particulars(kind)


def _particulars(kind: str) -> JsonObject:
    made_up = hashed_id("chitchat", "credential", kind)
    if kind == "whatsapp":
        return {"hsmFallbackLanguage": "en_US", "accountManagementAccessToken": made_up, "phoneNumber": "15550100"}
    if kind == "messenger":
        return {"pageAccessToken": made_up, "appId": "1234567890", "pageId": 1234567890, "pageName": "Chit-Chat"}
    if kind in _SDK:
        return {"canUserSeeConversationList": True, "canUserCreateMoreConversations": True, "attachmentsEnabled": True}
    return {}


def _client(person: Person, channel: str) -> JsonObject:
    foreign = channel not in _SDK
    return {
        "id": _client_id(person, channel),
        "type": _client_type(channel),
        "status": "active",
        "integrationId": _integration_id(channel) if foreign else None,
        "externalId": hashed_id("chitchat", channel, person.id) if foreign else None,
        "lastSeen": person.last_seen,
        "linkedAt": person.first_seen,
        "displayName": person.display_name if foreign else None,
        "avatarUrl": None,
        "info": {},
        "raw": {"profile": {"name": person.display_name}} if foreign else None,
    }


def _device(person: Person, channel: str) -> JsonObject:
    mobile = channel != "web"
    return {
        "id": hashed_id("chitchat", "device", channel, person.id),
        "type": channel,
        "guid": hashed_id("chitchat", "guid", channel, person.id),
        "clientId": _client_id(person, channel),
        "status": "active",
        "integrationId": _integration_id(channel),
        "lastSeen": person.last_seen,
        "pushNotificationToken": hashed_id("chitchat", "push", channel, person.id) if mobile else None,
        "info": {"vendor": "sunlake", "sdkVersion": "2.1.0"},
        "appVersion": "4.0.1" if mobile else None,
    }


def _client_type(channel: str) -> str:
    return "sdk" if channel in _SDK else channel


def _client_id(person: Person, channel: str) -> str:
    return hashed_id("chitchat", "client", channel, person.id)


def _integration_id(kind: str) -> str:
    return hashed_id("chitchat", "integration", kind)
