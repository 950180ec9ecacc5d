-- grain: one row per webhook event about a conversation that is still there, however often it was delivered
-- key: app_id, event_id
-- unit: conversation
-- Only what the models need of the payload is taken out of it, and only of the events that have it: control of the
-- conversation (switchboard:...) and delivery of messages (conversation:message:delivery:...).
with newest as (
    select
        app_id,
        event_id,
        type,
        created_at,
        conversation_id,
        user_id,
        message_id,
        exported_at,
        case
            when starts_with(type, 'switchboard:') or starts_with(type, 'conversation:message:delivery:')
                then payload
        end as payload
    from raw.events
    where conversation_id is not null
    qualify row_number() over (
        partition by app_id, event_id
        order by exported_at desc, run_id desc
    ) = 1
)

select
    newest.app_id,
    newest.event_id,
    newest.conversation_id,
    newest.message_id,
    newest.user_id,
    newest.type,
    newest.payload ->> '$.reason' as reason,
    newest.payload ->> '$.conversation.activeSwitchboardIntegration.id' as active_switchboard_integration_id,
    newest.payload ->> '$.conversation.activeSwitchboardIntegration.integrationType' as active_integration_type,
    newest.payload ->> '$.conversation.pendingSwitchboardIntegration.id' as pending_switchboard_integration_id,
    newest.payload ->> '$.conversation.pendingSwitchboardIntegration.integrationType' as pending_integration_type,
    newest.payload ->> '$.destination.type' as destination_type,
    newest.payload ->> '$.error.code' as error_code,
    coalesce(newest.payload ->> '$.isFinalEvent' = 'true', false) as is_final_event,
    make_timestamp(epoch_ms(newest.created_at) * 1000) as created_at,
    epoch_ms(newest.created_at) as created_ms
from newest
anti join raw.buried as buried
    on
        newest.app_id = buried.app_id
        and buried.entity = 'conversation'
        and newest.conversation_id = buried.entity_id
        and newest.exported_at <= buried.seen_at
anti join raw.restricted as restricted_conversation
    on restricted_conversation.kind = 'conversation' and newest.conversation_id = restricted_conversation.id
anti join raw.restricted as restricted_user
    on restricted_user.kind = 'user' and newest.user_id = restricted_user.id
