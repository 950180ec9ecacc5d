-- A day's outcomes of a target are those of its pairs, and each pair has one of the four outcomes.
with
differences as (
    select
        app_id,
        local_date,
        target_id,
        n_met,
        n_breached,
        n_pending,
        n_excluded
    from marts.agg_sla_daily
    union all
    select
        app_id,
        local_date,
        target_id,
        if(outcome = 'met', -1, 0) as n_met,
        if(outcome = 'breached', -1, 0) as n_breached,
        if(outcome = 'pending', -1, 0) as n_pending,
        if(outcome in ('met', 'breached', 'pending'), 0, -1) as n_excluded
    from marts.fct_sla
)

select
    app_id,
    local_date,
    target_id,
    sum(n_met) as n_met_too_many,
    sum(n_breached) as n_breached_too_many,
    sum(n_pending) as n_pending_too_many,
    sum(n_excluded) as n_excluded_too_many
from differences
group by app_id, local_date, target_id
having sum(n_met) <> 0 or sum(n_breached) <> 0 or sum(n_pending) <> 0 or sum(n_excluded) <> 0
