-- grain: one row per settled session in which both a user and a bot wrote
-- key: app_id, session_id
-- unit: user
-- column app_id: Id of the app.
-- column session_id: Id of the session.
-- column conversation_id: Id of the conversation.
-- column user_key: Id of the user after merges.
-- column channel: Channel of the session's first user message; 'none' where it is not known.
-- column local_date: Date of the session's first user message in the configured time zone.
-- column is_handed_off: Whether an agent wrote after a bot, or control was passed or offered to agents.
-- column is_contained_loose: Whether it was not handed off.
-- column is_contained: Whether it was not handed off and its last message is not the user's.
-- column is_deflected: Whether it was contained and no later session of the user with an agent began within 72 h of its
--     end.
-- check: is_contained_loose = not is_handed_off
-- check: is_contained_loose or not is_contained
-- check: is_contained or not is_deflected
-- not null: conversation_id, channel, local_date, is_handed_off, is_contained_loose, is_contained, is_deflected
-- What became of the sessions in which a bot took part: the denominator of all bot rates. Open sessions wait until they
-- are settled. Somebody has returned whose next session, in any conversation of the app, has an agent and begins less
-- than 72 h after the end of this one: also before that end, since it comes a day after the last message if silence is
-- what ends it. Until the 72 h have passed, is_deflected can still become false. Whether the bot solved anything can't
-- be known from messages.
with
sessions as (
    select * from marts.fct_sessions
),

bot_sessions as (
    select
        app_id,
        session_id,
        conversation_id,
        user_key,
        started_at,
        ended_at,
        local_date,
        is_handed_off,
        coalesce(first_channel, 'none') as channel,
        not is_handed_off as is_contained_loose,
        not is_handed_off and last_class <> 'user' as is_contained
    from sessions
    where settled and n_user > 0 and n_bot > 0
),

agent_sessions as (
    select
        app_id,
        user_key,
        started_at
    from sessions
    where n_agent > 0
),

judged as (
    select
        *,
        is_contained and not exists (
            select 1
            from agent_sessions
            where
                agent_sessions.app_id = bot_sessions.app_id
                and agent_sessions.user_key = bot_sessions.user_key
                and agent_sessions.started_at > bot_sessions.started_at
                and agent_sessions.started_at < bot_sessions.ended_at + interval 72 hours
        ) as is_deflected
    from bot_sessions
)

select
    app_id,
    session_id,
    conversation_id,
    user_key,
    channel,
    local_date,
    is_handed_off,
    is_contained_loose,
    is_contained,
    is_deflected
from judged
