"""Who is meant upstream: users by id, external id or e-mail, their conversations, and who takes part in them.

`/users/{userIdOrExternalId}` takes both readings of a text, and nobody says which one wins (api.md, section 9). So what
comes back is compared with what was asked, and a second way is tried for the reading that lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.api.client import ApiClient
from pipeline.api.deletions import is_id
from pipeline.privacy.people.lookup import FoundConversation, FoundUser
from pipeline.privacy.upstream.reads import Reads, UserHead

IdentifierKind = Literal["user_id", "external_id", "email"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whom an identifier means; with more than one user it is ambiguous and must be rejected."""

    users: tuple[FoundUser, ...] = field(default=(), repr=False)

    @property
    def is_ambiguous(self) -> bool:
        """Whether it means more than one."""
        return len(self.users) > 1


class ApiLookup:
    """Looks people up in one app. It only reads; failures other than "not found" raise an ApiError.

    Args:
        client: the client.
        app_id: the app.
    """

    def __init__(self, client: ApiClient, app_id: str) -> None:
        self._reads = Reads(client, app_id)

    @property
    def calls(self) -> dict[str, int]:
        """Calls so far by the status of their answer."""
        return dict(self._reads.statuses)

    async def resolve(self, kind: IdentifierKind, value: str, *, brand_id: str | None = None) -> Found:
        """Everybody whom an identifier of a request may mean.

        An id or external id gives the user who has it, and if that is one, also the user who has the same text as the
        other of the two. An e-mail gives all who have it as an identity.
        """
        if kind == "email":
            return Found(users=tuple(await self.users_by_email(value, brand_id=brand_id)))
        by_id = await self.user(value) if is_id(value) else None
        by_external_id = None
        if kind == "external_id" or by_id is not None:
            by_external_id = await self.user_by_external_id(value, brand_id=brand_id)
        # Who has the text only in the sense that was not asked for is a stranger.
        meant, other = (by_id, by_external_id) if kind == "user_id" else (by_external_id, by_id)
        users = [] if meant is None else [user for user in (meant, other) if user is not None]
        return Found(users=tuple({user.user_id: user for user in users}.values()))

    async def user(self, user_id: str) -> FoundUser | None:
        """The user with this id, or the one it was merged into; never one who merely has it as external id."""
        head = await self._reads.user(user_id)
        if head is None or head.id == user_id or head.external_id != user_id:
            return None if head is None else _found(head)
        return await self._among_participants(user_id)

    async def user_by_external_id(self, external_id: str, *, brand_id: str | None = None) -> FoundUser | None:
        """The user with this external id within the brand; never one who merely has it as id."""
        head = await self._reads.user(external_id, brand_id=brand_id)
        if head is None:
            return None
        if head.external_id == external_id and head.brand_id == brand_id:
            return _found(head)
        return None if brand_id is not None else await self._behind_external_id(external_id)

    async def users_by_email(self, email: str, *, brand_id: str | None = None) -> Sequence[FoundUser]:
        """The users with this e-mail identity; profiles are not searched (api.md, section 1)."""
        heads = await self._reads.users_by_email(email, brand_id=brand_id)
        return [_found(head) for head in heads]

    async def conversations(self, user_id: str) -> Sequence[FoundConversation]:
        """All conversations of a user."""
        return [
            FoundConversation(conversation_id=head.id, type=head.type, is_default=bool(head.is_default))
            for head in await self._reads.conversations(user_id)
        ]

    async def participants(self, conversation_id: str) -> Sequence[str]:
        """The ids of the users who take part in a conversation; empty where it is gone."""
        people = await self._reads.participants(conversation_id)
        return [person.user_id for person in people if person.user_id is not None]

    async def _among_participants(self, user_id: str) -> FoundUser | None:
        """A user whose id somebody else has as external id: asked for by the filter, which knows no second reading."""
        for conversation in await self._reads.conversations(user_id):
            for person in await self._reads.participants(conversation.id):
                if person.user_id == user_id:
                    return FoundUser(user_id=user_id, external_id=person.user_external_id)
        return None

    async def _behind_external_id(self, external_id: str) -> FoundUser | None:
        """A user whose external id somebody else has as id. Participants tell the id, which GET then confirms."""
        for conversation in await self._reads.conversations_by_external_id(external_id) or ():
            for person in await self._reads.participants(conversation.id):
                if person.user_id is not None and person.user_external_id == external_id:
                    head = await self._reads.user(person.user_id)
                    if head is not None and (head.id, head.external_id) == (person.user_id, external_id):
                        return _found(head)
        return None


def _found(head: UserHead) -> FoundUser:
    identities = head.identities or ()
    emails = {identity.value for identity in identities if identity.type == "email" and identity.value}
    email = (head.profile or {}).get("email")
    return FoundUser(
        user_id=head.id,
        external_id=head.external_id,
        brand_id=head.brand_id,
        emails=frozenset(emails | ({email} if isinstance(email, str) and email else set())),
        to_be_retained=bool(head.to_be_retained),
    )
