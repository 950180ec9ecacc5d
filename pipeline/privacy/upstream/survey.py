"""Looks before anything is deleted: which ids are the subject's, and what is theirs alone; upstream's word decides.

Only ids that upstream gave in this run are used later. What contradicts the closure stops the erasure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.api.deletions import is_id
from pipeline.privacy.upstream.reads import ConversationHead, MessageHead, ParticipantHead, Reads, UserHead
from pipeline.privacy.upstream.types import Discovered, UpstreamReason, UpstreamStopError
from pipeline.suppression.subjects import Action, Subject


@dataclass(slots=True, repr=False)
class Survey:
    """What there is to erase.

    Attributes:
        users: the subject's users who are there.
        personal: conversations that go whole, with `isDefault`.
        groups: messages of the conversations that stay, by conversation.
        media: what the subject's messages and personal conversations show, as far as nobody else's messages show it.
        discovered: what the closure did not know.
        lives_on: whether a user of the subject was merged into one who is not in the closure, and is there.
    """

    users: list[UserHead] = field(default_factory=list)
    personal: dict[str, bool] = field(default_factory=dict)
    groups: dict[str, list[MessageHead]] = field(default_factory=dict)
    media: set[str] = field(default_factory=set)
    discovered: Discovered = field(default_factory=Discovered)
    lives_on: bool = False


async def survey(reads: Reads, subject: Subject) -> Survey:
    """Look at everything that is the subject's; for `pii_only` just at the users.

    Raises:
        UpstreamStopError: an id is no id, or upstream says that it is somebody else's.
        ApiError: a call ended badly.
    """
    _refuse_strange_ids(subject)
    found = Survey(media=set(subject.media_urls))
    for user_id in sorted(subject.user_ids):
        await _look_at_user(reads, subject, found, user_id)
    if subject.action is Action.PII_ONLY:
        return found
    heads = await _conversations(reads, subject, found.users)
    for head in heads.values():
        await _look_at_conversation(reads, subject, found, head)
    spared = {url for messages in found.groups.values() for url in _media(_others(messages, subject))}
    found.media -= spared | subject.shared_media_urls
    found.discovered.media_urls = found.media - subject.media_urls
    return found


def is_own(message: MessageHead, subject: Subject) -> bool:
    """Whether the subject wrote a message that still shows something.

    The closure's word counts only where upstream no longer says who wrote it.
    """
    if message.deleted:
        return False
    if message.author_id is None:
        is_business = message.author is not None and message.author.type == "business"
        return message.id in subject.message_ids and not is_business
    return message.author_id in subject.user_ids


def _refuse_strange_ids(subject: Subject) -> None:
    if not all(is_id(value) for value in {subject.app_id} | subject.user_ids | _named_conversations(subject)):
        raise UpstreamStopError("an id is no id of 24 hexadecimal digits", reason=UpstreamReason.REFUSED)


async def _look_at_user(reads: Reads, subject: Subject, found: Survey, user_id: str) -> None:
    """Keep a user who is there and is who the closure says; note one who lives on under another id."""
    user = await reads.user(user_id)
    if user is None:
        return
    if user.id == user_id:
        if not _fits(user, subject):
            message = "upstream shows another external id or brand for a user than the plan; make a new plan"
            raise UpstreamStopError(message, reason=UpstreamReason.CONTRADICTION)
        found.users.append(user)
    elif user.external_id == user_id:
        if await reads.is_there(user_id):
            message = (
                "a user's id is somebody else's external id, and the API takes it for that; change the external id"
            )
            raise UpstreamStopError(message, reason=UpstreamReason.CONTRADICTION)
    elif user.id not in subject.user_ids:
        # Merged into somebody else.
        found.discovered.user_ids.add(user.id)
        found.lives_on = True


def _fits(user: UserHead, subject: Subject) -> bool:
    if user.external_id is None or not subject.external_ids:
        return True
    return not subject.external_ids.isdisjoint({(user.external_id, user.brand_id), (user.external_id, None)})


async def _conversations(reads: Reads, subject: Subject, users: list[UserHead]) -> dict[str, ConversationHead]:
    """The conversations of the subject's users as upstream lists them, and those of the closure that it does not."""
    heads: dict[str, ConversationHead] = {}
    for user in users:
        heads |= {head.id: head for head in await reads.conversations(user.id)}
    for conversation_id in sorted(_named_conversations(subject) - heads.keys()):
        head = await reads.conversation(conversation_id)
        if head is not None and head.id == conversation_id:
            heads[head.id] = head
    return heads


def _named_conversations(subject: Subject) -> frozenset[str]:
    return subject.personal_conversation_ids | subject.default_conversation_ids | subject.group_conversation_ids


async def _look_at_conversation(reads: Reads, subject: Subject, found: Survey, head: ConversationHead) -> None:
    participants = await reads.participants(head.id)
    messages = await reads.messages(head.id) or []
    own = [message for message in messages if is_own(message, subject)]
    found.discovered.participant_ids.update(_own_ids(participants, subject) - subject.participant_ids)
    members = {person.user_id for person in participants}
    if await _is_shared(reads, subject, found, head, members=members, messages=messages):
        found.groups[head.id] = messages
        found.media.update(_media(own))
        found.discovered.message_ids.update({message.id for message in own} - subject.message_ids)
        found.discovered.group_conversation_ids.update({head.id} - subject.group_conversation_ids)
        return
    found.personal[head.id] = bool(head.is_default)
    found.media.update(_media(messages))
    if head.id not in subject.personal_conversation_ids:
        found.discovered.personal_conversation_ids.add(head.id)
    if head.is_default and head.id not in subject.default_conversation_ids:
        found.discovered.default_conversation_ids.add(head.id)


async def _is_shared(
    reads: Reads,
    subject: Subject,
    found: Survey,
    head: ConversationHead,
    *,
    members: set[str | None],
    messages: list[MessageHead],
) -> bool:
    """Whether others have a part in a conversation, so that it must stay; in doubt they have."""
    if head.type == "sdkGroup" or head.id in subject.group_conversation_ids or members - subject.user_ids:
        return True
    authors = {message.author_id for message in messages if message.author_id is not None} - subject.user_ids
    if not members:
        return bool(authors)  # nobody takes part any more: then the authors must show that it was the subject's
    aliases = {author for author in authors if not await _is_somebody(reads, author, subject)}
    found.discovered.user_ids |= aliases
    return aliases != authors


async def _is_somebody(reads: Reads, author: str, subject: Subject) -> bool:
    """Whether a strange author is a user of their own; one who is gone was merged into the subject."""
    if not is_id(author):
        return True
    user = await reads.user(author)
    return user is not None and user.id not in subject.user_ids


def _own_ids(participants: list[ParticipantHead], subject: Subject) -> set[str]:
    return {participant.id for participant in participants if participant.user_id in subject.user_ids}


def _others(messages: list[MessageHead], subject: Subject) -> Iterable[MessageHead]:
    return (message for message in messages if not is_own(message, subject))


def _media(messages: Iterable[MessageHead]) -> Iterable[str]:
    return (url for message in messages for url in message.media())
