-- The share within target beside a day's response times is that of the targets' own outcomes.
with
outcomes as (
    select
        app_id,
        local_date,
        channel,
        metric,
        scope,
        clock,
        sum(n_met) as n_met,
        sum(n_met + n_breached) as n_judged
    from marts.agg_sla_daily
    group by app_id, local_date, channel, metric, scope, clock
)

select
    responses.app_id,
    responses.local_date,
    responses.channel,
    responses.metric,
    responses.scope,
    responses.clock,
    responses.pct_within_target,
    outcomes.n_met,
    outcomes.n_judged
from marts.agg_response_daily as responses
left join outcomes
    on
        responses.app_id = outcomes.app_id
        and responses.local_date = outcomes.local_date
        and responses.channel = outcomes.channel
        and responses.metric = outcomes.metric
        and responses.scope = outcomes.scope
        and responses.clock = outcomes.clock
where responses.pct_within_target is distinct from outcomes.n_met / nullif(outcomes.n_judged, 0)
