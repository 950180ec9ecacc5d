"""Step 5: deletes personal conversations; of the default one, which upstream keeps, the messages."""

from __future__ import annotations

from pipeline.api.deletions import delete_conversation, delete_messages
from pipeline.api.sent import Outcome
from pipeline.privacy.upstream.run import UpstreamRun
from pipeline.privacy.upstream.types import UpstreamStep


async def delete_conversations(run: UpstreamRun) -> None:
    """Delete the personal conversations; those that turn out to be default ones are left for `empty_defaults`.

    Raises:
        ApiError: a call failed.
    """
    deleted = 0
    for conversation_id, is_default in run.survey.personal.items():
        if not is_default:
            deleted += await _delete(run, conversation_id)
    run.finish(UpstreamStep.CONVERSATIONS, conversations_deleted=deleted)


async def empty_defaults(run: UpstreamRun) -> None:
    """Delete the messages of default conversations.

    Raises:
        ApiError: a call failed, or messages stay.
    """
    emptied = 0
    for conversation_id, is_default in run.survey.personal.items():
        if is_default:
            emptied += await _empty(run, conversation_id)
    run.finish(UpstreamStep.DEFAULT_MESSAGES, conversations_emptied=emptied)


async def _delete(run: UpstreamRun, conversation_id: str) -> bool:
    for _ in range(run.policy.rounds):
        sent = await run.send(UpstreamStep.CONVERSATIONS, delete_conversation(run.app_id, conversation_id))
        if sent.outcome is Outcome.REFUSED:
            run.survey.personal[conversation_id] = True
            run.survey.discovered.default_conversation_ids.update(
                {conversation_id} - run.subject.default_conversation_ids
            )
            return False
        if sent.outcome is not Outcome.UNKNOWN or await run.reads.conversation(conversation_id) is None:
            return True
    raise run.give_up(UpstreamStep.CONVERSATIONS)


async def _empty(run: UpstreamRun, conversation_id: str) -> bool:
    """Delete all messages until upstream lists none that shows anything; False where there was none to begin with."""
    for count in range(run.policy.rounds + 1):
        messages = await run.reads.messages(conversation_id) or []
        if all(message.deleted for message in messages):
            return count > 0
        if count < run.policy.rounds:
            await run.send(UpstreamStep.DEFAULT_MESSAGES, delete_messages(run.app_id, conversation_id))
    raise run.give_up(UpstreamStep.DEFAULT_MESSAGES)
