-- The first reply of a session is the reply to its first turn, and takes as long.
select
    sessions.app_id,
    sessions.session_id,
    sessions.frt_any_ms,
    turns.reply_ms
from marts.fct_sessions as sessions
inner join marts.fct_turns as turns
    on sessions.app_id = turns.app_id and sessions.session_id = turns.session_id
where turns.turn_no = 1 and sessions.frt_any_ms is distinct from turns.reply_ms
