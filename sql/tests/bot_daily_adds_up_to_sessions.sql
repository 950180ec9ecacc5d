-- The denominator of a day's bot rates is its settled sessions in which a user and a bot wrote.
with
differences as (
    select
        app_id,
        local_date,
        n_sessions,
        n_handed_off
    from marts.agg_bot_daily
    union all
    select
        app_id,
        local_date,
        -1 as n_sessions,
        if(is_handed_off, -1, 0) as n_handed_off
    from marts.fct_sessions
    where settled and n_user > 0 and n_bot > 0
)

select
    app_id,
    local_date,
    sum(n_sessions) as n_sessions_too_many,
    sum(n_handed_off) as n_handed_off_too_many
from differences
group by app_id, local_date
having sum(n_sessions) <> 0 or sum(n_handed_off) <> 0
