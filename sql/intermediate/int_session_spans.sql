-- grain: one row per session
-- key: conversation_no, session_no
-- unit: conversation
-- Between which messages a session lies, who took part, and when they first did; what follows it.
with
summed as (
    select
        conversation_no,
        session_no,
        cast(sum(n_user) as bigint) as n_user,
        cast(sum(n_agent) as bigint) as n_agent,
        cast(sum(n_bot) as bigint) as n_bot,
        cast(sum(n_unknown) as bigint) as n_unknown,
        arg_min(first_message_id, block_no) as first_message_id,
        arg_min_null(first_channel, block_no) as first_channel,
        arg_max(last_class, block_no) as last_class,
        min(first_no) as first_no,
        min(first_ms) as started_ms,
        max(last_no) as last_no,
        max(last_ms) as last_ms,
        min(block_no) filter (where n_user > 0) as first_block_no,
        min(first_no) filter (where n_user > 0) as first_user_no,
        min(first_ms) filter (where n_user > 0) as first_user_ms,
        arg_min_null(first_channel, block_no) filter (where n_user > 0) as first_user_channel,
        min(reply_ms) as first_reply_ms,
        min(agent_ms) filter (where n_user > 0) as first_agent_ms,
        min(bot_ms) filter (where n_user > 0) as first_bot_ms,
        coalesce(max(last_agent_no) > min(bot_no), false) as has_agent_after_bot
    from intermediate.int_session_blocks
    group by conversation_no, session_no
)

select
    *,
    coalesce(first_user_no = first_no, false) as is_user_initiated,
    lead(first_no) over session_order as next_first_no,
    lead(started_ms) over session_order as next_started_ms,
    lead(coalesce(first_user_no = first_no, false)) over session_order as is_next_user_initiated
from summed
window session_order as (partition by conversation_no order by session_no)
