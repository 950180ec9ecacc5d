-- grain: one row per human wait: user messages of a session up to the next message of an agent
-- key: app_id, session_id, wait_no
-- unit: conversation
-- moves: as_of_ms
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column session_id: Id of the session.
-- column wait_no: Number of the wait in its session, from 1.
-- column user_key: Id of the conversation's user after merges; null in groups.
-- column first_user_msg_id: Id of the first user message.
-- column agent_msg_id: Id of the agent's message; null while there is none.
-- column first_user_at: Moment of the first user message, the arrival, in UTC.
-- column handoff_from_at: Moment from which agents were to answer, in UTC.
-- column agent_at: Moment of the agent's message, in UTC.
-- column closed_at: Moment of the agent's message, else of the session's end, in UTC; null while open.
-- column n_user_msgs: Number of user messages.
-- column wait_ms: Milliseconds from the first user message to the agent's; null without one.
-- column handoff_ms: Milliseconds from the hand-off to the agent's message; null without one.
-- column wait_business_ms: Those of wait_ms within business hours; null without agent or schedule.
-- column handoff_business_ms: Those of handoff_ms within business hours; null without agent or schedule.
-- column handoff_basis: webhook if a switchboard event tells the hand-off, else derived from the messages.
-- column status: answered, pending_human, or bot_only if nothing says that agents were to answer.
-- column is_open: Whether its session is open.
-- column channel: Channel of the first user message; null if not known.
-- column channel_family: Family of that channel.
-- column schedule_id: Schedule of that channel at the arrival; null if none.
-- column first_user_ms: first_user_at in milliseconds since 1970.
-- column closed_ms: closed_at in milliseconds since 1970.
-- column as_of_ms: Moment up to which the session is known, in milliseconds since 1970.
-- column local_date: Date of the arrival in the configured time zone (of the agent's message, if so configured).
-- column local_hour: Hour of that moment on the wall clock, 0 to 23.
-- column local_weekday: Weekday of that moment, 1 for Monday to 7 for Sunday.
-- check: handoff_ms between 0 and wait_ms
-- check: wait_business_ms between 0 and wait_ms
-- check: n_user_msgs > 0
-- check: (status = 'answered') = (agent_msg_id is not null)
-- check: status in ('answered', 'pending_human', 'bot_only')
-- not null: conversation_id, first_user_msg_id, first_user_at, handoff_from_at, n_user_msgs, handoff_basis, status,
--     is_open, first_user_ms, as_of_ms, local_date
-- How long users wait for a human; bots' messages do not end a wait, nor do those of unknown class. The hand-off is the
-- first webhook of control offered or passed to agents in the wait; else the first user message after the bot's last
-- one, or that one if no user message follows; without a bot it is the arrival. Unanswered, a wait is pending_human if
-- an agent-type integration is in control of the conversation or an agent wrote in the session. Leave bot_only out, or
-- chats that a bot contains look abandoned.
with
waits as (
    select
        sessions.app_id,
        sessions.conversation_id,
        sessions.session_id,
        sessions.user_key,
        waits.first_user_msg_id,
        waits.agent_msg_id,
        waits.n_user_msgs,
        waits.handoff_basis,
        waits.channel,
        waits.first_user_ms,
        sessions.as_of_ms,
        wait_times.schedule_id,
        cast(waits.wait_no as integer) as wait_no,
        make_timestamp(waits.first_user_ms * 1000) as first_user_at,
        make_timestamp(waits.handoff_from_ms * 1000) as handoff_from_at,
        make_timestamp(waits.agent_ms * 1000) as agent_at,
        make_timestamp(coalesce(waits.agent_ms, sessions.ended_ms) * 1000) as closed_at,
        coalesce(waits.agent_ms, sessions.ended_ms) as closed_ms,
        waits.agent_ms - waits.first_user_ms as wait_ms,
        waits.agent_ms - waits.handoff_from_ms as handoff_ms,
        if(waits.agent_ms is null, null, wait_times.business_ms) as wait_business_ms,
        if(waits.agent_ms is null, null, handoff_times.business_ms) as handoff_business_ms,
        case
            when waits.agent_ms is not null then 'answered'
            when sessions.is_with_agents or sessions.n_agent > 0 then 'pending_human'
            else 'bot_only'
        end as status,
        sessions.ended_ms is null as is_open,
        coalesce(families.channel_family, waits.channel) as channel_family,
        if(general.attribution = 'reply', coalesce(waits.agent_ms, waits.first_user_ms), waits.first_user_ms)
        // 900000 as slot
    from intermediate.int_human_waits as waits
    cross join settings.general as general
    inner join intermediate.int_sessions as sessions
        on waits.conversation_no = sessions.conversation_no and waits.session_no = sessions.session_no
    left join settings.channel_families as families
        on waits.channel = families.channel
    left join intermediate.int_business_times as wait_times
        on
            waits.conversation_no = wait_times.conversation_no and waits.session_no = wait_times.session_no
            and waits.wait_no = wait_times.number and wait_times.kind = 'wait'
    left join intermediate.int_business_times as handoff_times
        on
            waits.conversation_no = handoff_times.conversation_no and waits.session_no = handoff_times.session_no
            and waits.wait_no = handoff_times.number and handoff_times.kind = 'handoff'
)

select
    waits.app_id,
    waits.conversation_id,
    waits.session_id,
    waits.wait_no,
    waits.user_key,
    waits.first_user_msg_id,
    waits.agent_msg_id,
    waits.first_user_at,
    waits.handoff_from_at,
    waits.agent_at,
    waits.closed_at,
    waits.n_user_msgs,
    waits.wait_ms,
    waits.handoff_ms,
    waits.wait_business_ms,
    waits.handoff_business_ms,
    waits.handoff_basis,
    waits.status,
    waits.is_open,
    waits.channel,
    waits.channel_family,
    waits.schedule_id,
    waits.first_user_ms,
    waits.closed_ms,
    waits.as_of_ms,
    time_slots.local_date,
    time_slots.local_hour,
    time_slots.local_weekday
from waits
left join settings.time_slots as time_slots
    on waits.slot = time_slots.slot
