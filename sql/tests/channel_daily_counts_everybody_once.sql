-- Each conversation is new on one day, and each user whose beginning is known is a first contact on one day.
with
differences as (
    select
        app_id,
        new_conversations,
        first_contacts
    from marts.agg_channel_daily
    union all
    select
        app_id,
        -1 as new_conversations,
        0 as first_contacts
    from marts.fct_conversations
    where local_date is not null
    union all
    select
        app_id,
        0 as new_conversations,
        -1 as first_contacts
    from intermediate.int_channel_first_contacts
    where not is_truncated
)

select
    app_id,
    sum(new_conversations) as n_conversations_too_many,
    sum(first_contacts) as n_contacts_too_many
from differences
group by app_id
having sum(new_conversations) <> 0 or sum(first_contacts) <> 0
