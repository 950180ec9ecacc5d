-- A day's first replies (metric frt, scope any, calendar clock) are the sessions that users began, wholly known.
with
differences as (
    select
        app_id,
        n,
        n_answered
    from marts.agg_response_daily
    where metric = 'frt' and scope = 'any' and clock = 'calendar'
    union all
    select
        app_id,
        -1 as n,
        if(frt_any_ms is null, 0, -1) as n_answered
    from marts.fct_sessions
    where initiated_by = 'user' and n_user > 0 and not left_truncated
)

select
    app_id,
    sum(n) as n_too_many,
    sum(n_answered) as n_answered_too_many
from differences
group by app_id
having sum(n) <> 0 or sum(n_answered) <> 0
