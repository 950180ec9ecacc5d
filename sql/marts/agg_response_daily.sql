-- grain: one row per app, local date, channel, scope, clock and metric with at least one arrival
-- key: app_id, local_date, channel, scope, clock, metric
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date of the arrival in the configured time zone (of the reply, if so configured; not for frt).
-- column channel: Channel at the arrival; 'none' if not known.
-- column scope: Who answers: any, human, agent or bot.
-- column clock: calendar or business; business rows only where a schedule applies and is expanded.
-- column metric: frt, reply, next_reply, human_wait or human_handoff.
-- column n: Number of arrivals.
-- column n_answered: How many of them were answered.
-- column n_open: How many wait in an open session.
-- column n_closed_unanswered: How many were unanswered when their session ended.
-- column avg_s: Mean seconds to the answer, of those answered; null if none was.
-- column p50_s: Median of these seconds, interpolated.
-- column p90_s: Their 90th percentile, interpolated.
-- column p95_s: Their 95th percentile, interpolated.
-- column max_s: The longest of them.
-- column pct_within_target: Share (0 to 1) of kept promises among decided ones in marts.fct_sla; null if none is.
-- check: n_answered + n_open + n_closed_unanswered = n
-- check: p50_s <= p90_s and p90_s <= p95_s and p95_s <= max_s
-- check: pct_within_target between 0 and 1
-- not null: n, n_answered, n_open, n_closed_unanswered
-- How long users wait, in exported conversations (marts.dim_coverage). frt: first reply of sessions that a user began
-- and that are not left_truncated; scope human counts those where a human was wanted, bot those where a bot replied.
-- reply: all turns, next_reply: all but the first of a session; scopes agent and bot count turns that these answered.
-- human_wait and human_handoff: waits for an agent, from the arrival and from the hand-off, but none that were a bot's.
-- A slow day looks quick until its open waits close: show (n_open + n_closed_unanswered) / n beside a percentile.
-- Longer periods can't be made from these rows; ask marts.fct_turns, fct_human_waits and fct_sessions.
with
kept as (
    select
        app_id,
        local_date,
        channel,
        scope,
        clock,
        metric,
        count(*) filter (where outcome = 'met')
        / nullif(count(*) filter (where outcome in ('met', 'breached')), 0) as pct_within_target
    from marts.fct_sla
    group by all
),

measured as (
    select * from intermediate.int_first_reply_times_daily
    union all by name
    select * from intermediate.int_turn_times_daily
    union all by name
    select * from intermediate.int_wait_times_daily
)

select
    responses.app_id,
    responses.local_date,
    responses.channel,
    responses.scope,
    responses.clock,
    responses.metric,
    responses.n,
    responses.n_answered,
    responses.n_open,
    responses.n_closed_unanswered,
    responses.avg_s,
    responses.p50_s,
    responses.p90_s,
    responses.p95_s,
    responses.max_s,
    kept.pct_within_target
from measured as responses
left join kept
    on
        responses.app_id = kept.app_id and responses.local_date = kept.local_date
        and responses.channel = kept.channel and responses.scope = kept.scope
        and responses.clock = kept.clock and responses.metric = kept.metric
