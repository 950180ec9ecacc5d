-- grain: one row per user that was merged into another one
-- key: app_id, user_id
-- stored: yes
-- column app_id: Id of the app.
-- column user_id: Id of a user that was merged into another.
-- column user_key: Id of the user that is left of them after all merges.
-- Who somebody is after all merges; everybody else is who they are. A chain of merges ends at the user that was merged
-- into nobody. Where several such users are reached, or none because merges go round in a circle, it is the least id.
with recursive
reached as (
    select
        app_id,
        discarded_user_id as user_id,
        surviving_user_id as reached_user_id
    from staging.stg_user_merges
    union
    select
        reached.app_id,
        reached.user_id,
        onward.surviving_user_id as reached_user_id
    from reached
    inner join staging.stg_user_merges as onward
        on reached.app_id = onward.app_id and reached.reached_user_id = onward.discarded_user_id
),

discarded as (
    select distinct
        app_id,
        discarded_user_id
    from staging.stg_user_merges
),

found as (
    select
        reached.app_id,
        reached.user_id,
        coalesce(
            min(reached.reached_user_id) filter (where discarded.discarded_user_id is null),
            min(reached.reached_user_id)
        ) as user_key
    from reached
    left join discarded
        on reached.app_id = discarded.app_id and reached.reached_user_id = discarded.discarded_user_id
    group by all
)

select
    app_id,
    user_id,
    user_key
from found
where user_id != user_key
