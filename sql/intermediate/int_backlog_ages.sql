-- grain: one row per app, channel, hour and class of age in which somebody waited at that hour
-- key: app_id, channel, hour_no, age_class
-- How many turns had lasted how long: 1 under 5 minutes, 2 under an hour, 3 under 8, 4 under 24, 5 longer. Class 0
-- counts the waits for an agent, of any age. hour_no counts hours since 1970.
with
waits as (
    select * from intermediate.int_waiting_hours
),

-- The hours that each wait spent in each class of age.
stays as (
    select
        waits.app_id,
        waits.channel,
        ages.age_class,
        greatest(waits.from_hour, (waits.first_user_ms + ages.since_ms + 3599999) // 3600000) as from_hour,
        least(waits.to_hour, (waits.first_user_ms + ages.until_ms + 3599999) // 3600000) as to_hour
    from waits
    inner join (
        values
        (true, 0, 0, null),
        (false, 1, 0, 300000),
        (false, 2, 300000, 3600000),
        (false, 3, 3600000, 28800000),
        (false, 4, 28800000, 86400000),
        (false, 5, 86400000, null)
    ) as ages (is_human, age_class, since_ms, until_ms)
        on waits.is_human = ages.is_human
),

changes as (
    select
        app_id,
        channel,
        age_class,
        unnest([from_hour, to_hour]) as hour_no,
        unnest([1, -1]) as n
    from stays
    where from_hour < to_hour
),

running as (
    select
        app_id,
        channel,
        age_class,
        hour_no,
        sum(sum(n)) over class_hours as n,
        lead(hour_no) over class_hours as next_hour_no
    from changes
    group by app_id, channel, age_class, hour_no
    window class_hours as (partition by app_id, channel, age_class order by hour_no)
)

select
    app_id,
    channel,
    age_class,
    n,
    unnest(range(hour_no, next_hour_no)) as hour_no
from running
where n > 0
