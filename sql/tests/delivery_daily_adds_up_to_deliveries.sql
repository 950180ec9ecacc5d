-- A day's deliveries to a channel are final or in flight, and no more than there are.
with
differences as (
    select
        app_id,
        local_date,
        destination_type,
        n_final + n_in_flight as n,
        n_failed
    from marts.agg_delivery_daily
    union all
    select
        app_id,
        local_date,
        destination_type,
        -1 as n,
        if(final_type = 'failure', -1, 0) as n_failed
    from marts.fct_deliveries
)

select
    app_id,
    local_date,
    destination_type,
    sum(n) as n_too_many,
    sum(n_failed) as n_failed_too_many
from differences
group by app_id, local_date, destination_type
having sum(n) <> 0 or sum(n_failed) <> 0
