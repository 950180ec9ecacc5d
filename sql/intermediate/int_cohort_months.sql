-- grain: one row per user and month in which they wrote
-- key: app_id, user_key, month_number
-- unit: user
-- stored: yes
-- column app_id: Id of the app.
-- column user_key: Id of the user after merges.
-- column cohort_number: Month of the user's first message in the configured time zone, counted since the year 0.
-- column month_number: A month in which they wrote, counted likewise.
-- check: cohort_number <= month_number
-- not null: cohort_number
-- Who wrote in which months, in any conversation, groups too, and when they first did.
with
user_months as (
    select
        app_id,
        user_key,
        min(month_number) as cohort_number,
        list(distinct month_number) as month_numbers
    from intermediate.int_user_months
    group by app_id, user_key
)

select
    app_id,
    user_key,
    cohort_number,
    unnest(month_numbers) as month_number
from user_months
