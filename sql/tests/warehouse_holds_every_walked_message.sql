-- Every conversation that was read whole is in the warehouse, with all messages that were read of it.
select
    walked.app_id,
    walked.conversation_id,
    walked.n_messages as n_walked,
    conversations.n_messages
from raw.walked_conversations as walked
left join marts.fct_conversations as conversations
    on walked.app_id = conversations.app_id and walked.conversation_id = conversations.conversation_id
where coalesce(conversations.n_messages, -1) < walked.n_messages
