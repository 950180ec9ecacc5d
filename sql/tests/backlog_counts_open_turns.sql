-- The backlog of an app's last day is the turns and human waits that were open at each of its hours.
with
newest_hours as (
    select
        app_id,
        max(hour) as last_hour
    from marts.agg_backlog_hourly
    group by app_id
),

backlog as (
    select
        backlog.app_id,
        backlog.channel,
        backlog.hour,
        backlog.open_turns,
        backlog.pending_human
    from marts.agg_backlog_hourly as backlog
    inner join newest_hours
        on backlog.app_id = newest_hours.app_id and backlog.hour > newest_hours.last_hour - interval 24 hours
),

hours as (
    select distinct
        app_id,
        hour,
        epoch_ms(hour) as hour_ms
    from backlog
),

differences as (
    select * from backlog
    union all
    select
        turns.app_id,
        coalesce(turns.channel, 'none') as channel,
        hours.hour,
        -1 as open_turns,
        0 as pending_human
    from marts.fct_turns as turns
    inner join hours
        on
            turns.app_id = hours.app_id
            and turns.first_user_ms <= hours.hour_ms
            and (turns.closed_ms > hours.hour_ms or turns.closed_ms is null)
    union all
    select
        waits.app_id,
        coalesce(waits.channel, 'none') as channel,
        hours.hour,
        0 as open_turns,
        -1 as pending_human
    from marts.fct_human_waits as waits
    inner join hours
        on
            waits.app_id = hours.app_id
            and waits.first_user_ms <= hours.hour_ms
            and (waits.closed_ms > hours.hour_ms or waits.closed_ms is null)
    where waits.status in ('answered', 'pending_human')
)

select
    app_id,
    channel,
    hour,
    sum(open_turns) as n_turns_too_many,
    sum(pending_human) as n_waits_too_many
from differences
group by app_id, channel, hour
having sum(open_turns) <> 0 or sum(pending_human) <> 0
