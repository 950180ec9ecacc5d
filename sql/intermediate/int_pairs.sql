-- grain: one row per pair (an arrival and its answer), and metric and scope, that some target is about
-- key: app_id, conversation_id, pair_id, metric, scope
-- unit: conversation
-- What targets are held against; who counts is told by metrics.md, section 3.5. Empty where no target is configured.
-- spent_ms is the time from from_ms to the answer, else to the session's end, else to as_of; business_ms is the part of
-- it within business hours, and spent_before_ms that from the schedule's first interval to from_ms.
with
wanted as (
    select distinct
        metric,
        scope
    from settings.sla_targets
),

pairs as (
    select
        sessions.app_id,
        sessions.session_id,
        sessions.session_id as pair_id,
        wanted.metric,
        wanted.scope,
        sessions.first_channel as channel,
        sessions.local_date,
        case wanted.scope when 'any' then 'turn' when 'human' then 'wait' else 'bot' end as kind,
        1 as number,
        epoch_ms(sessions.first_user_at) as arrived_ms,
        epoch_ms(sessions.first_user_at) as from_ms,
        case wanted.scope
            when 'any' then sessions.frt_any_ms
            when 'human' then sessions.frt_human_ms
            else sessions.frt_bot_ms
        end as answered_ms
    from marts.fct_sessions as sessions
    inner join wanted
        on
            wanted.metric = 'frt'
            and case wanted.scope
                when 'any' then true
                when 'human' then sessions.is_human_wanted
                when 'bot' then sessions.frt_bot_ms is not null
            end
    where sessions.initiated_by = 'user' and not sessions.left_truncated
    union all
    select
        turns.app_id,
        turns.session_id,
        turns.first_user_msg_id as pair_id,
        wanted.metric,
        wanted.scope,
        turns.channel,
        turns.local_date,
        'turn' as kind,
        turns.turn_no as number,
        turns.first_user_ms as arrived_ms,
        turns.first_user_ms as from_ms,
        turns.reply_ms as answered_ms
    from marts.fct_turns as turns
    inner join wanted
        on
            wanted.metric in ('reply', if(turns.turn_no > 1, 'next_reply', 'reply'))
            and wanted.scope in ('any', turns.reply_class)
    union all
    select
        waits.app_id,
        waits.session_id,
        waits.first_user_msg_id as pair_id,
        wanted.metric,
        wanted.scope,
        waits.channel,
        waits.local_date,
        if(wanted.metric = 'human_wait', 'wait', 'handoff') as kind,
        waits.wait_no as number,
        waits.first_user_ms as arrived_ms,
        if(wanted.metric = 'human_wait', waits.first_user_ms, epoch_ms(waits.handoff_from_at)) as from_ms,
        if(wanted.metric = 'human_wait', waits.wait_ms, waits.handoff_ms) as answered_ms
    from marts.fct_human_waits as waits
    inner join wanted
        on wanted.metric in ('human_wait', 'human_handoff') and wanted.scope = 'human'
    where waits.status != 'bot_only'
)

select
    pairs.*,
    sessions.conversation_id,
    times.schedule_id,
    times.spent_before_ms,
    times.business_ms,
    pairs.answered_ms is not null as is_answered,
    sessions.ended_ms is null as is_open,
    coalesce(pairs.answered_ms, coalesce(sessions.ended_ms, sessions.as_of_ms) - pairs.from_ms) as spent_ms
from pairs
inner join intermediate.int_sessions as sessions
    on pairs.app_id = sessions.app_id and pairs.session_id = sessions.session_id
left join intermediate.int_business_times as times
    on
        sessions.conversation_no = times.conversation_no and sessions.session_no = times.session_no
        and pairs.kind = times.kind and pairs.number = times.number
