-- grain: one row per interval in which a schedule is open
-- key: schedule_id, start_ms
-- column schedule_id: Id of the schedule.
-- column start_ms: Beginning of the interval, in milliseconds since 1970.
-- column end_ms: End of the interval, in milliseconds since 1970.
-- column business_ms_before: Milliseconds of business between the schedule's first interval and this one.
-- column start_at: start_ms as a moment in UTC.
-- column end_at: end_ms as a moment in UTC.
-- check: start_ms < end_ms
-- check: business_ms_before >= 0
-- not null: end_ms, business_ms_before, start_at, end_at
-- Opening hours expanded: overlaps merged, holidays and changes of the clock taken into account.
select
    schedule_id,
    start_ms,
    end_ms,
    business_ms_before,
    make_timestamp(start_ms * 1000) as start_at,
    make_timestamp(end_ms * 1000) as end_at
from settings.business_intervals
