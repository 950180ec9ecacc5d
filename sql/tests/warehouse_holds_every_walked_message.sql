-- Every conversation that was read whole is in the warehouse, with all messages that were read of it.
with
-- Conversations of which some messages, or all, are not to be seen.
hidden as (
    select
        messages.app_id,
        messages.conversation_id
    from raw.messages as messages
    semi join raw.restricted as restricted_things
        on restricted_things.id in (messages.author_user_id, messages.conversation_id)
)

select
    walked.app_id,
    walked.conversation_id,
    walked.n_messages as n_walked,
    conversations.n_messages
from raw.walked_conversations as walked
left join marts.fct_conversations as conversations
    on walked.app_id = conversations.app_id and walked.conversation_id = conversations.conversation_id
anti join hidden
    on walked.app_id = hidden.app_id and walked.conversation_id = hidden.conversation_id
where coalesce(conversations.n_messages, -1) < walked.n_messages
