-- The sessions of a conversation are numbered from 1 and don't overlap, and only the last one can be open.
with
sessions as (
    select
        app_id,
        conversation_id,
        session_id,
        session_no,
        started_at,
        row_number() over in_order as expected_no,
        lag(ended_at) over in_order as previous_ended_at,
        lag(end_reason) over in_order as previous_end_reason
    from marts.fct_sessions
    window in_order as (partition by app_id, conversation_id order by session_no)
)

select
    app_id,
    conversation_id,
    session_id,
    session_no
from sessions
where
    session_no <> expected_no
    or started_at < previous_ended_at
    or previous_end_reason = 'open'
