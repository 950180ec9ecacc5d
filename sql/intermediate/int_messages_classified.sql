-- grain: one row per message
-- key: app_id, conversation_id, message_id
-- unit: conversation
-- view: yes
-- Who a message is from (intermediate.int_message_classes), on which channel and after which one
-- (intermediate.int_messages_ordered), and when by the clock on the wall (metrics.md, section 3.1).
select
    conversations.app_id,
    conversations.conversation_id,
    conversations.conversation_type,
    messages.message_id,
    messages.received_ms,
    messages.message_no,
    messages.class,
    messages.is_ai,
    messages.is_deleted,
    messages.is_eligible,
    messages.source_type,
    messages.content_type,
    messages.channel,
    time_slots.local_date,
    time_slots.local_hour,
    time_slots.local_weekday,
    messages.conversation_no,
    messages.end_reason,
    messages.user_channel,
    messages.is_previous_user,
    messages.is_after_silence,
    messages.user_key,
    messages.channel_basis,
    make_timestamp(messages.received_ms * 1000) as received,
    coalesce(families.channel_family, messages.channel) as channel_family
from intermediate.int_messages_ordered as messages
inner join intermediate.int_conversations as conversations
    on messages.conversation_no = conversations.conversation_no
left join settings.time_slots as time_slots
    on messages.received_ms // 900000 = time_slots.slot
left join settings.channel_families as families
    on messages.channel = families.channel
