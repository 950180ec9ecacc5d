-- A turn begins and ends within its session, and one without a reply is open if and only if its session is.
select
    turns.app_id,
    turns.session_id,
    turns.turn_no
from marts.fct_turns as turns
inner join marts.fct_sessions as sessions
    on turns.app_id = sessions.app_id and turns.session_id = sessions.session_id
where
    turns.first_user_at < sessions.started_at
    or turns.last_user_at > sessions.ended_at
    or turns.reply_at > sessions.ended_at
    or (turns.status = 'open' and sessions.end_reason <> 'open')
    or (turns.status = 'closed_unanswered' and sessions.end_reason = 'open')
