-- grain: one row per turn or human wait that lasted over a full hour of UTC
-- key: app_id, conversation_id, is_human, first_user_ms
-- unit: channel_date
-- Who waited at full hours, whether they still do or not.
select
    app_id,
    conversation_id,
    channel,
    is_human,
    first_user_ms,
    from_hour,
    to_hour
from intermediate.int_waiting_hours
union all
select
    app_id,
    conversation_id,
    channel,
    is_human,
    first_user_ms,
    from_hour,
    to_hour
from intermediate.int_open_waits
