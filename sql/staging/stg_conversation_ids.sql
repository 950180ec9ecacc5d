-- grain: one row per conversation that a message was ever found in
-- key: app_id, conversation_id
-- unit: conversation
-- last_run are the digits in the id of the newest run that wrote a message of it, that tell the run's start in
-- milliseconds (hexadecimal), or '' if no id has them. Read from all versions of messages, for that takes but columns
-- with few values.
select
    messages.app_id,
    messages.conversation_id,
    max(regexp_extract(messages.run_id, '^[0-9a-f]{11}')) as last_run
from raw.messages as messages
anti join raw.restricted as restricted_conversation
    on restricted_conversation.kind = 'conversation' and messages.conversation_id = restricted_conversation.id
group by messages.app_id, messages.conversation_id
