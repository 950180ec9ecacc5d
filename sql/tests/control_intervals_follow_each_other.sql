-- One switchboard integration at a time is in control of a conversation, and only the last one still can be.
with
intervals as (
    select
        app_id,
        conversation_id,
        from_at,
        to_at,
        lead(from_at) over (partition by app_id, conversation_id order by from_at) as next_from_at
    from marts.fct_control_intervals
)

select
    app_id,
    conversation_id,
    from_at,
    to_at
from intervals
where to_at > next_from_at or (to_at is null and next_from_at is not null)
