-- grain: one row per message
-- key: conversation_no, message_id
-- unit: conversation
-- After which one a message comes, and on which channel.
-- message_no counts the messages of a conversation by moment and id. channel_basis: own (a user's message), delivery (a
-- webhook tells), inferred (user_channel, that of the latest earlier user message that is eligible, else of the client
-- that the participant used last) or none.
-- What sessions are made from: is_previous_user tells whether the eligible message before is a user's. is_after_silence
-- tells that there is none, or that the conversation was closed in between (by end_reason), or that the silence is
-- longer than the limit of that message's channel: late_answer_ms from a user to the business, else gap_ms.
with
-- The limits that hold for all other channels are number 1.
gaps as (
    select
        *,
        row_number() over (order by channel asc nulls first) as gap_no
    from settings.session_gaps
),

coded as (
    select
        messages.*,
        -- The moment times 2048, plus 1 for a user's message, else 2 for each gap_no of the channel of its delivery; -1
        -- where the conversation was closed.
        case
            when messages.end_reason is not null then -1
            when messages.is_eligible then messages.received_ms * 2048 + case
                when messages.class = 'user' then 1
                when messages.delivery_channel is null then 0
                else coalesce(delivery_gaps.gap_no, 1) * 2
            end
        end as code
    from intermediate.int_message_classes as messages
    left join gaps as delivery_gaps on messages.delivery_channel = delivery_gaps.channel
),

ordered as (
    select
        * exclude (code),
        row_number() over (partition by conversation_no order by received_ms, message_id) as message_no,
        last_value(case when class = 'user' and is_eligible then source_type end ignore nulls) over earlier
            as user_channel,
        last_value(code ignore nulls) over earlier as previous_code
    from coded
    window earlier as (
        partition by conversation_no
        order by received_ms, message_id
        rows between unbounded preceding and 1 preceding
    )
),

channeled as (
    select
        *,
        coalesce(previous_code % 2 = 1, false) as is_previous_user,
        coalesce(user_channel, primary_channel) as inferred_channel
    from ordered
)

select
    channeled.conversation_no,
    channeled.message_id,
    channeled.received_ms,
    channeled.message_no,
    channeled.class,
    channeled.end_reason,
    channeled.source_type,
    channeled.content_type,
    channeled.user_channel,
    channeled.user_key,
    channeled.is_ai,
    channeled.is_deleted,
    channeled.is_eligible,
    channeled.is_previous_user,
    case
        when channeled.class = 'user' then channeled.source_type
        else coalesce(channeled.delivery_channel, channeled.inferred_channel)
    end as channel,
    case
        when channeled.class = 'user' then 'own'
        when channeled.delivery_channel is not null then 'delivery'
        when channeled.inferred_channel is not null then 'inferred'
        else 'none'
    end as channel_basis,
    coalesce(channeled.previous_code, -1) < 0 or channeled.received_ms - channeled.previous_code // 2048
    > if(channeled.is_previous_user and channeled.class != 'user', previous_gaps.late_answer_ms, previous_gaps.gap_ms)
        as is_after_silence
from channeled
left join gaps as inferred_gaps on channeled.inferred_channel = inferred_gaps.channel
left join gaps as previous_gaps
    on coalesce(nullif(channeled.previous_code % 2048 // 2, 0), inferred_gaps.gap_no, 1) = previous_gaps.gap_no
