-- grain: one row per app, local date, channel, scope, clock and metric with at least one arrival
-- key: app_id, local_date, channel, scope, clock, metric
-- unit: local_date
-- Waits for an agent (metrics human_wait and human_handoff).
-- The parts of marts.agg_response_daily, where metrics and scopes are explained, are computed one by one, since exact
-- percentiles need all values of a group in memory.
with
responses as (
    select
        waits.app_id,
        waits.local_date,
        waits.channel,
        kinds.metric,
        'human' as scope,
        waits.schedule_id,
        waits.is_open,
        if(kinds.metric = 'human_wait', waits.wait_ms, waits.handoff_ms) as calendar_ms,
        if(kinds.metric = 'human_wait', waits.wait_business_ms, waits.handoff_business_ms) as business_ms
    from marts.fct_human_waits as waits
    cross join (values ('human_wait'), ('human_handoff')) as kinds (metric)
    where waits.status != 'bot_only'
),

timed as (
    select
        responses.app_id,
        responses.local_date,
        responses.scope,
        clocks.clock,
        responses.metric,
        responses.is_open,
        coalesce(responses.channel, 'none') as channel,
        responses.calendar_ms is not null as is_answered,
        if(clocks.clock = 'business', responses.business_ms, responses.calendar_ms) as answer_ms
    from responses
    inner join (values ('calendar'), ('business')) as clocks (clock)
        on
            clocks.clock = 'calendar'
            or responses.business_ms is not null
            or (responses.schedule_id is not null and responses.calendar_ms is null)
),

measured as (
    select
        app_id,
        local_date,
        channel,
        scope,
        clock,
        metric,
        count(*) as n,
        count(*) filter (where is_answered) as n_answered,
        count(*) filter (where not is_answered and is_open) as n_open,
        count(*) filter (where not is_answered and not is_open) as n_closed_unanswered,
        sum(answer_ms) / count(answer_ms) / 1000 as avg_s,
        quantile_cont(answer_ms / 1000, [0.5, 0.9, 0.95]) as percentiles_s,
        max(answer_ms) / 1000 as max_s
    from timed
    group by all
)

select
    * exclude (percentiles_s),
    percentiles_s[1] as p50_s,
    percentiles_s[2] as p90_s,
    percentiles_s[3] as p95_s
from measured
