-- grain: one row per conversation, author, local hour, channel and class of its messages
-- key: app_id, conversation_id, user_key, local_date, local_hour, channel, class
-- unit: conversation
-- stored: yes
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column user_key: Id of the user who wrote the messages, after merges; 'none' for other classes and unnamed authors.
-- column local_date: Date of the messages in the configured time zone.
-- column local_hour: Hour of that day by the clock on the wall, 0 to 23.
-- column local_weekday: 1 for Monday to 7 for Sunday.
-- column channel: Channel of the messages; 'none' where it is not known.
-- column class: user, agent, bot, unknown, system or survey.
-- column n: Number of messages.
-- column n_inferred: How many of them have a channel that was inferred from other messages.
-- column first_ms: Moment of the first of them, in milliseconds since 1970 in UTC.
-- check: n > 0
-- check: n_inferred between 0 and n
-- check: user_key = 'none' or class = 'user'
-- What all counts of messages by day, hour and channel are summed from, so that they can't disagree. Every message
-- counts, also of groups; placeholders of deleted messages do not if the settings say so.
with
messages as (
    select
        ordered.conversation_no,
        time_slots.local_date,
        time_slots.local_hour,
        time_slots.local_weekday,
        ordered.class,
        ordered.received_ms,
        ordered.channel_basis,
        coalesce(ordered.channel, 'none') as channel,
        coalesce(ordered.user_key, 'none') as user_key
    from intermediate.int_messages_ordered as ordered
    cross join settings.general as general
    left join settings.time_slots as time_slots
        on ordered.received_ms // 900000 = time_slots.slot
    where not (general.exclude_deleted and ordered.is_deleted)
),

counted as (
    select
        conversation_no,
        user_key,
        local_date,
        local_hour,
        local_weekday,
        channel,
        class,
        count(*) as n,
        count(*) filter (where channel_basis = 'inferred') as n_inferred,
        min(received_ms) as first_ms
    from messages
    group by all
)

select
    conversations.app_id,
    conversations.conversation_id,
    counted.user_key,
    counted.local_date,
    counted.local_hour,
    counted.local_weekday,
    counted.channel,
    counted.class,
    counted.n,
    counted.n_inferred,
    counted.first_ms
from counted
inner join intermediate.int_conversations as conversations
    on counted.conversation_no = conversations.conversation_no
