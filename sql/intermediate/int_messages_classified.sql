-- grain: one row per message
-- key: app_id, conversation_id, message_id
-- unit: conversation
-- Who a message is from (class), on which channel, when, and after which one.
-- class, the first that fits: system (an activity), user, survey, bot (subtype bot or AI), agent (subtype agent), what
-- settings.source_classes says of the source, unknown. Eligible, which is all that sessions and reply times are made
-- of, are user, agent, bot and unknown; placeholders of deleted messages too, unless the settings exclude them.
-- channel_basis: own (a user's message), delivery (a webhook tells), inferred (user_channel, which is that of the
-- latest earlier user message that is eligible, else of the client that the participant used last) or none.
-- What sessions are made from: is_previous_user tells whether the eligible message before is a user's. is_after_silence
-- tells that there is none, or that the conversation was closed in between (by end_reason, the type of the activity),
-- or that the silence is longer than the limit of that message's channel: late_answer_ms from a user to the business,
-- else gap_ms.
with
-- The limits that hold for all other channels are number 1.
gaps as (
    select
        *,
        row_number() over (order by channel asc nulls first) as gap_no
    from settings.session_gaps
),

classed as (
    select
        conversations.conversation_no,
        messages.message_id,
        messages.received_ms,
        messages.source_type,
        messages.content_type,
        messages.has_ai_subtype,
        messages.is_deleted,
        deliveries.channel as delivery_channel,
        if(deliveries.channel is null, 0, coalesce(delivery_gaps.gap_no, 1)) as delivery_gap_no,
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
        coalesce(user_keys.user_key, messages.author_user_id) as user_key
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
    left join gaps as delivery_gaps
        on deliveries.channel = delivery_gaps.channel
),

marked as (
    select
        *,
        class in ('user', 'agent', 'bot', 'unknown') and not is_left_out as is_eligible
    from classed
),

ordered as (
    select
        *,
        row_number() over message_order as message_no,
        last_value(case when class = 'user' and is_eligible then source_type end ignore nulls) over earlier
            as user_channel,
        -- The moment times 2048, plus 1 for a user's message, else 2 for each gap_no of the channel of its delivery; -1
        -- where the conversation was closed since.
        last_value(
            case
                when end_reason is not null then -1
                when is_eligible then received_ms * 2048 + if(class = 'user', 1, delivery_gap_no * 2)
            end ignore nulls
        ) over earlier as previous_code
    from marked
    window
        message_order as (partition by conversation_no order by received_ms, message_id),
        earlier as (
            partition by conversation_no
            order by received_ms, message_id
            rows between unbounded preceding and 1 preceding
        )
),

channeled as (
    select
        ordered.*,
        conversations.app_id,
        conversations.conversation_id,
        conversations.conversation_type,
        ordered.previous_code % 2 = 1 as is_previous_user,
        coalesce(ordered.user_channel, conversations.primary_channel) as inferred_channel,
        if(
            ordered.class = 'user',
            ordered.source_type,
            coalesce(ordered.delivery_channel, ordered.user_channel, conversations.primary_channel)
        ) as channel
    from ordered
    inner join intermediate.int_conversations as conversations
        on ordered.conversation_no = conversations.conversation_no
)

select
    channeled.app_id,
    channeled.conversation_id,
    channeled.conversation_type,
    channeled.message_id,
    channeled.received_ms,
    channeled.message_no,
    channeled.class,
    channeled.has_ai_subtype as is_ai,
    channeled.is_deleted,
    channeled.is_eligible,
    channeled.source_type,
    channeled.content_type,
    channeled.channel,
    time_slots.local_date,
    time_slots.local_hour,
    time_slots.local_weekday,
    channeled.conversation_no,
    channeled.end_reason,
    channeled.user_channel,
    coalesce(channeled.is_previous_user, false) as is_previous_user,
    make_timestamp(channeled.received_ms * 1000) as received,
    if(channeled.class = 'user', channeled.user_key, null) as user_key,
    coalesce(families.channel_family, channeled.channel) as channel_family,
    case
        when channeled.class = 'user' then 'own'
        when channeled.delivery_channel is not null then 'delivery'
        when channeled.inferred_channel is not null then 'inferred'
        else 'none'
    end as channel_basis,
    coalesce(channeled.previous_code, -1) < 0 or channeled.received_ms - channeled.previous_code // 2048 > if(
        channeled.is_previous_user and channeled.class != 'user', previous_gaps.late_answer_ms, previous_gaps.gap_ms
    ) as is_after_silence
from channeled
left join gaps as inferred_gaps
    on channeled.inferred_channel = inferred_gaps.channel
left join gaps as previous_gaps
    on coalesce(nullif(channeled.previous_code % 2048 // 2, 0), inferred_gaps.gap_no, 1) = previous_gaps.gap_no
left join settings.time_slots as time_slots
    on channeled.received_ms // 900000 = time_slots.slot
left join settings.channel_families as families
    on channeled.channel = families.channel
