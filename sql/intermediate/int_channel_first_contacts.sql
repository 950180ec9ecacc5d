-- grain: one row per user who wrote at least one message
-- key: app_id, user_key
-- stored: yes
-- column app_id: Id of the app.
-- column user_key: Id of the user after merges.
-- column first_ms: Moment of the user's first inbound message in the lake, in milliseconds since 1970 in UTC.
-- column channel: Channel of that message; of several at the same moment the first by name.
-- column local_date: Date of that message in the configured time zone.
-- column is_truncated: Whether there may be earlier messages of the user that the lake does not hold.
-- Truncated is who takes part in a conversation that was created before this message and whose history the lake does
-- not hold from its start (cut by the platform's limit or by retention, or not read yet); one that was created at an
-- unknown time counts as created before.
with
hours as (
    select * from intermediate.int_conversation_hours
    where class = 'user' and user_key <> 'none'
),

truncated_sessions as (
    select * from marts.fct_sessions
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
),

truncated_members as (
    select
        hours.app_id,
        hours.user_key,
        truncated_conversations.created_ms
    from hours
    inner join truncated_conversations
        on
            hours.app_id = truncated_conversations.app_id
            and hours.conversation_id = truncated_conversations.conversation_id
    union all
    select
        app_id,
        user_key,
        created_ms
    from truncated_conversations
    where user_key is not null
),

truncated_users as (
    select
        app_id,
        user_key,
        min(created_ms) as created_ms
    from truncated_members
    group by app_id, user_key
),

first_messages as (
    select
        app_id,
        user_key,
        min(first_ms) as first_ms,
        arg_min(channel, row(first_ms, channel)) as channel,
        arg_min(local_date, first_ms) as local_date
    from hours
    group by app_id, user_key
)

select
    first_messages.*,
    coalesce(truncated_users.created_ms <= first_messages.first_ms, false) as is_truncated
from first_messages
left join truncated_users
    on
        first_messages.app_id = truncated_users.app_id
        and first_messages.user_key = truncated_users.user_key
