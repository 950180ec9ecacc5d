-- grain: one row per user block of a session, and one for what the business said before the first of them
-- key: conversation_no, session_no, block_no
-- unit: conversation
-- The eligible messages of a session, from a user's message after a business one up to the next such message: the
-- user's first, then what the business said. All that sessions, turns and human waits need is summed up here, so that
-- messages are put in order only once more.
-- A session begins with the first message, after a closing, and after too long a silence. block_no counts user blocks
-- in the whole conversation; messages before the first one of a session have the number of the block before, or 0.
-- A place is a message's number in the conversation times 2^42, plus its moment: places are in the order of messages,
-- and one minimum finds both. reply is the first message of the business in a block with user messages.
with
closed_before as (
    select distinct
        conversation_no,
        next_no
    from intermediate.int_webhook_closings
),

counted as (
    select conversations.conversation_no
    from intermediate.int_conversations as conversations
    cross join settings.general as general
    where conversations.conversation_type is distinct from 'sdkGroup' or general.include_groups
),

started as (
    select
        messages.conversation_no,
        messages.message_no,
        messages.message_id,
        messages.class,
        messages.channel,
        messages.is_previous_user,
        messages.message_no * 4398046511104 + messages.received_ms as place,
        messages.is_after_silence or closed_before.next_no is not null as is_start
    from intermediate.int_messages_ordered as messages
    inner join counted as conversations
        on messages.conversation_no = conversations.conversation_no
    left join closed_before
        on messages.conversation_no = closed_before.conversation_no and messages.message_no = closed_before.next_no
    where messages.is_eligible
),

marked as (
    select
        *,
        class = 'user' and (is_start or not is_previous_user) as is_block_start,
        class != 'user' and is_previous_user and not is_start as is_reply
    from started
),

numbered as (
    select
        *,
        count(*) filter (where is_start) over message_order as session_no,
        count(*) filter (where is_block_start) over message_order as block_no
    from marked
    window message_order as (
        partition by conversation_no
        order by message_no
        rows between unbounded preceding and current row
    )
),

blocks as (
    select
        conversation_no,
        session_no,
        block_no,
        count(*) filter (where class = 'user') as n_user,
        count(*) filter (where class = 'agent') as n_agent,
        count(*) filter (where class = 'bot') as n_bot,
        count(*) filter (where class = 'unknown') as n_unknown,
        any_value(message_id) filter (where is_start or is_block_start) as first_message_id,
        any_value(channel) filter (where is_start or is_block_start) as first_channel,
        arg_max(message_id, place) filter (where class = 'user' and not is_block_start) as later_user_msg_id,
        arg_min(message_id, place) filter (where class = 'agent' and not is_reply) as later_agent_msg_id,
        any_value(message_id) filter (where is_reply) as reply_msg_id,
        min(place) as first_place,
        max(place) as last_place,
        max(place) filter (where class = 'user') as last_user_place,
        min(place) filter (where is_reply) as reply_place,
        min(place) filter (where class = 'agent') as agent_place,
        max(place) filter (where class = 'agent') as last_agent_place,
        min(place) filter (where class = 'bot') as bot_place,
        max(place) filter (where class = 'bot') as last_bot_place
    from numbered
    group by conversation_no, session_no, block_no
)

select
    conversation_no,
    session_no,
    block_no,
    n_user,
    n_agent,
    n_bot,
    n_unknown,
    first_message_id,
    first_channel,
    reply_msg_id,
    first_place >> 42 as first_no,
    first_place & 4398046511103 as first_ms,
    last_place >> 42 as last_no,
    last_place & 4398046511103 as last_ms,
    last_user_place & 4398046511103 as last_user_ms,
    reply_place & 4398046511103 as reply_ms,
    agent_place >> 42 as agent_no,
    agent_place & 4398046511103 as agent_ms,
    last_agent_place >> 42 as last_agent_no,
    bot_place >> 42 as bot_no,
    bot_place & 4398046511103 as bot_ms,
    last_bot_place >> 42 as last_bot_no,
    last_bot_place & 4398046511103 as last_bot_ms,
    coalesce(later_user_msg_id, first_message_id) as last_user_msg_id,
    if(agent_place = reply_place, reply_msg_id, later_agent_msg_id) as agent_msg_id,
    case
        when reply_place = agent_place then 'agent'
        when reply_place = bot_place then 'bot'
        when reply_place is not null then 'unknown'
    end as reply_class,
    case last_place
        when last_user_place then 'user'
        when last_agent_place then 'agent'
        when last_bot_place then 'bot'
        else 'unknown'
    end as last_class
from blocks
