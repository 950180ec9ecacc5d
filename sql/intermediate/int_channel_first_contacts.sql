-- grain: one row per user who wrote at least one message
-- key: app_id, user_key
-- unit: user
-- stored: yes
-- column app_id: Id of the app.
-- column user_key: Id of the user after merges.
-- column first_ms: Moment of the user's first inbound message in the lake, in milliseconds since 1970 in UTC.
-- column channel: Channel of that message; of several at the same moment the first by name.
-- column local_date: Date of that message in the configured time zone.
-- column is_truncated: Whether there may be earlier messages of the user that the lake does not hold.
-- Truncated is who takes part in a conversation that was created before this message and whose history the lake does
-- not hold from its start (cut by the platform's limit or by retention, or not read yet); one that was created at an
-- unknown time counts as created before.
with
truncated_users as (
    select
        app_id,
        user_key,
        min(created_ms) as created_ms
    from intermediate.int_truncated_members
    group by app_id, user_key
),

first_messages as (
    select
        app_id,
        user_key,
        min(first_ms) as first_ms,
        arg_min(channel, row(first_ms, channel)) as channel,
        arg_min(local_date, first_ms) as local_date
    from intermediate.int_user_months
    group by app_id, user_key
)

select
    first_messages.*,
    coalesce(truncated_users.created_ms <= first_messages.first_ms, false) as is_truncated
from first_messages
left join truncated_users
    on
        first_messages.app_id = truncated_users.app_id
        and first_messages.user_key = truncated_users.user_key
