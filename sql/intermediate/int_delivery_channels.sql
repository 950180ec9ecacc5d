-- grain: one row per message that webhooks tell the delivery of
-- key: app_id, conversation_id, message_id
-- unit: conversation
-- The channel that a message went out on, as the newest event of its delivery says, by (createdAt, id).
select
    app_id,
    conversation_id,
    message_id,
    arg_max(destination_type, row(created_ms, event_id)) as channel
from staging.stg_events
where
    type in (
        'conversation:message:delivery:channel',
        'conversation:message:delivery:user',
        'conversation:message:delivery:failure'
    )
    and message_id is not null
    and destination_type is not null
    and created_ms is not null
group by app_id, conversation_id, message_id
