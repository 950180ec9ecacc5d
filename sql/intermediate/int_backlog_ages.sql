-- grain: one row per app, channel and hour at which somebody waited
-- key: app_id, channel, hour_no
-- unit: channel_date
-- How many turns had lasted how long: n_1 under 5 minutes, n_2 under an hour, n_3 under 8, n_4 under 24, n_5 longer.
-- n_human counts the waits for an agent, of any age. hour_no counts hours since 1970.
with
waits as (
    select * from intermediate.int_backlog_waits
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

-- Three classes in one number, 2^42 apart: hours are put in order once, and two sums run instead of six.
hours as (
    select
        app_id,
        channel,
        hour_no,
        sum(n * (cast(1 as hugeint) << (age_class % 3 * 42))) filter (where age_class < 3) as young_codes,
        sum(n * (cast(1 as hugeint) << (age_class % 3 * 42))) filter (where age_class >= 3) as old_codes
    from changes
    group by app_id, channel, hour_no
),

running as (
    select
        app_id,
        channel,
        hour_no,
        coalesce(sum(young_codes) over until_then, 0) as young_codes,
        coalesce(sum(old_codes) over until_then, 0) as old_codes,
        lead(hour_no) over (partition by app_id, channel order by hour_no) as next_hour_no
    from hours
    window until_then as (
        partition by app_id, channel
        order by hour_no
        rows between unbounded preceding and current row
    )
)

select
    app_id,
    channel,
    cast(young_codes & 4398046511103 as bigint) as n_human,
    cast((young_codes >> 42) & 4398046511103 as bigint) as n_1,
    cast(young_codes >> 84 as bigint) as n_2,
    cast(old_codes & 4398046511103 as bigint) as n_3,
    cast((old_codes >> 42) & 4398046511103 as bigint) as n_4,
    cast(old_codes >> 84 as bigint) as n_5,
    unnest(range(hour_no, next_hour_no)) as hour_no
from running
where young_codes > 0 or old_codes > 0
