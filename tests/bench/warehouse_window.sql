-- Turns and reply times as a textbook would compute them: one query over the whole lake, windows by conversation.
-- The same rules as sunlake's models under their usual settings, but it neither looks for superseded or erased rows, nor
-- asks who is merged with whom, and of each turn it keeps nothing but the time of its reply.
with
personal as (
    select
        app_id,
        conversation_id
    from conversations
    where type is distinct from 'sdkGroup'
),

classed as (
    select
        messages.app_id,
        messages.conversation_id,
        messages.message_id,
        messages.received_at,
        messages.activity ->> '$.type' in ('ticket:closed', 'conversation:endedByUser', 'ticket:transfer:email')
            as is_closing,
        case
            when messages.activity is not null or list_contains(messages.author_subtypes, 'activity') then 'system'
            when messages.author_type = 'user' then 'user'
            when messages.source_type = 'zd:surveys' then 'survey'
            when list_has_any(messages.author_subtypes, ['AI', 'bot']) then 'bot'
            when list_contains(messages.author_subtypes, 'agent') then 'agent'
            when messages.source_type = 'zd:agentWorkspace' then 'agent'
            when messages.source_type in ('zd:answerBot', 'ultimate') then 'bot'
            else 'unknown'
        end as class
    from messages
    inner join personal
        on messages.app_id = personal.app_id and messages.conversation_id = personal.conversation_id
),

followed as (
    select
        *,
        lag(class) over message_order as previous_class,
        lag(received_at) over message_order as previous_at,
        coalesce(lag(is_closing) over message_order, false) as is_closed_before
    from classed
    where class in ('user', 'agent', 'bot', 'unknown') or is_closing
    window message_order as (partition by app_id, conversation_id order by received_at, message_id)
),

begun as (
    select
        *,
        previous_at is null
        or is_closed_before
        or received_at - previous_at
        > if(class != 'user' and previous_class = 'user', interval 7 days, interval 24 hours) as is_start
    from followed
    where class in ('user', 'agent', 'bot', 'unknown')
),

marked as (
    select
        *,
        class = 'user' and (is_start or previous_class != 'user') as is_turn,
        class != 'user' and previous_class = 'user' and not is_start as is_reply
    from begun
),

numbered as (
    select
        *,
        count(*) filter (where is_turn) over (
            partition by app_id, conversation_id
            order by received_at, message_id
            rows between unbounded preceding and current row
        ) as turn_no
    from marked
),

turns as (
    select
        app_id,
        conversation_id,
        turn_no,
        epoch_ms(min(received_at) filter (where is_reply)) - epoch_ms(min(received_at) filter (where is_turn))
            as reply_ms
    from numbered
    where turn_no > 0
    group by app_id, conversation_id, turn_no
)

select
    app_id,
    count(*) as turns,
    count(reply_ms) as answered,
    cast(sum(reply_ms) as bigint) as reply_ms
from turns
group by app_id
order by app_id
