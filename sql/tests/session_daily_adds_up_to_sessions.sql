-- A day's sessions are those of that day.
with
differences as (
    select
        app_id,
        local_date,
        n_sessions,
        n_user_initiated,
        n_open,
        n_settled
    from marts.agg_session_daily
    union all
    select
        app_id,
        local_date,
        -1 as n_sessions,
        if(initiated_by = 'user', -1, 0) as n_user_initiated,
        if(end_reason = 'open', -1, 0) as n_open,
        if(settled, -1, 0) as n_settled
    from marts.fct_sessions
)

select
    app_id,
    local_date,
    sum(n_sessions) as n_sessions_too_many,
    sum(n_user_initiated) as n_user_initiated_too_many,
    sum(n_open) as n_open_too_many,
    sum(n_settled) as n_settled_too_many
from differences
group by app_id, local_date
having sum(n_sessions) <> 0 or sum(n_user_initiated) <> 0 or sum(n_open) <> 0 or sum(n_settled) <> 0
