-- grain: one row per session
-- key: conversation_no, session_no
-- unit: conversation
-- What marts.fct_sessions shows beside intermediate.int_sessions: hand-offs, first replies on both clocks, channels.
with
-- User messages on another channel than the user message before in the session; they are few.
changes as (
    select
        sessions.conversation_no,
        sessions.session_no,
        unnest([messages.user_channel, messages.channel]) as channel,
        unnest([
            coalesce(families.channel_family, messages.user_channel)
            != coalesce(new_families.channel_family, messages.channel), false
        ]) as is_switch
    from intermediate.int_messages_ordered as messages
    inner join intermediate.int_sessions as sessions
        on
            messages.conversation_no = sessions.conversation_no
            and messages.message_no > sessions.first_user_no
            and messages.message_no <= sessions.last_no
    left join settings.channel_families as families
        on messages.user_channel = families.channel
    left join settings.channel_families as new_families
        on messages.channel = new_families.channel
    where messages.class = 'user' and messages.is_eligible and messages.user_channel != messages.channel
),

channels as (
    select
        conversation_no,
        session_no,
        count(distinct channel) as n_channels,
        count(*) filter (where is_switch) as n_channel_switches
    from changes
    group by conversation_no, session_no
),

handed_off as (
    select distinct
        sessions.conversation_no,
        sessions.session_no
    from intermediate.int_sessions as sessions
    inner join intermediate.int_handoffs as handoffs
        on
            sessions.conversation_no = handoffs.conversation_no
            and handoffs.created_ms between sessions.started_ms and coalesce(sessions.ended_ms, sessions.as_of_ms)
),

waits as (
    select
        conversation_no,
        session_no,
        any_value(handoff_from_ms) filter (where wait_no = 1) as handoff_from_ms,
        bool_or(agent_ms is null) as has_unanswered
    from intermediate.int_human_waits
    group by conversation_no, session_no
),

business_times as (
    select
        conversation_no,
        session_no,
        any_value(schedule_id) as schedule_id,
        any_value(business_ms) filter (where kind = 'turn') as reply_ms,
        any_value(business_ms) filter (where kind = 'wait') as agent_ms,
        any_value(business_ms) filter (where kind = 'handoff') as handoff_ms,
        any_value(business_ms) filter (where kind = 'bot') as bot_ms
    from intermediate.int_business_times
    where number = 1
    group by conversation_no, session_no
)

select
    sessions.conversation_no,
    sessions.session_no,
    business_times.schedule_id,
    business_times.bot_ms as frt_bot_business_ms,
    sessions.first_reply_ms - sessions.first_user_ms as frt_any_ms,
    sessions.first_agent_ms - sessions.first_user_ms as frt_human_ms,
    sessions.first_bot_ms - sessions.first_user_ms as frt_bot_ms,
    sessions.first_agent_ms - waits.handoff_from_ms as frt_human_handoff_ms,
    if(sessions.first_reply_ms is null, null, business_times.reply_ms) as frt_any_business_ms,
    if(sessions.first_agent_ms is null, null, business_times.agent_ms) as frt_human_business_ms,
    if(sessions.first_agent_ms is null, null, business_times.handoff_ms) as frt_human_handoff_business_ms,
    coalesce(channels.n_channels, if(sessions.n_user > 0, 1, 0)) as n_channels,
    coalesce(channels.n_channel_switches, 0) as n_channel_switches,
    sessions.first_agent_ms is not null
    or (coalesce(waits.has_unanswered, false) and (sessions.n_agent > 0 or sessions.is_with_agents))
        as is_human_wanted,
    sessions.has_agent_after_bot or handed_off.conversation_no is not null as is_handed_off,
    coalesce(sessions.first_user_ms, sessions.started_ms) // 900000 as slot
from intermediate.int_sessions as sessions
left join waits
    on sessions.conversation_no = waits.conversation_no and sessions.session_no = waits.session_no
left join business_times
    on sessions.conversation_no = business_times.conversation_no and sessions.session_no = business_times.session_no
left join handed_off
    on sessions.conversation_no = handed_off.conversation_no and sessions.session_no = handed_off.session_no
left join channels
    on sessions.conversation_no = channels.conversation_no and sessions.session_no = channels.session_no
