"""Every call that sunlake may make and that destroys something, as data: nothing else can be sent with DELETE or POST.

A path that is one segment short addresses something larger, up to the whole app (gdpr.md, section 4, "Path danger"). So
no text of people gets in here: a `Deletion` takes ids of 24 hexadecimal digits, and only those of its route.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from pipeline.api.routes import Scope
from pipeline.errors import BadRequestError

Destroying = Literal["DELETE", "POST"]

_ID: Final = re.compile(r"[0-9a-f]{24}")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_URL: Final = re.compile(r"https?://[^\x00-\x20\x7f-\x9f][^\x00-\x1f\x7f-\x9f]{0,4000}")
_SCOPES: Final[frozenset[Scope]] = frozenset({"app", "integration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRoute:
    """One destroying operation of the API (openapi.yaml, paths).

    Args:
        method: the HTTP method.
        template: the path below the base URL; every placeholder is an id of 24 hexadecimal digits.
        takes: the only member of the request's body, or None where there is no body.
        scopes: the key scopes that may call it here; those of an account could delete apps, so they are left out.
    """

    method: Destroying
    template: str
    takes: Literal["userId", "mediaUrl"] | None = None
    scopes: frozenset[Scope] = _SCOPES
    name: str = field(init=False)
    placeholders: tuple[str, ...] = field(init=False, repr=False)
    allowed: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.method} {self.template}")
        object.__setattr__(self, "placeholders", tuple(_PLACEHOLDER.findall(self.template)))
        object.__setattr__(self, "allowed", re.compile(_PLACEHOLDER.sub("[0-9a-f]{24}", self.template)))


_APP: Final = "/v2/apps/{appId}"
_CONVERSATION: Final = _APP + "/conversations/{conversationId}"

REMOVE_ATTACHMENT: Final = DeletionRoute(method="POST", template=_APP + "/attachments/remove", takes="mediaUrl")
DELETE_MESSAGE: Final = DeletionRoute(method="DELETE", template=_CONVERSATION + "/messages/{messageId}")
LEAVE_CONVERSATION: Final = DeletionRoute(method="POST", template=_CONVERSATION + "/leave", takes="userId")
DELETE_CONVERSATION: Final = DeletionRoute(method="DELETE", template=_CONVERSATION)
DELETE_MESSAGES: Final = DeletionRoute(method="DELETE", template=_CONVERSATION + "/messages")
DELETE_PERSONAL_INFORMATION: Final = DeletionRoute(
    method="DELETE", template=_APP + "/users/{userId}/personalinformation"
)
DELETE_USER: Final = DeletionRoute(method="DELETE", template=_APP + "/users/{userId}")

DELETIONS: Final[tuple[DeletionRoute, ...]] = (
    REMOVE_ATTACHMENT,
    DELETE_MESSAGE,
    LEAVE_CONVERSATION,
    DELETE_CONVERSATION,
    DELETE_MESSAGES,
    DELETE_PERSONAL_INFORMATION,
    DELETE_USER,
)
"""The allow-list, in the order in which an erasure makes the calls (gdpr.md, section 5)."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """One destroying call, which can't be made unless it is on the allow-list.

    Args:
        route: an entry of DELETIONS.
        ids: an id for each placeholder of the route.
        value: the body's only member, for routes that take one.

    Raises:
        BadRequestError: an id has not 24 hexadecimal digits, or the value is no user id or URL.
        ValueError: the route is not on the list, or ids or value are not those it takes (a mistake in the program).
    """

    route: DeletionRoute
    ids: Mapping[str, str] = field(repr=False)
    value: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not any(self.route is route for route in DELETIONS):
            raise ValueError("this call is not on the allow-list")
        if set(self.ids) != set(self.route.placeholders) or (self.value is None) != (self.route.takes is None):
            raise ValueError(f"{self.route.name} takes other ids, or another body")
        if not all(is_id(value) for value in self.ids.values()):
            raise BadRequestError("refused: an id is no id of 24 hexadecimal digits", route=self.route.name)
        fits = _URL.fullmatch if self.route.takes == "mediaUrl" else _ID.fullmatch
        if self.value is not None and fits(self.value) is None:
            raise BadRequestError(f"refused: {self.route.takes} is none", route=self.route.name)
        # A copy: what was checked stays what is sent.
        object.__setattr__(self, "ids", MappingProxyType(dict(self.ids)))

    def target(self, *, prefix: str) -> bytes:
        """The exact path to send, below the base URL's path prefix.

        Raises:
            BadRequestError: the path is not byte for byte one that the route allows.
        """
        path = _PLACEHOLDER.sub(lambda place: self.ids[place[1]], self.route.template)
        if self.route.allowed.fullmatch(path) is None:
            raise BadRequestError("refused: the path is not the one of the route", route=self.route.name)
        return (prefix + path).encode("ascii")

    def body(self) -> bytes | None:
        """The JSON to send, or None."""
        return None if self.route.takes is None else json.dumps({self.route.takes: self.value}).encode("ascii")


def is_id(value: str) -> bool:
    """Whether a text may stand in the path of a destroying call."""
    return _ID.fullmatch(value) is not None


def remove_attachment(app_id: str, media_url: str) -> Deletion:
    """Remove one upload."""
    return Deletion(REMOVE_ATTACHMENT, {"appId": app_id}, media_url)


def delete_message(app_id: str, conversation_id: str, message_id: str) -> Deletion:
    """Delete one message; a placeholder may stay."""
    ids = {"appId": app_id, "conversationId": conversation_id, "messageId": message_id}
    return Deletion(DELETE_MESSAGE, ids)


def leave_conversation(app_id: str, conversation_id: str, user_id: str) -> Deletion:
    """Take one user out of a conversation."""
    return Deletion(LEAVE_CONVERSATION, {"appId": app_id, "conversationId": conversation_id}, user_id)


def delete_conversation(app_id: str, conversation_id: str) -> Deletion:
    """Delete a conversation with its messages; the default one is refused."""
    return Deletion(DELETE_CONVERSATION, {"appId": app_id, "conversationId": conversation_id})


def delete_messages(app_id: str, conversation_id: str) -> Deletion:
    """Delete all messages of a conversation; it stays."""
    return Deletion(DELETE_MESSAGES, {"appId": app_id, "conversationId": conversation_id})


def delete_personal_information(app_id: str, user_id: str) -> Deletion:
    """Clear a user's names, addresses and custom properties at once."""
    return Deletion(DELETE_PERSONAL_INFORMATION, {"appId": app_id, "userId": user_id})


def delete_user(app_id: str, user_id: str) -> Deletion:
    """Delete a user, some time after the answer."""
    return Deletion(DELETE_USER, {"appId": app_id, "userId": user_id})
