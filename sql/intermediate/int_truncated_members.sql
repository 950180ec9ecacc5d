-- grain: one row per user of a conversation whose history the lake does not hold from its start
-- key: app_id, conversation_id, user_key
-- unit: conversation
-- stored: yes
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column user_key: Id of a user who wrote in it, or whose it is, after merges.
-- column created_ms: Moment the conversation was created, in milliseconds since 1970 in UTC; 0 if unknown.
-- not null: created_ms
-- A history is cut by the platform's limit or by retention, or not read yet.
with
truncated_sessions as (
    select distinct
        app_id,
        conversation_id
    from marts.fct_sessions
    where left_truncated
),

truncated_conversations as (
    select
        conversations.app_id,
        conversations.conversation_id,
        conversations.user_key,
        coalesce(conversations.created_ms, 0) as created_ms
    from marts.fct_conversations as conversations
    left join truncated_sessions
        on
            conversations.app_id = truncated_sessions.app_id
            and conversations.conversation_id = truncated_sessions.conversation_id
    where not conversations.is_complete or truncated_sessions.conversation_id is not null
)

select
    app_id,
    conversation_id,
    user_key,
    created_ms
from truncated_conversations
where user_key is not null
union
select
    months.app_id,
    months.conversation_id,
    months.user_key,
    truncated_conversations.created_ms
from intermediate.int_user_months as months
inner join truncated_conversations
    on
        months.app_id = truncated_conversations.app_id
        and months.conversation_id = truncated_conversations.conversation_id
