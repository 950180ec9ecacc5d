"""The checkpoints of a step that may be remembered: nobody who is kept out gets into the ledger."""

from __future__ import annotations

from dataclasses import replace

from pipeline.lake.admission import Admission
from pipeline.walk.roster import ConversationState, UserState
from pipeline.walk.shelf import Snapshot
from pipeline.walk.step import Step


def only_admitted(step: Step, admission: Admission) -> Step:
    """A step with those of its states that may be recorded, freed of what they say about people who are kept out."""
    return Step(
        users=[_user(item, admission) for item in step.users if admission.admits("user", item.state.user_id)],
        conversations=[
            _conversation(item, admission)
            for item in step.conversations
            if admission.admits("conversation", item.state.conversation_id)
        ],
        aliases=[item for item in step.aliases if item.user_id is None or admission.admits("user", item.user_id)],
        sets=[
            item
            for item in step.sets
            if admission.admits("user", item.parent_id) and admission.admits("conversation", item.parent_id)
        ],
    )


def _user(item: Snapshot[UserState], admission: Admission) -> Snapshot[UserState]:
    merged_into = item.state.merged_into
    if merged_into is None or admission.admits("user", merged_into):
        return item
    return Snapshot(replace(item.state, merged_into=None), item.version)


def _conversation(item: Snapshot[ConversationState], admission: Admission) -> Snapshot[ConversationState]:
    state = item.state
    if state.via_user_id is not None and not admission.admits("user", state.via_user_id):
        state = replace(state, via_user_id=None)
    cursors = [cursor for cursor in (state.head_id, state.tail_id) if cursor is not None]
    if not all(admission.admits("message", cursor) for cursor in cursors):
        # A cursor would be the id of an erased message; the history is read again instead.
        state = replace(state)
        state.begin_anew()
    return item if state is item.state else Snapshot(state, item.version)
