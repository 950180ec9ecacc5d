-- grain: one row per conversation, user who wrote in it, and month
-- key: app_id, conversation_id, user_key, month_number
-- unit: conversation
-- stored: yes
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column user_key: Id of the user after merges.
-- column month_number: Month in the configured time zone, counted since the year 0.
-- column first_ms: Moment of the user's first message in it, in milliseconds since 1970 in UTC.
-- column channel: Channel of that message; of several at the same moment the first by name.
-- column local_date: Date of that message in the configured time zone.
-- not null: first_ms, channel, local_date
-- Who wrote when, groups included: what tells new people from those who come back.
select
    app_id,
    conversation_id,
    user_key,
    year(local_date) * 12 + month(local_date) - 1 as month_number,
    min(first_ms) as first_ms,
    arg_min(channel, row(first_ms, channel)) as channel,
    arg_min(local_date, first_ms) as local_date
from intermediate.int_conversation_hours
where class = 'user' and user_key <> 'none'
group by all
