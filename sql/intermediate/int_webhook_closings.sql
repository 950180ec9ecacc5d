-- grain: one row per message that is the last one before a webhook which ends the session
-- key: conversation_no, after_no
-- unit: conversation
-- Passing or releasing control because the ticket was closed or moved to e-mail ends a session like the activity of
-- that name, where no activity that ends one lies within 60 seconds. The first of several such webhooks counts.
-- after_no is the number of the message before it, next_no that of the next eligible one.
with
webhooks as (
    select
        conversations.conversation_no,
        events.event_id,
        events.created_ms as closed_ms,
        if(events.reason = 'ticketClosed', 'ticket:closed', 'ticket:transfer:email') as end_reason
    from staging.stg_events as events
    inner join intermediate.int_conversations as conversations
        on events.app_id = conversations.app_id and events.conversation_id = conversations.conversation_id
    where
        events.type in ('switchboard:passControl', 'switchboard:releaseControl')
        and events.reason in ('ticketClosed', 'transferToEmail')
),

placed as (
    select
        webhooks.conversation_no,
        webhooks.event_id,
        webhooks.closed_ms,
        webhooks.end_reason,
        max(messages.message_no) filter (
            where (messages.received_ms, messages.message_id) < (webhooks.closed_ms, webhooks.event_id)
        ) as after_no,
        min(messages.message_no) filter (
            where messages.is_eligible
            and (messages.received_ms, messages.message_id) > (webhooks.closed_ms, webhooks.event_id)
        ) as next_no,
        coalesce(bool_or(
            messages.end_reason is not null and abs(messages.received_ms - webhooks.closed_ms) <= 60000
        ), false) as is_told_by_activity
    from webhooks
    inner join intermediate.int_messages_ordered as messages
        on webhooks.conversation_no = messages.conversation_no
    group by all
)

select
    conversation_no,
    after_no,
    min(next_no) as next_no,
    min(closed_ms) as closed_ms,
    arg_min(end_reason, row(closed_ms, event_id)) as end_reason
from placed
where not is_told_by_activity and after_no is not null
group by conversation_no, after_no
