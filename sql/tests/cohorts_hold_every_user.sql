-- Everybody who ever wrote is in one cohort, and is counted in each month in which they wrote.
with
user_months as (
    select distinct
        app_id,
        user_key,
        date_trunc('month', local_date) as month_start
    from intermediate.int_conversation_hours
    where class = 'user' and user_key <> 'none'
),

differences as (
    select
        app_id,
        if(k = 0, cohort_size, 0) as n_users,
        n_retained as n_user_months
    from marts.agg_cohort_monthly
    union all
    select
        app_id,
        0 as n_users,
        -1 as n_user_months
    from user_months
    union all
    select
        app_id,
        -1 as n_users,
        0 as n_user_months
    from intermediate.int_channel_first_contacts
)

select
    app_id,
    sum(n_users) as n_users_too_many,
    sum(n_user_months) as n_user_months_too_many
from differences
group by app_id
having sum(n_users) <> 0 or sum(n_user_months) <> 0
