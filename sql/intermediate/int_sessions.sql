-- grain: one row per session
-- key: app_id, session_id
-- unit: conversation
-- When a session ended, beside what is in intermediate.int_session_spans.
-- A session ends at its closing; else, if another one follows, when the silence in between became too long; else when
-- the moment up to which the conversation is known lies behind the limit: late_answer_ms (L) after a user's last
-- message, gap_ms (G) after a business one, and also between two of a user that are no more than L apart. So an end
-- that was reached by silence stays. Settled is what was closed, or is silent for longer than L by the moment up to
-- which the conversation was read; as_of_ms is then the moment from which that holds. Before, it is the
-- conversation's, which is that of its last session if that is settled, and else how far it was read. Reading on beyond
-- lasts_until_ms would end or settle it, though no message came; null if never.
with
usual_gaps as (
    select * from settings.session_gaps
    where channel is null
),

closings as (
    select
        conversation_no,
        message_no as after_no,
        received_ms as closed_ms,
        end_reason
    from intermediate.int_messages_ordered
    where end_reason is not null
    union all
    select
        conversation_no,
        after_no,
        closed_ms,
        end_reason
    from intermediate.int_webhook_closings
),

-- The first closing after the last message ends a session; those that follow it end nothing.
first_closings as (
    select
        spans.conversation_no,
        spans.session_no,
        arg_min(closings.closed_ms, row(closings.after_no, closings.closed_ms)) as closed_ms,
        arg_min(closings.end_reason, row(closings.after_no, closings.closed_ms)) as end_reason
    from intermediate.int_session_spans as spans
    inner join closings
        on
            spans.conversation_no = closings.conversation_no
            and spans.last_no <= closings.after_no
            and coalesce(spans.next_first_no, 9223372036854775807) > closings.after_no
    group by spans.conversation_no, spans.session_no
),

-- Channels of last messages matter only where a channel has limits of its own.
own_limits as (
    select
        spans.conversation_no,
        spans.session_no,
        own_gaps.gap_ms,
        own_gaps.late_answer_ms
    from settings.session_gaps as own_gaps
    inner join intermediate.int_messages_ordered as messages
        on own_gaps.channel = messages.channel
    inner join intermediate.int_session_spans as spans
        on messages.conversation_no = spans.conversation_no and messages.message_no = spans.last_no
),

limited as (
    select
        spans.*,
        conversations.app_id,
        conversations.conversation_id,
        conversation_spans.conversation_type,
        conversation_spans.user_key,
        conversation_spans.read_ms,
        conversation_spans.is_with_agents,
        closings.closed_ms,
        closings.end_reason as closing_reason,
        coalesce(own_limits.late_answer_ms, usual_gaps.late_answer_ms) as late_answer_ms,
        conversation_spans.is_left_truncated and spans.session_no = 1 as is_left_truncated,
        coalesce(own_limits.gap_ms, usual_gaps.gap_ms) as gap_ms
    from intermediate.int_session_spans as spans
    cross join usual_gaps
    inner join intermediate.int_conversations as conversations
        on spans.conversation_no = conversations.conversation_no
    inner join intermediate.int_conversation_spans as conversation_spans
        on spans.conversation_no = conversation_spans.conversation_no
    left join first_closings as closings
        on spans.conversation_no = closings.conversation_no and spans.session_no = closings.session_no
    left join own_limits
        on spans.conversation_no = own_limits.conversation_no and spans.session_no = own_limits.session_no
),

-- How long the last message kept the session open.
held as (
    select
        *,
        case
            when last_class != 'user' then gap_ms
            -- The user's next message shows that this one waits for no answer any more, unless it comes later than L.
            when is_next_user_initiated and next_started_ms - last_ms <= late_answer_ms then gap_ms
            else late_answer_ms
        end as limit_ms
    from limited
),

settled as (
    select
        *,
        case
            when closed_ms is not null then closed_ms
            when read_ms - last_ms > late_answer_ms then last_ms + late_answer_ms + 1
        end as settled_ms,
        case
            when closed_ms is not null then closed_ms
            when next_started_ms is not null or read_ms - last_ms > limit_ms then last_ms + limit_ms
        end as ended_ms
    from held
),

-- Beyond which moment of reading the session would be another one: as soon as it is settled or ended.
lasting as (
    select
        *,
        least(
            if(settled_ms is null, last_ms + late_answer_ms, null),
            if(ended_ms is null, last_ms + limit_ms, null),
            if(settled_ms = read_ms, settled_ms, null)
        ) as lasts_until_ms
    from settled
),

-- The conversation's moment is that of its last session.
last_sessions as (
    select
        conversation_no,
        coalesce(settled_ms, read_ms) as conversation_as_of_ms
    from lasting
    where next_started_ms is null
)

select
    lasting.app_id,
    lasting.conversation_id,
    lasting.conversation_no,
    lasting.conversation_type,
    lasting.user_key,
    lasting.session_no,
    lasting.first_no,
    lasting.last_no,
    lasting.started_ms,
    lasting.ended_ms,
    lasting.is_user_initiated,
    lasting.is_left_truncated,
    lasting.is_with_agents,
    lasting.last_class,
    lasting.n_user,
    lasting.n_agent,
    lasting.n_bot,
    lasting.n_unknown,
    lasting.has_agent_after_bot,
    lasting.first_block_no,
    lasting.first_user_no,
    lasting.first_user_ms,
    lasting.first_reply_ms,
    lasting.first_agent_ms,
    lasting.first_bot_ms,
    lasting.lasts_until_ms,
    last_sessions.conversation_as_of_ms,
    lasting.conversation_id || ':' || lasting.first_message_id as session_id,
    coalesce(lasting.closing_reason, if(lasting.ended_ms is null, 'open', 'inactivity')) as end_reason,
    lasting.settled_ms is not null as is_settled,
    coalesce(lasting.settled_ms, last_sessions.conversation_as_of_ms) as as_of_ms,
    if(lasting.n_user > 0, lasting.first_user_channel, lasting.first_channel) as first_channel
from lasting
inner join last_sessions
    on lasting.conversation_no = last_sessions.conversation_no
