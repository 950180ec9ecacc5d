-- grain: one row per webhook that tells of control offered or passed to agents
-- key: app_id, event_id
-- unit: conversation
-- Agents are integrations of the types in settings.agent_integration_types.
with
targets as (
    select
        app_id,
        conversation_id,
        event_id,
        created_ms,
        if(
            type = 'switchboard:offerControl', pending_switchboard_integration_id, active_switchboard_integration_id
        ) as switchboard_integration_id,
        if(type = 'switchboard:offerControl', pending_integration_type, active_integration_type) as integration_type
    from staging.stg_events
    where type in ('switchboard:offerControl', 'switchboard:passControl') and created_ms is not null
)

select
    targets.app_id,
    targets.event_id,
    conversations.conversation_no,
    targets.created_ms
from targets
inner join intermediate.int_conversations as conversations
    on targets.app_id = conversations.app_id and targets.conversation_id = conversations.conversation_id
left join staging.stg_switchboard_integrations as controllers
    on
        targets.app_id = controllers.app_id
        and targets.switchboard_integration_id = controllers.switchboard_integration_id
semi join settings.agent_integration_types as agent_types
    on coalesce(targets.integration_type, controllers.integration_type) = agent_types.integration_type
