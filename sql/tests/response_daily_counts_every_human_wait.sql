-- A day's human waits are those that are answered or pending; bots that dealt with people alone are not among them.
with
differences as (
    select
        app_id,
        n,
        n_answered
    from marts.agg_response_daily
    where metric = 'human_wait' and scope = 'human' and clock = 'calendar'
    union all
    select
        app_id,
        -1 as n,
        if(status = 'answered', -1, 0) as n_answered
    from marts.fct_human_waits
    where status in ('answered', 'pending_human')
)

select
    app_id,
    sum(n) as n_too_many,
    sum(n_answered) as n_answered_too_many
from differences
group by app_id
having sum(n) <> 0 or sum(n_answered) <> 0
