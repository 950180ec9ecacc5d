-- grain: one row per app, local date and channel
-- key: app_id, local_date, channel
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date of the sessions' arrival (first user message, else first message), in the configured zone.
-- column channel: Channel of the arrival; 'none' if not known.
-- column n_sessions: Number of sessions.
-- column n_user_initiated: Sessions in which a user wrote first.
-- column n_business_initiated: Sessions in which the business wrote first.
-- column n_left_truncated: Sessions whose beginning may be missing.
-- column n_open: Sessions that are open.
-- column n_closed_by_activity: Sessions that an activity, or a webhook in its place, closed.
-- column n_inactive: Sessions that ended in silence.
-- column n_settled: Sessions that no message can join any more.
-- column n_multi_message: Sessions with two or more user messages, which alone can switch channels.
-- column n_with_switch: Sessions in which the user switched the channel family.
-- check: n_user_initiated + n_business_initiated = n_sessions
-- check: n_open + n_closed_by_activity + n_inactive = n_sessions
-- check: n_with_switch <= n_multi_message
-- check: n_settled <= n_sessions and n_left_truncated <= n_sessions
-- not null: n_sessions, n_user_initiated, n_business_initiated, n_left_truncated, n_open, n_closed_by_activity,
--     n_inactive, n_settled, n_multi_message, n_with_switch
-- How many contacts there are and how they begin and end. Groups are not among them unless the settings include them.
select
    app_id,
    local_date,
    coalesce(first_channel, 'none') as channel,
    count(*) as n_sessions,
    count(*) filter (where initiated_by = 'user') as n_user_initiated,
    count(*) filter (where initiated_by = 'business') as n_business_initiated,
    count(*) filter (where left_truncated) as n_left_truncated,
    count(*) filter (where end_reason = 'open') as n_open,
    count(*) filter (where end_reason not in ('open', 'inactivity')) as n_closed_by_activity,
    count(*) filter (where end_reason = 'inactivity') as n_inactive,
    count(*) filter (where settled) as n_settled,
    count(*) filter (where n_user >= 2) as n_multi_message,
    count(*) filter (where n_channel_switches > 0) as n_with_switch
from marts.fct_sessions
group by all
