-- grain: one row per conversation with messages
-- key: conversation_no
-- unit: conversation
-- How many messages of which class a conversation has, between which moments, and who wrote the first user message.
-- Placeholders of deleted messages are in n_messages and in the first and last moment only, if the settings exclude
-- them. read_ms is the moment up to which the conversation is known (metrics.md, R7): its newest message, the newest
-- run that wrote one, or the app's last complete run if that reached it. is_left_truncated: the history was not read to
-- its start, or begins more than an hour behind the creation while messages are kept for a limited time only.
with
counted as (
    select
        messages.*,
        if(messages.is_deleted and general.exclude_deleted, false, true) as is_counted
    from intermediate.int_messages_ordered as messages
    cross join settings.general as general
),

summed as (
    select
        conversation_no,
        count(*) as n_messages,
        count(*) filter (where class = 'user' and is_counted) as n_user,
        count(*) filter (where class = 'agent' and is_counted) as n_agent,
        count(*) filter (where class = 'bot' and is_counted) as n_bot,
        count(*) filter (where class = 'unknown' and is_counted) as n_unknown,
        count(*) filter (where class = 'system' and is_counted) as n_system,
        count(*) filter (where class = 'survey' and is_counted) as n_survey,
        min(received_ms) as first_message_ms,
        max(received_ms) as last_message_ms
    from counted
    group by conversation_no
),

first_users as (
    select
        conversation_no,
        min(received_ms) filter (where is_eligible) as first_user_ms,
        arg_min_null(channel, message_no) filter (where is_eligible) as first_channel,
        arg_min_null(user_key, message_no) as user_key
    from intermediate.int_messages_ordered
    -- To look at few rows: the first one follows no channel of an earlier one.
    where class = 'user' and user_channel is null
    group by conversation_no
)

select
    summed.*,
    first_users.first_user_ms,
    first_users.first_channel,
    conversations.conversation_type,
    conversations.is_with_agents,
    case
        when conversations.conversation_type = 'sdkGroup' then null
        when first_users.conversation_no is not null then first_users.user_key
        else conversations.participant_key
    end as user_key,
    greatest(summed.last_message_ms, conversations.last_run_ms, conversations.app_read_ms) as read_ms,
    not conversations.is_complete or (
        conversations.has_retention
        and coalesce(summed.first_message_ms - conversations.created_ms > 3600000, false)
    ) as is_left_truncated
from summed
inner join intermediate.int_conversations as conversations
    on summed.conversation_no = conversations.conversation_no
left join first_users
    on summed.conversation_no = first_users.conversation_no
