-- grain: one row per app, local date, channel, scope, clock and metric with at least one arrival
-- key: app_id, local_date, channel, scope, clock, metric
-- unit: local_date
-- What marts.agg_response_daily shows but for targets; metrics, scopes and who counts are explained there.
with
responses as (
    select
        sessions.app_id,
        sessions.local_date,
        sessions.first_channel as channel,
        'frt' as metric,
        scopes.scope,
        sessions.schedule_id,
        sessions.end_reason = 'open' as is_open,
        case scopes.scope
            when 'any' then sessions.frt_any_ms
            when 'human' then sessions.frt_human_ms
            else sessions.frt_bot_ms
        end as calendar_ms,
        case scopes.scope
            when 'any' then sessions.frt_any_business_ms
            when 'human' then sessions.frt_human_business_ms
            else sessions.frt_bot_business_ms
        end as business_ms
    from marts.fct_sessions as sessions
    cross join (values ('any'), ('human'), ('bot')) as scopes (scope)
    where
        sessions.initiated_by = 'user' and not sessions.left_truncated
        and (scopes.scope != 'human' or sessions.is_human_wanted)
        and (scopes.scope != 'bot' or sessions.frt_bot_ms is not null)
    union all
    select
        turns.app_id,
        turns.local_date,
        turns.channel,
        kinds.metric,
        if(kinds.is_by_class, turns.reply_class, 'any') as scope,
        turns.schedule_id,
        turns.status = 'open' as is_open,
        turns.reply_ms as calendar_ms,
        turns.reply_business_ms as business_ms
    from marts.fct_turns as turns
    cross join (
        values ('reply', false), ('reply', true), ('next_reply', false), ('next_reply', true)
    ) as kinds (metric, is_by_class)
    where
        (kinds.metric = 'reply' or turns.turn_no > 1)
        and (not kinds.is_by_class or turns.reply_class in ('agent', 'bot'))
    union all
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
)

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
