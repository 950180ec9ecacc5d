-- grain: one row per conversation that is there, or has messages
-- key: app_id, conversation_id
-- unit: conversation
-- moves: as_of_ms, as_of
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column conversation_type: personal or sdkGroup; null if not told, which counts as personal.
-- column user_key: Id of the user after merges: the author of the first user message, else the participant; null in
--     groups.
-- column first_channel: Channel of the first user message; 'none' if there is none, or it is not known.
-- column created_at: Moment the conversation was created, in UTC.
-- column created_ms: created_at in milliseconds since 1970.
-- column first_message_at: Moment of the first message that is there, in UTC.
-- column last_message_at: Moment of the last message, in UTC.
-- column first_user_at: Moment of the first user message, in UTC.
-- column first_user_ms: first_user_at in milliseconds since 1970.
-- column as_of: Moment up to which the conversation is known, in UTC.
-- column as_of_ms: as_of in milliseconds since 1970.
-- column n_messages: Number of messages of all classes, with placeholders of deleted ones even if those do not count.
-- column n_user: Number of messages of writers.
-- column n_agent: Number of messages of agents.
-- column n_bot: Number of messages of bots.
-- column n_unknown: Number of messages of the business that may be an agent's or a bot's.
-- column n_system: Number of activities, such as a closed ticket.
-- column n_survey: Number of messages of satisfaction surveys.
-- column n_sessions: Number of sessions; 0 in groups, unless the settings include them.
-- column is_complete: Whether the export read its history to the start, in the app's last complete run.
-- column local_date: Date of its creation (of its first message, if that is unknown) in the configured time zone.
-- check: n_user + n_agent + n_bot + n_unknown + n_system + n_survey <= n_messages
-- check: first_message_at <= last_message_at
-- not null: first_channel, n_messages, n_user, n_agent, n_bot, n_unknown, n_system, n_survey, n_sessions, is_complete
-- What there is, groups included. as_of is how far the conversation was read (its newest message, the run that wrote
-- it, or the app's last complete run that reached it); from the moment its last session is settled, it is that moment,
-- so that time alone never changes an old conversation. If the settings exclude placeholders of deleted messages, only
-- n_messages and the first and last moment count them.
with
sessions as (
    select
        conversation_no,
        count(*) as n_sessions,
        any_value(conversation_as_of_ms) as as_of_ms
    from intermediate.int_sessions
    group by conversation_no
),

described as (
    select
        conversations.app_id,
        conversations.conversation_id,
        conversations.conversation_type,
        conversations.created_at,
        conversations.created_ms,
        conversations.is_complete,
        spans.first_user_ms,
        time_slots.local_date,
        if(
            spans.conversation_no is null and conversations.conversation_type is distinct from 'sdkGroup',
            conversations.participant_key,
            spans.user_key
        ) as user_key,
        coalesce(spans.first_channel, 'none') as first_channel,
        make_timestamp(spans.first_message_ms * 1000) as first_message_at,
        make_timestamp(spans.last_message_ms * 1000) as last_message_at,
        make_timestamp(spans.first_user_ms * 1000) as first_user_at,
        coalesce(sessions.as_of_ms, spans.read_ms, conversations.app_read_ms) as as_of_ms,
        coalesce(spans.n_messages, 0) as n_messages,
        coalesce(spans.n_user, 0) as n_user,
        coalesce(spans.n_agent, 0) as n_agent,
        coalesce(spans.n_bot, 0) as n_bot,
        coalesce(spans.n_unknown, 0) as n_unknown,
        coalesce(spans.n_system, 0) as n_system,
        coalesce(spans.n_survey, 0) as n_survey,
        coalesce(sessions.n_sessions, 0) as n_sessions
    from intermediate.int_conversations as conversations
    left join intermediate.int_conversation_spans as spans
        on conversations.conversation_no = spans.conversation_no
    left join sessions
        on conversations.conversation_no = sessions.conversation_no
    left join settings.time_slots as time_slots
        on coalesce(conversations.created_ms, spans.first_message_ms) // 900000 = time_slots.slot
    where conversations.is_there or spans.conversation_no is not null
),

dated as (
    select
        *,
        make_timestamp(as_of_ms * 1000) as as_of
    from described
)

select
    app_id,
    conversation_id,
    conversation_type,
    user_key,
    first_channel,
    created_at,
    created_ms,
    first_message_at,
    last_message_at,
    first_user_at,
    first_user_ms,
    as_of,
    as_of_ms,
    n_messages,
    n_user,
    n_agent,
    n_bot,
    n_unknown,
    n_system,
    n_survey,
    n_sessions,
    is_complete,
    local_date
from dated
