-- grain: one row per turn or human wait that lasted over a full hour of UTC
-- key: app_id, is_human, wait_id
-- The full hours, counted since 1970, at which somebody waited: from from_hour on, and before to_hour. Most waits are
-- short and lie between two hours. What is still open lasts until the newest moment that is known of the app.
with
newest as (
    select
        app_id,
        max(as_of_ms) as as_of_ms
    from (
        select
            app_id,
            as_of_ms
        from raw.app_as_of
        union all
        select
            app_id,
            as_of_ms
        from marts.fct_conversations
    ) as moments
    group by app_id
),

waits as (
    select
        app_id,
        channel,
        first_user_msg_id as wait_id,
        first_user_ms,
        closed_ms,
        false as is_human
    from marts.fct_turns
    union all
    select
        app_id,
        channel,
        first_user_msg_id as wait_id,
        first_user_ms,
        closed_ms,
        true as is_human
    from marts.fct_human_waits
    where status != 'bot_only'
),


hours as (
    select
        waits.app_id,
        waits.wait_id,
        waits.is_human,
        waits.first_user_ms,
        coalesce(waits.channel, 'none') as channel,
        (waits.first_user_ms + 3599999) // 3600000 as from_hour,
        (least(coalesce(waits.closed_ms, newest.as_of_ms + 1), newest.as_of_ms + 1) + 3599999) // 3600000 as to_hour
    from waits
    inner join newest
        on waits.app_id = newest.app_id
)

select * from hours
where from_hour < to_hour
