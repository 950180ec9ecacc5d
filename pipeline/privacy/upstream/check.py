"""Checks around an erasure upstream: is this the right app and a harmless key, and is a subject really gone?

A 404 means "already erased" only in a run in which the app has answered: a wrong app id must not read like that.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from pipeline.api import resources
from pipeline.api.client import ApiClient
from pipeline.api.deletions import is_id
from pipeline.errors import ConfigError, ForbiddenError, NotFoundError, ProtocolError
from pipeline.privacy.upstream.reads import Reads, UserHead
from pipeline.suppression.subjects import Action, Subject

Gone = Literal["gone", "pending"]

_NOBODY = "nobody@sunlake.invalid"
_PERSONAL = ("givenName", "surname", "email", "avatarUrl")


@dataclass(frozen=True, slots=True)
class KnownGood:
    """Proof that an app has answered this client in this run, and that the key is of this app only."""

    client: ApiClient
    app_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """How much of a subject is still there: users, personal conversations, and users known by other ids only."""

    users: int = 0
    conversations: int = 0

    def __bool__(self) -> bool:
        return bool(self.users or self.conversations)


async def known_good(client: ApiClient, app_id: str) -> KnownGood:
    """Make sure that the app answers, and that the key could not delete an app.

    Raises:
        ConfigError: the key is of account scope.
        ApiError: the app does not answer; `app_not_found` is a NotFoundError.
    """
    if not is_id(app_id):
        raise ConfigError("the app id is no id of 24 hexadecimal digits; compare it with the Conversations API page")
    if client.has_account_key or await _lists_apps(client):
        raise ConfigError("erasing takes a key of scope app or integration; one of an account could delete apps")
    try:
        answer = await client.get(resources.GET_APP, path={"appId": app_id}, query={})
        if b'"' + app_id.encode() + b'"' not in bytes(answer.items[0]):
            raise ProtocolError("another app answered; report it to Zendesk", route=resources.GET_APP.name)
    except ForbiddenError:
        # A key of integration scope may not see its app, but may look for users in it.
        await client.get(
            resources.LIST_USERS_BY_EMAIL, path={"appId": app_id}, query=resources.users_with_email(_NOBODY)
        )
    return KnownGood(client, app_id)


async def verify_upstream(client: ApiClient, subject: Subject, *, known: KnownGood | None = None) -> Gone:
    """Whether upstream shows nothing more of a subject (gdpr.md, section 5, step 8).

    Users answer 404; personal conversations too, or hold no message. After `pii_only`: names and properties are empty.

    Raises:
        ConfigError, ApiError: it can't be found out.
    """
    known = known or await known_good(client, subject.app_id)
    conversations = subject.personal_conversation_ids - subject.group_conversation_ids
    reads = Reads(known.client, known.app_id)
    return "pending" if await remains_of(reads, subject, conversations=conversations) else "gone"


async def remains_of(reads: Reads, subject: Subject, *, conversations: AbstractSet[str]) -> Remains:
    """How much upstream still shows of a subject's users and of these conversations, which are theirs alone."""
    if subject.action is Action.PII_ONLY:
        found = [await reads.user(user_id) for user_id in sorted(subject.user_ids)]
        return Remains(users=sum(not is_cleared(user) for user in found if user and user.id in subject.user_ids))
    users = sum([await reads.is_there(user_id) for user_id in sorted(subject.user_ids)])
    left = [name for name in sorted(conversations) if not await _is_empty(reads, name)]
    return Remains(users=users, conversations=len(left))


def is_cleared(user: UserHead) -> bool:
    """Whether nothing is left of what DeleteUserPersonalInformation clears of a user."""
    profile = user.profile or {}
    return not any(profile.get(name) for name in _PERSONAL) and not user.metadata


async def _is_empty(reads: Reads, conversation_id: str) -> bool:
    """Whether a conversation is gone, or is a default one without messages that still show anything."""
    conversation = await reads.conversation(conversation_id)
    if conversation is None or conversation.id != conversation_id:
        return True
    messages = await reads.messages(conversation_id)
    return all(message.deleted for message in messages or ())


async def _lists_apps(client: ApiClient) -> bool:
    """Whether the key sees the list of apps, which only keys of account scope do, whatever their id looks like."""
    try:
        await client.get(resources.LIST_APPS, path={}, query={"page[size]": "1"})
    except (ForbiddenError, NotFoundError):
        return False
    return True
