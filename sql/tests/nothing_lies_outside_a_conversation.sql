-- Every session and every counted message belongs to a conversation that is there.
with
parts as (
    select
        app_id,
        conversation_id,
        'fct_sessions' as part
    from marts.fct_sessions
    union
    select
        app_id,
        conversation_id,
        'int_conversation_hours' as part
    from intermediate.int_conversation_hours
    union
    select
        app_id,
        conversation_id,
        'int_conversation_content' as part
    from intermediate.int_conversation_content
)

select parts.*
from parts
anti join marts.fct_conversations as conversations
    on parts.app_id = conversations.app_id and parts.conversation_id = conversations.conversation_id
