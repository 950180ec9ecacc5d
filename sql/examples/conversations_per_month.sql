-- grain: one row per month in UTC
-- How many conversations began in each month, how many of them got an answer from the business, and how long they are.
with message_counts as (
    select
        app_id,
        conversation_id,
        min(received_at) as first_received_at,
        count(*) as message_count,
        count(*) filter (where author_type = 'business') as business_message_count
    from messages
    group by app_id, conversation_id
)

select
    strftime(first_received_at, '%Y-%m') as first_month,
    count(*) as conversation_count,
    count(*) filter (where business_message_count > 0) as answered_conversation_count,
    median(message_count) as median_message_count,
    max(message_count) as max_message_count
from message_counts
group by first_month
order by first_month
