-- The hours of a day on a channel add up to the day, class by class.
with
differences as (
    select
        app_id,
        local_date,
        channel,
        n_in,
        n_out_agent,
        n_out_bot,
        n_out_unknown
    from marts.agg_channel_daily
    union all
    select
        app_id,
        local_date,
        channel,
        -n_in as n_in,
        -n_out_agent as n_out_agent,
        -n_out_bot as n_out_bot,
        -n_out_unknown as n_out_unknown
    from marts.agg_volume_hourly
)

select
    app_id,
    local_date,
    channel,
    sum(n_in) as n_in_missing,
    sum(n_out_agent) as n_out_agent_missing,
    sum(n_out_bot) as n_out_bot_missing,
    sum(n_out_unknown) as n_out_unknown_missing
from differences
group by app_id, local_date, channel
having sum(n_in) <> 0 or sum(n_out_agent) <> 0 or sum(n_out_bot) <> 0 or sum(n_out_unknown) <> 0
