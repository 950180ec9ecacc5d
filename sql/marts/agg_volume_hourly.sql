-- grain: one row per app, local hour and channel
-- key: app_id, local_date, local_hour, channel
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date in the configured time zone.
-- column local_hour: Hour of that day on the wall clock, 0 to 23; one row where clocks go back and it comes twice.
-- column local_weekday: 1 for Monday to 7 for Sunday.
-- column channel: Channel of the messages; 'none' where it is not known.
-- column n_in: Messages of users.
-- column n_out_agent: Messages of agents.
-- column n_out_bot: Messages of bots.
-- column n_out_unknown: Messages of the business that may be an agent's or a bot's.
-- check: n_in + n_out_agent + n_out_bot + n_out_unknown > 0
-- not null: n_in, n_out_agent, n_out_bot, n_out_unknown
-- When people write, for a week's heat map. Hours with no message have no row; activities and surveys do not count.
with
hours as (
    select * from intermediate.int_conversation_hours
    where class in ('user', 'agent', 'bot', 'unknown')
)

select
    app_id,
    local_date,
    local_hour,
    local_weekday,
    channel,
    coalesce(sum(n) filter (where class = 'user'), 0)::bigint as n_in,
    coalesce(sum(n) filter (where class = 'agent'), 0)::bigint as n_out_agent,
    coalesce(sum(n) filter (where class = 'bot'), 0)::bigint as n_out_bot,
    coalesce(sum(n) filter (where class = 'unknown'), 0)::bigint as n_out_unknown
from hours
group by app_id, local_date, local_hour, local_weekday, channel
