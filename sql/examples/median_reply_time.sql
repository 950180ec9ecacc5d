-- grain: one row per channel
-- How long users wait: for each block of user messages the seconds from its first message to the next business message,
-- by the channel of that first message. Blocks that got no reply (unanswered_count) have no time.
with turns as (
    select
        app_id,
        conversation_id,
        message_id,
        received_at,
        author_type,
        source_type,
        lag(author_type) over message_order as previous_author_type
    from messages
    where author_type in ('user', 'business')
    window message_order as (partition by app_id, conversation_id order by received_at, message_id)
),

-- A row for the first message of each block, user's or business's; they alternate.
blocks as (
    select
        author_type,
        source_type,
        received_at,
        lead(received_at) over (
            partition by app_id, conversation_id order by received_at, message_id
        ) as next_block_at
    from turns
    where author_type is distinct from previous_author_type
),

waits as (
    select
        source_type,
        epoch_ms(next_block_at) - epoch_ms(received_at) as wait_ms
    from blocks
    where author_type = 'user'
)

select
    source_type,
    count(wait_ms) as reply_count,
    count(*) - count(wait_ms) as unanswered_count,
    round(median(wait_ms) / 1000, 1) as median_seconds,
    round(quantile_cont(wait_ms, 0.9) / 1000, 1) as p90_seconds
from waits
group by source_type
order by reply_count desc, source_type asc
