-- A day's replies (metric reply, scope any, calendar clock) are the turns of that day and channel.
with
differences as (
    select
        app_id,
        local_date,
        channel,
        n,
        n_answered
    from marts.agg_response_daily
    where metric = 'reply' and scope = 'any' and clock = 'calendar'
    union all
    select
        app_id,
        local_date,
        coalesce(channel, 'none') as channel,
        -1 as n,
        if(status = 'answered', -1, 0) as n_answered
    from marts.fct_turns
)

select
    app_id,
    local_date,
    channel,
    sum(n) as n_too_many,
    sum(n_answered) as n_answered_too_many
from differences
group by app_id, local_date, channel
having sum(n) <> 0 or sum(n_answered) <> 0
