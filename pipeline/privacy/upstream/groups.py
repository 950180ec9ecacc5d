"""Step 4: takes the subject out of conversations that stay, message by message; nobody else may lose one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.api.deletions import delete_message, leave_conversation
from pipeline.privacy.upstream.reads import MessageHead
from pipeline.privacy.upstream.run import UpstreamRun
from pipeline.privacy.upstream.survey import is_own
from pipeline.privacy.upstream.types import GroupCount, UpstreamReason, UpstreamStep, UpstreamStopError
from pipeline.suppression.subjects import Subject

Doomed = Callable[[MessageHead], bool]


async def clear_groups(run: UpstreamRun) -> None:
    """Delete the subject's messages in group conversations.

    Raises:
        UpstreamStopError: messages of others disappeared meanwhile.
        ApiError: a call failed.
    """
    await _clear(run, UpstreamStep.GROUP_MESSAGES, lambda message: is_own(message, run.subject), "messages_deleted")


async def clear_quotes(run: UpstreamRun) -> None:
    """Delete the messages of others that the policy names and that quote the subject, as upstream shows itself.

    Raises:
        UpstreamStopError: other messages of others disappeared meanwhile.
        ApiError: a call failed.
    """
    await _clear(run, UpstreamStep.QUOTES, lambda message: _is_doomed_quote(run, message), "quotes_deleted")


async def leave_groups(run: UpstreamRun) -> None:
    """Leave the group conversations.

    Raises:
        ApiError: a call failed, or the subject still takes part.
    """
    left = 0
    for conversation_id in run.survey.groups:
        for _ in range(run.policy.rounds):
            members = {person.user_id for person in await run.reads.participants(conversation_id)}
            own = sorted(user_id for user_id in members if user_id is not None and user_id in run.subject.user_ids)
            if not own:
                break
            for user_id in own:
                await run.send(UpstreamStep.LEAVE, leave_conversation(run.app_id, conversation_id, user_id))
            left += 1
        else:
            raise run.give_up(UpstreamStep.LEAVE)
    run.finish(UpstreamStep.LEAVE, groups_left=left)


def count_before(run: UpstreamRun) -> None:
    """Note how many messages of others there are."""
    for conversation_id, messages in run.survey.groups.items():
        run.groups.setdefault(conversation_id, GroupCount(before=len(_staying(run, messages))))


async def count_after(run: UpstreamRun) -> None:
    """Compare with what there was before; messages that arrived meanwhile don't count.

    Raises:
        UpstreamStopError: some are missing.
    """
    for conversation_id, messages in run.survey.groups.items():
        after = await run.reads.messages(conversation_id) or []
        _compare(run, conversation_id, before=messages, after=after)


async def _clear(run: UpstreamRun, step: UpstreamStep, is_doomed: Doomed, name: str) -> None:
    total = 0
    for conversation_id, messages in run.survey.groups.items():
        after, deleted = await _clear_group(run, step, conversation_id, messages, is_doomed)
        total += deleted
        if deleted:
            run.groups[conversation_id].deleted += deleted
            _compare(run, conversation_id, before=messages, after=after)
    run.finish(step, **{name: total})


async def _clear_group(
    run: UpstreamRun, step: UpstreamStep, conversation_id: str, messages: list[MessageHead], is_doomed: Doomed
) -> tuple[list[MessageHead], int]:
    """Delete until upstream lists none of them any more: a call whose outcome is unknown is seen to that way."""
    deleted: set[str] = set()
    for _ in range(run.policy.rounds):
        doomed = [message.id for message in messages if is_doomed(message)]
        if not doomed:
            return messages, len(deleted)
        for message_id in doomed:
            await run.send(step, delete_message(run.app_id, conversation_id, message_id))
            deleted.add(message_id)
        messages = await run.reads.messages(conversation_id) or []
    if any(is_doomed(message) for message in messages):
        raise run.give_up(step)
    return messages, len(deleted)


def _compare(run: UpstreamRun, conversation_id: str, *, before: list[MessageHead], after: list[MessageHead]) -> None:
    count = run.groups[conversation_id]
    there = {message.id for message in after}
    kept = _staying(run, before) & there
    count.after, count.lost = len(kept), count.before - len(kept)
    if count.lost:
        message = "messages of others in a group conversation disappeared during the erasure; look before you go on"
        raise UpstreamStopError(message, reason=UpstreamReason.OTHERS_LOST)


def _staying(run: UpstreamRun, messages: Iterable[MessageHead]) -> set[str]:
    """Ids of messages that are neither the subject's, nor those of others who are being erased, nor doomed quotes."""
    leaving = run.subject.user_ids | run.policy.also_erased
    return {
        message.id
        for message in messages
        if not (message.author_id in leaving or is_own(message, run.subject) or _is_doomed_quote(run, message))
    }


def _is_doomed_quote(run: UpstreamRun, message: MessageHead) -> bool:
    policy = run.policy
    if policy.quotes != "delete_quoting_message" or message.id not in policy.quoting_message_ids or message.deleted:
        return False
    return _quotes(message.quoted_message, run.subject)


def _quotes(quoted: Any, subject: Subject) -> bool:
    """Whether a `quotedMessage` is a copy of a message of the subject, perhaps within another copy."""
    inner = quoted.get("message") if isinstance(quoted, dict) else None
    if not isinstance(inner, dict):
        return False
    author = inner.get("author")
    author_id = author.get("userId") if isinstance(author, dict) else None
    is_theirs = author_id in subject.user_ids or inner.get("id") in subject.message_ids
    return is_theirs or _quotes(inner.get("quotedMessage"), subject)
