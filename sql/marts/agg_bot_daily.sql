-- grain: one row per app, local date and channel
-- key: app_id, local_date, channel
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date of the sessions' first user message in the configured time zone.
-- column channel: Channel of the sessions' first user message; 'none' where it is not known.
-- column n_sessions: Settled sessions in which both a user and a bot wrote: the denominator of each rate.
-- column n_handed_off: How many of them were handed off to agents.
-- column n_contained_loose: How many were not.
-- column n_contained: How many of those the user did not leave with the last word.
-- column n_deflected: How many of those were not followed by a session with an agent within 72 h.
-- check: n_handed_off + n_contained_loose = n_sessions
-- check: n_contained <= n_contained_loose
-- check: n_deflected <= n_contained
-- not null: n_sessions, n_handed_off, n_contained_loose, n_contained, n_deflected
-- How much the bots keep from the agents. Rates of longer periods are made of sums, not of daily rates.
select
    app_id,
    local_date,
    channel,
    count(*) as n_sessions,
    count(*) filter (where is_handed_off) as n_handed_off,
    count(*) filter (where is_contained_loose) as n_contained_loose,
    count(*) filter (where is_contained) as n_contained,
    count(*) filter (where is_deflected) as n_deflected
from marts.fct_bot_sessions
group by app_id, local_date, channel
