-- grain: one row per message, in its newest version, unless it or its conversation is gone or restricted
-- key: app_id, conversation_id, message_id
-- unit: conversation
-- view: yes
-- proven by: intermediate.int_messages_ordered
-- A message is told apart by its conversation and id. Finding superseded versions must not touch wide columns: ids are
-- counted by their hash, and only ids that are there twice are compared. A message that nobody knows the time of can't
-- be put in order, and is left out. Instead of the list of the author's subtypes there is a flag for each.
with
doubled as (
    select hash(message_id) as key_hash
    from raw.messages
    group by key_hash
    having count(*) > 1
),

versions as not materialized (
    select
        app_id,
        conversation_id,
        message_id,
        received_at,
        author_type,
        author_subtypes,
        author_user_id,
        source_type,
        source_original_message_at,
        content_type,
        activity,
        deleted,
        exported_at,
        run_id
    from raw.messages
    where received_at is not null
),

newest as (
    select versions.*
    from versions
    anti join doubled on hash(versions.message_id) = doubled.key_hash
    union all
    select versions.*
    from versions
    semi join doubled on hash(versions.message_id) = doubled.key_hash
    qualify row_number() over (
        partition by versions.app_id, versions.conversation_id, versions.message_id
        order by versions.exported_at desc, versions.run_id desc
    ) = 1
),

live as (
    select newest.*
    from newest
    anti join raw.buried as buried_message
        on
            newest.app_id = buried_message.app_id
            and buried_message.entity = 'message'
            and newest.message_id = buried_message.entity_id
            and newest.exported_at <= buried_message.seen_at
    anti join raw.buried as buried_conversation
        on
            newest.app_id = buried_conversation.app_id
            and buried_conversation.entity = 'conversation'
            and newest.conversation_id = buried_conversation.entity_id
            and newest.exported_at <= buried_conversation.seen_at
    anti join raw.restricted as restricted_conversation
        on restricted_conversation.kind = 'conversation' and newest.conversation_id = restricted_conversation.id
    anti join raw.restricted as restricted_user
        on restricted_user.kind = 'user' and newest.author_user_id = restricted_user.id
)

select
    live.app_id,
    live.conversation_id,
    live.message_id,
    live.author_type,
    live.author_user_id,
    live.source_type,
    epoch_ms(live.received_at) as received_ms,
    case when live.deleted then 'deleted' else live.content_type end as content_type,
    case when live.activity is not null then coalesce(live.activity ->> '$.type', '') end as activity_type,
    coalesce(list_contains(live.author_subtypes, 'AI'), false) as has_ai_subtype,
    coalesce(list_contains(live.author_subtypes, 'bot'), false) as has_bot_subtype,
    coalesce(list_contains(live.author_subtypes, 'agent'), false) as has_agent_subtype,
    coalesce(list_contains(live.author_subtypes, 'activity'), false) as has_activity_subtype,
    coalesce(live.deleted, false) as is_deleted,
    epoch_ms(live.received_at) - epoch_ms(live.source_original_message_at) as channel_lag_ms
from live
