-- grain: one row per human block: user messages up to the next message of an agent
-- key: conversation_no, session_no, wait_no
-- unit: conversation
-- Consecutive user blocks of a session, the last of which has the agent's message. It is handed off when a webhook says
-- that control was first offered or passed to agents within it; else with the first user message after the last bot
-- message, or with that bot message if none follows, or, where no bot wrote, with its first user message.
with
blocks as (
    select
        conversation_no,
        session_no,
        block_no,
        n_user,
        first_channel,
        first_message_id,
        first_ms,
        agent_msg_id,
        agent_no,
        agent_ms,
        bot_no,
        bot_ms,
        last_bot_no,
        last_bot_ms,
        count(agent_no) over earlier_blocks + 1 as wait_no,
        lead(first_ms) over session_blocks as next_user_ms
    from intermediate.int_session_blocks
    where n_user > 0
    window
        session_blocks as (partition by conversation_no, session_no order by block_no),
        earlier_blocks as (
            partition by conversation_no, session_no
            order by block_no
            rows between unbounded preceding and 1 preceding
        )
),

-- Blocks in which bots wrote on both sides of the first message of an agent.
mixed_bots as (
    select
        blocks.conversation_no,
        blocks.session_no,
        blocks.block_no,
        max(messages.received_ms) as last_bot_ms
    from intermediate.int_session_blocks as blocks
    inner join intermediate.int_messages_ordered as messages
        on
            blocks.conversation_no = messages.conversation_no
            and messages.message_no between blocks.bot_no and blocks.agent_no
    where
        blocks.n_user > 0 and blocks.bot_no < blocks.agent_no and blocks.agent_no < blocks.last_bot_no
        and messages.class = 'bot' and messages.is_eligible
    group by blocks.conversation_no, blocks.session_no, blocks.block_no
),

bots as (
    select
        blocks.*,
        case
            when blocks.last_bot_no < coalesce(blocks.agent_no, blocks.last_bot_no + 1) then blocks.last_bot_ms
            else mixed_bots.last_bot_ms
        end as bot_before_agent_ms
    from blocks
    left join mixed_bots
        on
            blocks.conversation_no = mixed_bots.conversation_no
            and blocks.session_no = mixed_bots.session_no
            and blocks.block_no = mixed_bots.block_no
),

waits as (
    select
        conversation_no,
        session_no,
        wait_no,
        cast(sum(n_user) as bigint) as n_user_msgs,
        arg_min_null(first_channel, block_no) as channel,
        arg_min(first_message_id, block_no) as first_user_msg_id,
        min(first_ms) as first_user_ms,
        any_value(agent_msg_id) as agent_msg_id,
        any_value(agent_ms) as agent_ms,
        coalesce(
            arg_max(
                if(agent_no is null, coalesce(next_user_ms, bot_before_agent_ms), bot_before_agent_ms), block_no
            ) filter (where bot_before_agent_ms is not null),
            min(first_ms)
        ) as derived_ms
    from bots
    group by conversation_no, session_no, wait_no
),

told as (
    select
        waits.conversation_no,
        waits.session_no,
        waits.wait_no,
        min(handoffs.created_ms) as told_ms
    from waits
    inner join intermediate.int_sessions as sessions
        on waits.conversation_no = sessions.conversation_no and waits.session_no = sessions.session_no
    inner join intermediate.int_handoffs as handoffs
        on
            waits.conversation_no = handoffs.conversation_no
            and handoffs.created_ms between
            waits.first_user_ms and coalesce(waits.agent_ms, sessions.ended_ms, sessions.as_of_ms)
    group by waits.conversation_no, waits.session_no, waits.wait_no
)

select
    waits.*,
    coalesce(told.told_ms, waits.derived_ms) as handoff_from_ms,
    if(told.told_ms is null, 'derived', 'webhook') as handoff_basis
from waits
left join told
    on
        waits.conversation_no = told.conversation_no
        and waits.session_no = told.session_no
        and waits.wait_no = told.wait_no
