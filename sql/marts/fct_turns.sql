-- grain: one row per turn: consecutive user messages of a session and the first business message after them
-- key: app_id, session_id, turn_no
-- unit: conversation
-- moves: as_of_ms
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column session_id: Id of the session.
-- column turn_no: Number of the turn in its session, from 1.
-- column user_key: Id of the conversation's user after merges; null in groups.
-- column first_user_msg_id: Id of the first user message.
-- column last_user_msg_id: Id of the last user message.
-- column reply_msg_id: Id of the reply; null while there is none.
-- column first_user_at: Moment of the first user message, the arrival, in UTC.
-- column last_user_at: Moment of the last user message, in UTC.
-- column reply_at: Moment of the reply, in UTC.
-- column closed_at: Moment of the reply, else of the session's end, in UTC; null while open.
-- column n_user_msgs: Number of user messages.
-- column reply_class: Class of the reply: agent, bot or unknown.
-- column reply_ms: Milliseconds from the first user message to the reply; null without one.
-- column reply_from_last_ms: Milliseconds from the last user message to the reply; null without one.
-- column reply_business_ms: Those of reply_ms within business hours; null without reply or schedule.
-- column status: answered, open, or closed_unanswered if the session ended first.
-- column channel: Channel of the first user message; null if not known.
-- column channel_family: Family of that channel.
-- column schedule_id: Schedule of that channel at the arrival; null if none.
-- column first_user_ms: first_user_at in milliseconds since 1970.
-- column closed_ms: closed_at in milliseconds since 1970.
-- column as_of_ms: Moment up to which the session is known, in milliseconds since 1970.
-- column local_date: Date of the arrival in the configured time zone (of the reply, if so configured and answered).
-- column local_hour: Hour of that moment on the wall clock, 0 to 23.
-- column local_weekday: Weekday of that moment, 1 for Monday to 7 for Sunday.
-- check: reply_ms >= 0
-- check: reply_from_last_ms between 0 and reply_ms
-- check: reply_business_ms between 0 and reply_ms
-- check: n_user_msgs > 0
-- check: (status = 'answered') = (reply_msg_id is not null)
-- check: (status = 'open') = (closed_at is null)
-- not null: conversation_id, first_user_msg_id, last_user_msg_id, first_user_at, last_user_at, n_user_msgs, status,
--     first_user_ms, as_of_ms, local_date
-- How long users wait for any answer, bots' included. The clock starts at the first of consecutive user messages; what
-- the business says after its reply, before the user's next message, is follow-up and no reply. The end of a session
-- closes its last turn unanswered. Groups have no turns unless the settings include them.
with
turns as (
    select
        sessions.app_id,
        sessions.conversation_id,
        sessions.session_id,
        sessions.user_key,
        blocks.first_message_id as first_user_msg_id,
        blocks.last_user_msg_id,
        blocks.reply_msg_id,
        blocks.n_user as n_user_msgs,
        blocks.reply_class,
        blocks.first_channel as channel,
        times.schedule_id,
        blocks.first_ms as first_user_ms,
        blocks.last_user_ms,
        blocks.reply_ms as replied_ms,
        sessions.as_of_ms,
        cast(blocks.block_no - sessions.first_block_no + 1 as integer) as turn_no,
        blocks.reply_ms - blocks.first_ms as reply_ms,
        blocks.reply_ms - blocks.last_user_ms as reply_from_last_ms,
        if(blocks.reply_ms is not null, times.business_ms, null) as reply_business_ms,
        coalesce(blocks.reply_ms, sessions.ended_ms) as closed_ms,
        coalesce(families.channel_family, blocks.first_channel) as channel_family,
        case
            when blocks.reply_ms is not null then 'answered'
            when sessions.ended_ms is null then 'open'
            else 'closed_unanswered'
        end as status,
        if(general.attribution = 'reply', coalesce(blocks.reply_ms, blocks.first_ms), blocks.first_ms)
        // 900000 as slot
    from intermediate.int_session_blocks as blocks
    cross join settings.general as general
    inner join intermediate.int_sessions as sessions
        on blocks.conversation_no = sessions.conversation_no and blocks.session_no = sessions.session_no
    left join settings.channel_families as families
        on blocks.first_channel = families.channel
    left join intermediate.int_business_times as times
        on
            blocks.conversation_no = times.conversation_no
            and blocks.session_no = times.session_no
            and blocks.block_no - sessions.first_block_no + 1 = times.number
            and times.kind = 'turn'
    where blocks.n_user > 0
),

dated as (
    select
        turns.*,
        time_slots.local_date,
        time_slots.local_hour,
        time_slots.local_weekday,
        make_timestamp(turns.first_user_ms * 1000) as first_user_at,
        make_timestamp(turns.last_user_ms * 1000) as last_user_at,
        make_timestamp(turns.replied_ms * 1000) as reply_at,
        make_timestamp(turns.closed_ms * 1000) as closed_at
    from turns
    left join settings.time_slots as time_slots
        on turns.slot = time_slots.slot
)

select
    app_id,
    conversation_id,
    session_id,
    turn_no,
    user_key,
    first_user_msg_id,
    last_user_msg_id,
    reply_msg_id,
    first_user_at,
    last_user_at,
    reply_at,
    closed_at,
    n_user_msgs,
    reply_class,
    reply_ms,
    reply_from_last_ms,
    reply_business_ms,
    status,
    channel,
    channel_family,
    schedule_id,
    first_user_ms,
    closed_ms,
    as_of_ms,
    local_date,
    local_hour,
    local_weekday
from dated
