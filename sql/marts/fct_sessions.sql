-- grain: one row per session: a part of a conversation that closings or long silences separate from the rest
-- key: app_id, session_id
-- unit: conversation
-- moves: as_of
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column session_id: Id of the session: the conversation's id, a colon, and the id of its first eligible message.
-- column session_no: Number of the session in its conversation, from 1.
-- column user_key: Id of the conversation's user after merges; null in groups.
-- column conversation_type: personal or sdkGroup; null if not told, which counts as personal.
-- column started_at: Moment of the first message, in UTC.
-- column ended_at: Moment of the closing, or when the silence became too long, in UTC; null while open.
-- column end_reason: ticket:closed, conversation:endedByUser, ticket:transfer:email, inactivity, or open.
-- column initiated_by: Who wrote first: user or business.
-- column first_user_at: Moment of the first user message, from which first replies count, in UTC; null if none.
-- column first_reply_at_any: Moment of the first agent, bot or unknown message after it, in UTC.
-- column first_reply_at_human: Moment of the first agent message after it, in UTC.
-- column first_reply_at_bot: Moment of the first bot message after it, in UTC.
-- column frt_any_ms: Milliseconds from first_user_at to first_reply_at_any; null if either is.
-- column frt_human_ms: Milliseconds from first_user_at to first_reply_at_human; null if either is.
-- column frt_bot_ms: Milliseconds from first_user_at to first_reply_at_bot; null if either is.
-- column frt_human_handoff_ms: Milliseconds from the hand-off to first_reply_at_human; to compare with Explore.
-- column frt_any_business_ms: Those of frt_any_ms within business hours; null without schedule.
-- column frt_human_business_ms: Those of frt_human_ms within business hours; null without schedule.
-- column frt_bot_business_ms: Those of frt_bot_ms within business hours; null without schedule.
-- column frt_human_handoff_business_ms: Those of frt_human_handoff_ms within business hours; null without schedule.
-- column schedule_id: Schedule of the first user message's channel at that moment; null if none.
-- column n_user: Number of user messages.
-- column n_agent: Number of agent messages.
-- column n_bot: Number of bot messages.
-- column n_unknown: Number of business messages of unknown class.
-- column first_channel: Channel of the first user message, else of the first message; null if not known.
-- column n_channels: Number of different channels of its user messages.
-- column n_channel_switches: How often a user message came on another channel family than the one before.
-- column last_class: Class of the last message.
-- column left_truncated: Whether its beginning may be missing: a first session whose history is not wholly there.
-- column is_human_wanted: Whether an agent answered the user, or the user waits or waited in vain for one.
-- column is_handed_off: Whether an agent wrote after a bot, or control was passed or offered to agents.
-- column settled: Whether no message can join it any more.
-- column as_of: Moment up to which the session is known, in UTC; of a settled one, the moment from which it was.
-- column local_date: Date of the arrival (first user message, else first message) in the configured time zone.
-- column local_hour: Hour of the arrival on the wall clock, 0 to 23.
-- column local_weekday: Weekday of the arrival, 1 for Monday to 7 for Sunday.
-- check: started_at <= ended_at
-- check: started_at <= first_user_at
-- check: frt_any_ms >= 0 and frt_human_ms >= 0 and frt_bot_ms >= 0 and frt_human_handoff_ms >= 0
-- check: frt_any_ms <= least(frt_human_ms, frt_bot_ms)
-- check: frt_human_handoff_ms <= frt_human_ms
-- check: (end_reason = 'open') = (ended_at is null)
-- check: n_user + n_agent + n_bot + n_unknown > 0
-- check: n_channel_switches < n_user or n_channel_switches = 0
-- check: initiated_by in ('user', 'business')
-- check: settled or end_reason in ('open', 'inactivity')
-- not null: conversation_id, session_no, started_at, end_reason, initiated_by, n_user, n_agent, n_bot, n_unknown,
--     n_channels, n_channel_switches, last_class, left_truncated, is_human_wanted, is_handed_off, settled, as_of,
--     local_date
-- Contacts, in a kind of conversation that never ends. The headline first reply time counts sessions with initiated_by
-- user and not left_truncated; those that the business began are there, with clocks from the first user message. Groups
-- have no sessions unless the settings include them. Systems' activities and surveys neither open, extend nor end one,
-- but for the three activities that close. A silence closes when it is longer than the settings allow: after a user's
-- message until an answer comes, else after any message; a session's end is then the moment at which it was too long.
with
dated as (
    select
        sessions.*,
        replies.schedule_id,
        replies.frt_any_ms,
        replies.frt_human_ms,
        replies.frt_bot_ms,
        replies.frt_human_handoff_ms,
        replies.frt_any_business_ms,
        replies.frt_human_business_ms,
        replies.frt_bot_business_ms,
        replies.frt_human_handoff_business_ms,
        replies.n_channels,
        replies.n_channel_switches,
        replies.is_human_wanted,
        replies.is_handed_off,
        time_slots.local_date,
        time_slots.local_hour,
        time_slots.local_weekday,
        make_timestamp(sessions.started_ms * 1000) as started_at,
        make_timestamp(sessions.ended_ms * 1000) as ended_at,
        make_timestamp(sessions.first_user_ms * 1000) as first_user_at,
        make_timestamp(sessions.first_reply_ms * 1000) as first_reply_at_any,
        make_timestamp(sessions.first_agent_ms * 1000) as first_reply_at_human,
        make_timestamp(sessions.first_bot_ms * 1000) as first_reply_at_bot,
        make_timestamp(sessions.as_of_ms * 1000) as as_of,
        if(sessions.is_user_initiated, 'user', 'business') as initiated_by
    from intermediate.int_sessions as sessions
    inner join intermediate.int_session_replies as replies
        on sessions.conversation_no = replies.conversation_no and sessions.session_no = replies.session_no
    left join settings.time_slots as time_slots
        on replies.slot = time_slots.slot
)

select
    app_id,
    conversation_id,
    session_id,
    session_no,
    user_key,
    conversation_type,
    started_at,
    ended_at,
    end_reason,
    initiated_by,
    first_user_at,
    first_reply_at_any,
    first_reply_at_human,
    first_reply_at_bot,
    frt_any_ms,
    frt_human_ms,
    frt_bot_ms,
    frt_human_handoff_ms,
    frt_any_business_ms,
    frt_human_business_ms,
    frt_bot_business_ms,
    frt_human_handoff_business_ms,
    schedule_id,
    n_user,
    n_agent,
    n_bot,
    n_unknown,
    first_channel,
    n_channels,
    n_channel_switches,
    last_class,
    is_left_truncated as left_truncated,
    is_human_wanted,
    is_handed_off,
    is_settled as settled,
    as_of,
    local_date,
    local_hour,
    local_weekday
from dated
