-- grain: one row per channel and author type
-- How many messages came through each channel (source_type is the channel of a user's message and the origin of a
-- business message), in how many conversations, and from when to when.
select
    source_type,
    author_type,
    count(*) as message_count,
    count(distinct conversation_id) as conversation_count,
    min(received_at) as first_received_at,
    max(received_at) as last_received_at
from messages
group by source_type, author_type
order by message_count desc, source_type asc, author_type asc
