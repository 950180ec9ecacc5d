-- grain: one row per app
-- key: app_id
-- stored: yes
-- column app_id: Id of the app.
-- column as_of_ms: Newest moment that anything of the app is known of, in milliseconds since 1970 in UTC.
-- How far an app is known: a conversation that is settled is not known of beyond that, though the app is.
with
moments as (
    select
        app_id,
        as_of_ms
    from marts.fct_conversations
    union all
    select
        app_id,
        as_of_ms
    from raw.app_as_of
)

select
    app_id,
    max(as_of_ms) as as_of_ms
from moments
group by app_id
