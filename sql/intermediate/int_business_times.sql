-- grain: one row per wait that a schedule applies to, as metrics.md, section 3.5, measures them
-- key: conversation_no, session_no, kind, number
-- unit: conversation
-- Business time from the start of a wait to its end: the answer, else the session's end, else as_of. kind: turn, wait
-- (for a human), handoff (the part of a wait after the hand-off) and bot (for a session's first message of a bot);
-- number counts them in their session. Empty where no schedule is configured.
-- The schedule is the one valid at the arrival for its channel, else for all. Times that do not lie in the expanded
-- range are null. spent_before_ms is the business time from the schedule's first interval to the start of the wait.
with
sessions as (
    select
        conversation_no,
        session_no,
        first_block_no,
        first_channel,
        first_user_ms,
        first_bot_ms,
        coalesce(ended_ms, as_of_ms) as known_until_ms
    from intermediate.int_sessions
    where first_user_ms is not null
),

measured as (
    select
        'turn' as kind,
        blocks.conversation_no,
        blocks.session_no,
        blocks.first_channel as channel,
        blocks.first_ms as arrived_ms,
        blocks.first_ms as from_ms,
        blocks.block_no - sessions.first_block_no + 1 as number,
        coalesce(blocks.reply_ms, sessions.known_until_ms) as to_ms
    from intermediate.int_session_blocks as blocks
    inner join sessions
        on blocks.conversation_no = sessions.conversation_no and blocks.session_no = sessions.session_no
    where blocks.n_user > 0
    union all
    select
        unnest(['wait', 'handoff']) as kind,
        waits.conversation_no,
        waits.session_no,
        waits.channel,
        waits.first_user_ms as arrived_ms,
        unnest([waits.first_user_ms, waits.handoff_from_ms]) as from_ms,
        waits.wait_no as number,
        coalesce(waits.agent_ms, sessions.known_until_ms) as to_ms
    from intermediate.int_human_waits as waits
    inner join sessions
        on waits.conversation_no = sessions.conversation_no and waits.session_no = sessions.session_no
    union all
    select
        'bot' as kind,
        conversation_no,
        session_no,
        first_channel as channel,
        first_user_ms as arrived_ms,
        first_user_ms as from_ms,
        1 as number,
        first_bot_ms as to_ms
    from sessions
    where first_bot_ms is not null
),

usual_uses as (
    select * from settings.schedule_channels
    where channel is null
),

scheduled as (
    select
        measured.*,
        coalesce(own_uses.schedule_id, usual_uses.schedule_id) as schedule_id
    from measured
    left join settings.schedule_channels as own_uses
        on
            measured.channel = own_uses.channel
            and measured.arrived_ms >= own_uses.valid_from_ms
            and measured.arrived_ms < coalesce(own_uses.valid_to_ms, 9223372036854775807)
    left join usual_uses
        on
            measured.arrived_ms >= usual_uses.valid_from_ms
            and measured.arrived_ms < coalesce(usual_uses.valid_to_ms, 9223372036854775807)
    where exists (select 1 from settings.schedule_channels)
),

spent as (
    select
        scheduled.*,
        coalesce(
            opening.business_ms_before + least(scheduled.from_ms, opening.end_ms) - opening.start_ms, 0
        ) as spent_before_ms,
        coalesce(
            closing.business_ms_before + least(scheduled.to_ms, closing.end_ms) - closing.start_ms, 0
        ) as spent_until_ms
    from scheduled
    asof left join settings.business_intervals as opening
        on scheduled.schedule_id = opening.schedule_id and scheduled.from_ms >= opening.start_ms
    asof left join settings.business_intervals as closing
        on scheduled.schedule_id = closing.schedule_id and scheduled.to_ms >= closing.start_ms
    where scheduled.schedule_id is not null
)

select
    spent.conversation_no,
    spent.session_no,
    spent.kind,
    spent.number,
    spent.schedule_id,
    if(spent.from_ms >= schedules.expanded_from_ms, spent.spent_before_ms, null) as spent_before_ms,
    if(
        spent.from_ms >= schedules.expanded_from_ms and spent.to_ms <= schedules.expanded_to_ms,
        spent.spent_until_ms - spent.spent_before_ms,
        null
    ) as business_ms
from spent
inner join settings.schedules as schedules
    on spent.schedule_id = schedules.schedule_id
