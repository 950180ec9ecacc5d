-- grain: one row per business schedule of the settings
-- key: schedule_id
-- column schedule_id: Id of the schedule.
-- column time_zone: IANA name of the zone that its hours are meant in.
-- column expanded_from: Moment from which its business times are known, in UTC.
-- column expanded_to: Moment until which they are known, in UTC.
-- column n_intervals: Number of business intervals in between.
-- check: expanded_from < expanded_to
-- not null: time_zone, expanded_from, expanded_to, n_intervals
-- Opening hours; marts.dim_business_interval has them moment by moment. Durations that reach beyond are null.
with
intervals as (
    select
        schedule_id,
        count(*) as n_intervals
    from settings.business_intervals
    group by schedule_id
)

select
    schedules.schedule_id,
    schedules.time_zone,
    make_timestamp(schedules.expanded_from_ms * 1000) as expanded_from,
    make_timestamp(schedules.expanded_to_ms * 1000) as expanded_to,
    coalesce(intervals.n_intervals, 0) as n_intervals
from settings.schedules as schedules
left join intervals
    on schedules.schedule_id = intervals.schedule_id
