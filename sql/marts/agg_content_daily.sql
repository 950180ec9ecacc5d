-- grain: one row per app, local date, class and content type
-- key: app_id, local_date, class, content_type
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date of the messages in the configured time zone.
-- column class: user, agent, bot, unknown, system or survey.
-- column content_type: Type of the content, such as text or image; deleted for placeholders; 'none' if not told.
-- column n: Number of messages.
-- check: n > 0
-- What people and the business send: text, images, files, forms. Quoted copies are not counted.
select
    app_id,
    local_date,
    class,
    content_type,
    sum(n)::bigint as n
from intermediate.int_conversation_content
group by app_id, local_date, class, content_type
