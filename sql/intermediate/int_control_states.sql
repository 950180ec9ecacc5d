-- grain: one row per moment at which it was told who is in control of a conversation
-- key: app_id, conversation_id, created_at
-- unit: conversation
-- By events of accepted, passed and released control (basis webhook), and by the newest export if it is later than all
-- of them (basis snapshot). switchboard_integration_id is null where nobody is in control; is_reconciled marks an
-- export that can be held against events. Of several events at the same moment the last by id tells.
with
events as (
    select
        app_id,
        conversation_id,
        event_id,
        created_at,
        created_ms,
        active_integration_type as integration_type,
        if(type = 'switchboard:releaseControl', null, active_switchboard_integration_id) as switchboard_integration_id
    from staging.stg_events
    where
        type in ('switchboard:acceptControl', 'switchboard:passControl', 'switchboard:releaseControl')
        and created_at is not null
),

newest_events as (
    select
        app_id,
        conversation_id,
        max(created_ms) as created_ms
    from events
    group by app_id, conversation_id
),

snapshots as (
    select
        conversations.app_id,
        conversations.conversation_id,
        conversations.exported_at as created_at,
        conversations.exported_ms as created_ms,
        conversations.active_integration_type as integration_type,
        conversations.active_switchboard_integration_id as switchboard_integration_id,
        newest_events.created_ms is not null as is_reconciled
    from staging.stg_conversations as conversations
    left join newest_events
        on
            conversations.app_id = newest_events.app_id
            and conversations.conversation_id = newest_events.conversation_id
    where newest_events.created_ms is null or newest_events.created_ms < conversations.exported_ms
),

states as (
    select
        *,
        'webhook' as basis,
        false as is_reconciled
    from events
    union all by name
    select
        *,
        'snapshot' as basis
    from snapshots
)

select *
from states
qualify
    lead(created_ms) over (partition by app_id, conversation_id order by created_ms, event_id)
    is distinct from created_ms
