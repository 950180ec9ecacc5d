-- grain: one row per conversation that is there, or that a message was ever found in
-- key: app_id, conversation_id
-- unit: conversation
-- conversation_no is a number for this pass only: joins and windows are quicker on it than on ids. Channel and user are
-- those of the participant with the least id that has one. last_run_ms is the start of the newest run that wrote one of
-- its messages, app_read_ms that of the app's last complete run, if it reached the conversation.
with
known as (
    select
        conversations.conversation_type,
        conversations.active_switchboard_integration_id,
        conversations.active_integration_type,
        conversations.created_at,
        conversations.created_ms,
        cast('0x' || nullif(ids.last_run, '') as bigint) as last_run_ms,
        coalesce(conversations.app_id, ids.app_id) as app_id,
        coalesce(conversations.conversation_id, ids.conversation_id) as conversation_id,
        conversations.conversation_id is not null as is_there
    from staging.stg_conversations as conversations
    full join staging.stg_conversation_ids as ids
        on conversations.app_id = ids.app_id and conversations.conversation_id = ids.conversation_id
),

members as (
    select
        app_id,
        conversation_id,
        arg_min(user_id, participant_id) as participant_user_id,
        arg_min(primary_channel, participant_id) as primary_channel
    from staging.stg_participants
    group by app_id, conversation_id
),

incomplete as (
    select distinct
        app_id,
        conversation_id
    from raw.incomplete_conversations
),

agent_types as (
    select distinct integration_type from settings.agent_integration_types
)

select
    known.app_id,
    known.conversation_id,
    known.conversation_type,
    known.created_at,
    known.created_ms,
    known.is_there,
    known.last_run_ms,
    members.primary_channel,
    cast(row_number() over () as integer) as conversation_no,
    coalesce(user_keys.user_key, members.participant_user_id) as participant_key,
    incomplete.conversation_id is null as is_complete,
    agent_types.integration_type is not null as is_with_agents,
    coalesce(apps.conversation_retention_seconds > 0, false) as has_retention,
    if(incomplete.conversation_id is null, progress.as_of_ms, null) as app_read_ms
from known
left join members
    on known.app_id = members.app_id and known.conversation_id = members.conversation_id
left join intermediate.int_user_keys as user_keys
    on members.app_id = user_keys.app_id and members.participant_user_id = user_keys.user_id
left join incomplete
    on known.app_id = incomplete.app_id and known.conversation_id = incomplete.conversation_id
left join raw.app_as_of as progress
    on known.app_id = progress.app_id
left join staging.stg_apps as apps
    on known.app_id = apps.app_id
left join staging.stg_switchboard_integrations as controllers
    on
        known.app_id = controllers.app_id
        and known.active_switchboard_integration_id = controllers.switchboard_integration_id
left join agent_types
    on coalesce(known.active_integration_type, controllers.integration_type) = agent_types.integration_type
