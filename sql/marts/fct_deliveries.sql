-- grain: one row per message and destination type that delivery events tell of
-- key: app_id, conversation_id, message_id, destination_type
-- unit: conversation
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column message_id: Id of the message that was sent.
-- column destination_type: Channel that it was sent to; 'none' if not told.
-- column final_type: channel, user or failure: what the latest final event says; null while in flight.
-- column is_failed: Whether the latest final event is a failure; null while in flight.
-- column error_code: Error code of that failure; null if there is none.
-- column n_events: Number of delivery events, each counted once however often it was sent.
-- column last_event_at: Moment of the latest event, in UTC.
-- column local_date: Date of the earliest event in the configured time zone.
-- check: final_type in ('channel', 'user', 'failure')
-- check: is_failed = (final_type = 'failure')
-- check: error_code is null or is_failed
-- check: n_events > 0
-- not null: last_event_at, local_date
-- Whether messages arrived, by webhook; empty without webhooks. An event that is not final may be followed by others: a
-- failure is tried again, and what the channel accepted may still reach the user or fail. Latest is by (createdAt, id),
-- since webhooks arrive in any order.
with
events as (
    select
        app_id,
        conversation_id,
        message_id,
        event_id,
        created_at,
        created_ms,
        error_code,
        is_final_event,
        split_part(type, ':', 4) as delivery_type,
        coalesce(destination_type, 'none') as destination_type
    from staging.stg_events
    where
        type in (
            'conversation:message:delivery:channel',
            'conversation:message:delivery:failure',
            'conversation:message:delivery:user'
        )
        and message_id is not null
        and created_at is not null
),

deliveries as (
    select
        app_id,
        conversation_id,
        message_id,
        destination_type,
        min(created_ms) // 900000 as slot,
        max(created_at) as last_event_at,
        count(*) as n_events,
        arg_max(
            struct_pack(delivery_type := delivery_type, error_code := error_code),
            row(created_ms, event_id)
        ) filter (where is_final_event) as final_event
    from events
    group by app_id, conversation_id, message_id, destination_type
),

outcomes as (
    select
        deliveries.app_id,
        deliveries.conversation_id,
        deliveries.message_id,
        deliveries.destination_type,
        deliveries.n_events,
        deliveries.last_event_at,
        time_slots.local_date,
        deliveries.final_event.delivery_type as final_type,
        deliveries.final_event.delivery_type = 'failure' as is_failed,
        if(deliveries.final_event.delivery_type = 'failure', deliveries.final_event.error_code, null) as error_code
    from deliveries
    left join settings.time_slots as time_slots
        on deliveries.slot = time_slots.slot
)

select
    app_id,
    conversation_id,
    message_id,
    destination_type,
    final_type,
    is_failed,
    error_code,
    n_events,
    last_event_at,
    local_date
from outcomes
