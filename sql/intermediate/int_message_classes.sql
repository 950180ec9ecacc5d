-- grain: one row per message
-- key: conversation_no, message_id
-- unit: conversation
-- view: yes
-- proven by: intermediate.int_messages_ordered
-- Who a message is from. class, the first that fits: system (an activity), user, survey, bot (subtype bot or AI), agent
-- (subtype agent), what settings.source_classes says of the source, unknown. Eligible, which is all that sessions and
-- reply times are made of, are user, agent, bot and unknown; placeholders of deleted messages too, unless the settings
-- exclude them. end_reason is the type of an activity that closes the conversation.
with
classed as (
    select
        conversations.conversation_no,
        messages.message_id,
        messages.received_ms,
        messages.source_type,
        messages.content_type,
        messages.has_ai_subtype as is_ai,
        messages.is_deleted,
        conversations.primary_channel,
        deliveries.channel as delivery_channel,
        case
            when messages.activity_type is not null or messages.has_activity_subtype then 'system'
            when messages.author_type = 'user' then 'user'
            when messages.source_type = 'zd:surveys' then 'survey'
            when messages.has_ai_subtype or messages.has_bot_subtype then 'bot'
            when messages.has_agent_subtype then 'agent'
            else coalesce(source_classes.class, 'unknown')
        -- No keyword where it stands here, and the word of the specification.
        end as class, -- noqa: RF04
        case
            when messages.activity_type in ('ticket:closed', 'conversation:endedByUser', 'ticket:transfer:email')
                then messages.activity_type
        end as end_reason,
        messages.is_deleted and general.exclude_deleted as is_left_out,
        coalesce(user_keys.user_key, messages.author_user_id) as author_key
    from staging.stg_messages as messages
    cross join settings.general as general
    inner join intermediate.int_conversations as conversations
        on messages.app_id = conversations.app_id and messages.conversation_id = conversations.conversation_id
    left join settings.source_classes as source_classes
        on messages.source_type = source_classes.source_type
    left join intermediate.int_user_keys as user_keys
        on messages.app_id = user_keys.app_id and messages.author_user_id = user_keys.user_id
    left join intermediate.int_delivery_channels as deliveries
        on
            messages.app_id = deliveries.app_id
            and messages.conversation_id = deliveries.conversation_id
            and messages.message_id = deliveries.message_id
)

select
    * exclude (is_left_out, author_key),
    if(class = 'user', author_key, null) as user_key,
    class in ('user', 'agent', 'bot', 'unknown') and not is_left_out as is_eligible
from classed
