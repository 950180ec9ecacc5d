-- grain: one row per conversation, local date, class and content type of its messages
-- key: app_id, conversation_id, local_date, class, content_type
-- unit: conversation
-- stored: yes
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column local_date: Date of the messages in the configured time zone.
-- column class: user, agent, bot, unknown, system or survey.
-- column content_type: Type of the content, such as text or image; deleted for placeholders; 'none' if not told.
-- column n: Number of messages.
-- check: n > 0
-- A message counts once, with its own content: the copy of a message that it quotes is no message. The same messages as
-- in intermediate.int_conversation_hours.
with
counted as (
    select
        messages.conversation_no,
        time_slots.local_date,
        messages.class,
        coalesce(messages.content_type, 'none') as content_type,
        count(*) as n
    from intermediate.int_messages_ordered as messages
    cross join settings.general as general
    left join settings.time_slots as time_slots
        on messages.received_ms // 900000 = time_slots.slot
    where not (general.exclude_deleted and messages.is_deleted)
    group by all
)

select
    conversations.app_id,
    conversations.conversation_id,
    counted.local_date,
    counted.class,
    counted.content_type,
    counted.n
from counted
inner join intermediate.int_conversations as conversations
    on counted.conversation_no = conversations.conversation_no
