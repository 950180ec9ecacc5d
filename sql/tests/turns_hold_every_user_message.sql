-- Every user message of a session lies in exactly one of its turns.
with
differences as (
    select
        app_id,
        session_id,
        n_user as n_messages
    from marts.fct_sessions
    union all
    select
        app_id,
        session_id,
        -n_user_msgs as n_messages
    from marts.fct_turns
)

select
    app_id,
    session_id,
    sum(n_messages) as n_missing
from differences
group by app_id, session_id
having sum(n_messages) <> 0
