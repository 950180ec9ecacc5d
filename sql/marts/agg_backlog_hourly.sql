-- grain: one row per app, channel and hour of UTC at whose beginning somebody waited
-- key: app_id, channel, hour
-- unit: channel_date
-- column app_id: Id of the app.
-- column channel: Channel at the arrival; 'none' if not known.
-- column hour: The full hour, in UTC.
-- column open_turns: Turns that had begun by then and were not over.
-- column pending_human: Waits for an agent that had begun by then and were not over, but none that is only a bot's.
-- column oldest_age_s: Seconds that the oldest of the open turns had lasted; null if there is none.
-- column oldest_pending_human_age_s: Seconds that the oldest of the waits had lasted; null if there is none.
-- column n_lt_5m: Open turns that had lasted less than 5 minutes.
-- column n_lt_1h: Open turns from 5 minutes to less than an hour.
-- column n_lt_8h: Open turns from one hour to less than 8.
-- column n_lt_24h: Open turns from 8 hours to less than 24.
-- column n_ge_24h: Open turns of 24 hours and more.
-- column local_date: Date of the hour in the configured time zone.
-- check: n_lt_5m + n_lt_1h + n_lt_8h + n_lt_24h + n_ge_24h = open_turns
-- check: open_turns > 0 or pending_human > 0
-- check: (open_turns > 0) = (oldest_age_s is not null)
-- not null: open_turns, pending_human, n_lt_5m, n_lt_1h, n_lt_8h, n_lt_24h, n_ge_24h, local_date
-- Who waited when. A turn is backlog from its first message on until just before its reply or the end of its session;
-- what is still open is so until the newest moment that is known of the app. A wait for an agent goes on while a bot
-- talks. Past hours are computed again where waits changed, so that late facts find their place.
with
counts as (
    select
        *,
        n_1 + n_2 + n_3 + n_4 + n_5 as open_turns,
        make_timestamp(hour_no * 3600000000) as hour -- noqa: RF04
    from intermediate.int_backlog_ages
)

select
    counts.app_id,
    counts.channel,
    counts.hour,
    counts.open_turns,
    counts.n_human as pending_human,
    oldest.oldest_age_s,
    oldest.oldest_pending_human_age_s,
    counts.n_1 as n_lt_5m,
    counts.n_2 as n_lt_1h,
    counts.n_3 as n_lt_8h,
    counts.n_4 as n_lt_24h,
    counts.n_5 as n_ge_24h,
    time_slots.local_date
from counts
inner join intermediate.int_backlog_oldest as oldest
    on counts.app_id = oldest.app_id and counts.channel = oldest.channel and counts.hour_no = oldest.hour_no
left join settings.time_slots as time_slots
    on counts.hour_no * 4 = time_slots.slot
