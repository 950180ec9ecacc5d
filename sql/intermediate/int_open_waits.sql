-- grain: one row per turn or human wait that is not over and has lasted over a full hour of UTC
-- key: app_id, conversation_id, is_human, first_user_ms
-- stored: yes
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column channel: Channel at the arrival; 'none' if not known.
-- column is_human: Whether it is a wait for an agent; else it is a turn.
-- column first_user_ms: Moment of the first user message, in milliseconds since 1970 in UTC.
-- column from_hour: The first full hour at which somebody waited, counted since 1970.
-- column to_hour: The full hour after the newest moment that is known of the app.
-- column local_date: Date of from_hour in the configured time zone.
-- column until_date: Date of the last hour that is known of.
-- check: from_hour < to_hour
-- check: local_date <= until_date
-- not null: channel, from_hour, to_hour, local_date, until_date
-- As intermediate.int_waiting_hours, of those who still wait: until the newest moment that is known of the app.
with
waits as (
    select
        app_id,
        conversation_id,
        channel,
        first_user_ms,
        false as is_human
    from marts.fct_turns
    where closed_ms is null
    union all
    select
        app_id,
        conversation_id,
        channel,
        first_user_ms,
        true as is_human
    from marts.fct_human_waits
    where closed_ms is null and status != 'bot_only'
),

hours as (
    select
        waits.app_id,
        waits.conversation_id,
        waits.is_human,
        waits.first_user_ms,
        coalesce(waits.channel, 'none') as channel,
        (waits.first_user_ms + 3599999) // 3600000 as from_hour,
        newest.as_of_ms // 3600000 + 1 as to_hour
    from waits
    inner join intermediate.int_app_moments as newest
        on waits.app_id = newest.app_id
)

select
    hours.app_id,
    hours.conversation_id,
    hours.channel,
    hours.is_human,
    hours.first_user_ms,
    hours.from_hour,
    hours.to_hour,
    first_slots.local_date,
    last_slots.local_date as until_date
from hours
left join settings.time_slots as first_slots
    on hours.from_hour * 4 = first_slots.slot
left join settings.time_slots as last_slots
    on (hours.to_hour - 1) * 4 = last_slots.slot
where hours.from_hour < hours.to_hour
