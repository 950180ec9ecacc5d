-- grain: one row per app, local date, channel, target, metric, scope and clock
-- key: app_id, local_date, channel, target_id, metric, scope, clock
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date that the pairs count on, in the configured time zone.
-- column channel: Channel at the arrival; 'none' if not known.
-- column target_id: Id of the target.
-- column metric: frt, reply, next_reply, human_wait or human_handoff.
-- column scope: Who answers: any, human, agent or bot.
-- column clock: calendar or business.
-- column n_met: Pairs answered within the target.
-- column n_breached: Pairs answered later, or unanswered and older than the target.
-- column n_pending: Pairs still open and not older than the target.
-- column n_excluded: Pairs that ended without an answer and need none.
-- column attainment: n_met / (n_met + n_breached); null if both are 0.
-- check: n_met + n_breached + n_pending + n_excluded > 0
-- check: attainment between 0 and 1
-- not null: n_met, n_breached, n_pending, n_excluded
-- How well promises were kept, in exported conversations only (marts.dim_coverage). For longer periods, add up the
-- counts and divide again.
select
    app_id,
    local_date,
    channel,
    target_id,
    metric,
    scope,
    clock,
    count(*) filter (where outcome = 'met') as n_met,
    count(*) filter (where outcome = 'breached') as n_breached,
    count(*) filter (where outcome = 'pending') as n_pending,
    count(*) filter (where outcome = 'excluded') as n_excluded,
    count(*) filter (where outcome = 'met')
    / nullif(count(*) filter (where outcome in ('met', 'breached')), 0) as attainment
from marts.fct_sla
group by all
