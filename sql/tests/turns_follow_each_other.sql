-- The turns of a session are numbered from 1, each begins after the reply before it, and only the last can lack one.
with
turns as (
    select
        app_id,
        session_id,
        turn_no,
        first_user_at,
        last_user_at,
        reply_at,
        row_number() over in_order as expected_no,
        lag(reply_at) over in_order as previous_reply_at,
        lag(status) over in_order as previous_status
    from marts.fct_turns
    window in_order as (partition by app_id, session_id order by turn_no)
)

select
    app_id,
    session_id,
    turn_no
from turns
where
    turn_no <> expected_no
    or first_user_at > last_user_at
    or last_user_at > reply_at
    or first_user_at < previous_reply_at
    or previous_status <> 'answered'
