-- grain: one row per app, channel and hour at which somebody waited
-- key: app_id, channel, hour_no
-- unit: channel_date
-- Seconds that the oldest turn and the oldest wait for an agent had lasted; null if there is none. hour_no counts hours
-- since 1970.
with
-- The oldest at an hour is the first that lasts longer than all that began before it.
lasting as (
    select
        *,
        greatest(from_hour, max(to_hour) over (
            partition by app_id, channel, is_human
            order by first_user_ms
            rows between unbounded preceding and 1 preceding
        )) as since_hour
    from intermediate.int_backlog_waits
),

oldest as (
    select
        app_id,
        channel,
        is_human,
        first_user_ms,
        unnest(range(since_hour, to_hour)) as hour_no
    from lasting
    where since_hour < to_hour
)

select
    app_id,
    channel,
    hour_no,
    max(hour_no * 3600000 - first_user_ms) filter (where not is_human) / 1000 as oldest_age_s,
    max(hour_no * 3600000 - first_user_ms) filter (where is_human) / 1000 as oldest_pending_human_age_s
from oldest
group by app_id, channel, hour_no
