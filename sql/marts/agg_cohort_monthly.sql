-- grain: one row per app, cohort and month since, from the cohort's own month to the month of the app's newest data
-- key: app_id, cohort_month, k
-- column app_id: Id of the app.
-- column cohort_month: First day of the month, in the configured time zone, of the users' first message in the lake.
-- column k: Number of the month, counted from the cohort's own month, which is 0.
-- column cohort_size: Users of the cohort.
-- column n_retained: How many of them wrote in month k.
-- column retention: n_retained / cohort_size.
-- column partial: Whether month k was not over at the newest moment that the app's data are known of.
-- check: k >= 0
-- check: cohort_size > 0
-- check: n_retained between 0 and cohort_size
-- check: k > 0 or n_retained = cohort_size
-- not null: cohort_size, n_retained, retention, partial
-- How many of the people who first wrote in a month still write k months later, in any conversation, groups too. Merged
-- users are one, who came when the first of them did. Erased users are in no cohort, so an erasure shrinks past ones.
-- Users of whom earlier messages may be missing belong to the month of the first one that is there.
with
retained as (
    select
        app_id,
        cohort_number,
        month_number,
        count(*) as n_retained
    from intermediate.int_cohort_months
    group by app_id, cohort_number, month_number
),

-- The month in which the app's newest moment lies: the only one that is not over.
app_months as (
    select
        app_moments.app_id,
        max(year(time_slots.local_date) * 12 + month(time_slots.local_date) - 1) as last_number
    from intermediate.int_app_moments as app_moments
    inner join settings.time_slots as time_slots
        on app_moments.as_of_ms // 900000 >= time_slots.slot
    group by app_moments.app_id
),

cohorts as (
    select
        retained.app_id,
        retained.cohort_number,
        retained.n_retained as cohort_size,
        app_months.last_number,
        make_date(retained.cohort_number // 12, retained.cohort_number % 12 + 1, 1) as cohort_month,
        unnest(range(app_months.last_number - retained.cohort_number + 1))::int as k
    from retained
    inner join app_months
        on retained.app_id = app_months.app_id
    where retained.month_number = retained.cohort_number
)

select
    cohorts.app_id,
    cohorts.cohort_month,
    cohorts.k,
    cohorts.cohort_size,
    coalesce(retained.n_retained, 0) as n_retained,
    coalesce(retained.n_retained, 0) / cohorts.cohort_size as retention,
    -- No keyword where it stands here, and the word that people use.
    cohorts.cohort_number + cohorts.k = cohorts.last_number as partial -- noqa: RF04
from cohorts
left join retained
    on
        cohorts.app_id = retained.app_id
        and cohorts.cohort_number = retained.cohort_number
        and cohorts.cohort_number + cohorts.k = retained.month_number
