-- grain: one row per stretch of time in which one switchboard integration is in control of a conversation
-- key: app_id, conversation_id, from_at
-- unit: conversation
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column switchboard_integration_id: Id of the switchboard integration in control.
-- column integration_type: Type of the integration behind it, such as zd:agentWorkspace.
-- column from_at: Moment it got control, or with basis snapshot the export that found it in control, in UTC.
-- column to_at: Moment control went elsewhere or was released, in UTC; null while it lasts.
-- column basis: webhook if an event tells of the start, snapshot if only an export does.
-- column gap: Whether control moved without an event at its start or end, so that this end was earlier than told.
-- column local_date: Date of from_at in the configured time zone.
-- check: to_at > from_at
-- check: basis in ('webhook', 'snapshot')
-- not null: switchboard_integration_id, basis, gap, local_date
-- Who was in control of a conversation, bot or agents, and for how long. Accepted and passed control starts a stretch,
-- released control ends it; offers and failures change nothing. Nobody knows who was in control before the first event.
-- Deleting an integration moves control without any event: where the newest export finds another one in control than
-- the events before it say, the change is dated to that export and marked as a gap. Without webhooks there is at most
-- this one row per conversation, and its durations mean nothing.
with
changes as (
    select *
    from intermediate.int_control_states
    qualify
        switchboard_integration_id is distinct from lag(switchboard_integration_id) over (
            partition by app_id, conversation_id order by created_ms
        )
),

intervals as (
    select
        app_id,
        conversation_id,
        switchboard_integration_id,
        integration_type,
        created_at as from_at,
        created_ms,
        basis,
        lead(created_at) over changes_in_order as to_at,
        is_reconciled or coalesce(lead(is_reconciled) over changes_in_order, false) as gap
    from changes
    window changes_in_order as (partition by app_id, conversation_id order by created_ms)
),

dated as (
    select
        intervals.app_id,
        intervals.conversation_id,
        intervals.switchboard_integration_id,
        intervals.from_at,
        intervals.to_at,
        intervals.basis,
        intervals.gap,
        time_slots.local_date,
        coalesce(intervals.integration_type, switchboard_integrations.integration_type) as integration_type
    from intervals
    left join staging.stg_switchboard_integrations as switchboard_integrations
        on
            intervals.app_id = switchboard_integrations.app_id
            and intervals.switchboard_integration_id = switchboard_integrations.switchboard_integration_id
    left join settings.time_slots as time_slots
        on intervals.created_ms // 900000 = time_slots.slot
    where intervals.switchboard_integration_id is not null
)

select
    app_id,
    conversation_id,
    switchboard_integration_id,
    integration_type,
    from_at,
    to_at,
    basis,
    gap,
    local_date
from dated
