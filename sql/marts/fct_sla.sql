-- grain: one row per pair (an arrival and its answer) and metric, scope and clock that a target holds for
-- key: app_id, conversation_id, pair_id, metric, scope, clock
-- unit: conversation
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column session_id: Id of the session.
-- column pair_id: Id of the session (metric frt), else of the first user message of the turn or wait.
-- column metric: frt, reply, next_reply, human_wait or human_handoff.
-- column scope: Who answers: any, human, agent or bot.
-- column clock: calendar or business.
-- column target_id: Id of the target.
-- column channel: Channel at the arrival; 'none' if not known.
-- column arrived_at: Moment of the first user message, in UTC.
-- column due_at: Moment until which an answer meets the target, in UTC; null beyond the schedule's range.
-- column value_ms: Milliseconds to the answer, on the clock; null without one.
-- column age_ms: Milliseconds to the session's end or to as_of, on the clock; null if answered.
-- column target_ms: Milliseconds that the target allows.
-- column outcome: met, breached, pending or excluded.
-- column local_date: Date that the pair counts on, in the configured time zone.
-- check: outcome in ('met', 'breached', 'pending', 'excluded')
-- check: value_ms is null or age_ms is null
-- not null: session_id, target_id, channel, arrived_at, target_ms, outcome, local_date
-- Promises and whether they were kept. A pair takes the target that was valid when it arrived: its channel's own, else
-- the one for all channels. Exactly the target is met. Open is pending until it is older than the target, and then
-- breached. Closed without an answer is excluded (a closing "thanks" needs none), unless it is a first reply (frt) that
-- the user waited longer for than the target: that is breached. What lies beyond the schedule's range has no business
-- time, and no row on that clock.
with
clocks as (
    select distinct
        metric,
        scope,
        clock
    from settings.sla_targets
),

usual_targets as (
    select * from settings.sla_targets
    where channel is null
),

promised as (
    select
        pairs.*,
        clocks.clock,
        coalesce(own_targets.target_id, usual_targets.target_id) as target_id,
        coalesce(own_targets.target_ms, usual_targets.target_ms) as target_ms,
        if(clocks.clock = 'business', pairs.business_ms, pairs.spent_ms) as clock_ms,
        if(clocks.clock = 'business', pairs.spent_before_ms, null)
        + coalesce(own_targets.target_ms, usual_targets.target_ms) as due_business_ms
    from intermediate.int_pairs as pairs
    inner join clocks
        on pairs.metric = clocks.metric and pairs.scope = clocks.scope
    left join settings.sla_targets as own_targets
        on
            clocks.metric = own_targets.metric and clocks.scope = own_targets.scope
            and clocks.clock = own_targets.clock and pairs.channel = own_targets.channel
            and pairs.arrived_ms >= own_targets.valid_from_ms
            and pairs.arrived_ms < coalesce(own_targets.valid_to_ms, 9223372036854775807)
    left join usual_targets
        on
            clocks.metric = usual_targets.metric and clocks.scope = usual_targets.scope
            and clocks.clock = usual_targets.clock
            and pairs.arrived_ms >= usual_targets.valid_from_ms
            and pairs.arrived_ms < coalesce(usual_targets.valid_to_ms, 9223372036854775807)
),

judged as (
    select
        promised.*,
        coalesce(promised.channel, 'none') as known_channel,
        make_timestamp(promised.arrived_ms * 1000) as arrived_at,
        make_timestamp(1000 * case
            when promised.clock = 'calendar' then promised.from_ms + promised.target_ms
            when promised.due_business_ms <= hours.business_ms_before + hours.end_ms - hours.start_ms
                then hours.start_ms + promised.due_business_ms - hours.business_ms_before
        end) as due_at,
        if(promised.is_answered, promised.clock_ms, null) as value_ms,
        if(promised.is_answered, null, promised.clock_ms) as age_ms,
        case
            when promised.is_answered then if(promised.clock_ms <= promised.target_ms, 'met', 'breached')
            when promised.is_open then if(promised.clock_ms <= promised.target_ms, 'pending', 'breached')
            else if(promised.metric = 'frt' and promised.clock_ms > promised.target_ms, 'breached', 'excluded')
        end as outcome
    from promised
    asof left join settings.business_intervals as hours
        on
            promised.schedule_id = hours.schedule_id
            and promised.due_business_ms > hours.business_ms_before
    where promised.target_id is not null and promised.clock_ms is not null
)

select
    app_id,
    conversation_id,
    session_id,
    pair_id,
    metric,
    scope,
    clock,
    target_id,
    known_channel as channel,
    arrived_at,
    due_at,
    value_ms,
    age_ms,
    target_ms,
    outcome,
    local_date
from judged
