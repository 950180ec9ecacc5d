-- grain: one row per conversation, in its newest version, unless it is gone
-- key: app_id, conversation_id
-- unit: conversation
with newest as (
    select
        app_id,
        conversation_id,
        type,
        is_default,
        created_at,
        last_updated_at,
        business_last_read_at,
        active_switchboard_integration_id,
        active_switchboard_integration,
        pending_switchboard_integration_id,
        pending_switchboard_integration,
        exported_at
    from raw.conversations
    qualify row_number() over (
        partition by app_id, conversation_id
        order by exported_at desc, run_id desc
    ) = 1
)

select
    newest.app_id,
    newest.conversation_id,
    newest.type as conversation_type,
    newest.active_switchboard_integration_id,
    newest.pending_switchboard_integration_id,
    newest.is_default,
    newest.active_switchboard_integration ->> '$.integrationType' as active_integration_type,
    newest.pending_switchboard_integration ->> '$.integrationType' as pending_integration_type,
    make_timestamp(epoch_ms(newest.created_at) * 1000) as created_at,
    epoch_ms(newest.created_at) as created_ms,
    make_timestamp(epoch_ms(newest.last_updated_at) * 1000) as last_updated_at,
    make_timestamp(epoch_ms(newest.business_last_read_at) * 1000) as business_last_read_at,
    make_timestamp(epoch_ms(newest.exported_at) * 1000) as exported_at,
    epoch_ms(newest.exported_at) as exported_ms
from newest
anti join raw.buried as buried
    on
        newest.app_id = buried.app_id
        and buried.entity = 'conversation'
        and newest.conversation_id = buried.entity_id
        and newest.exported_at <= buried.seen_at
anti join raw.restricted as restricted_conversation
    on restricted_conversation.kind = 'conversation' and newest.conversation_id = restricted_conversation.id
