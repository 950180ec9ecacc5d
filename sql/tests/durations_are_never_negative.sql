-- No time is negative, and none by business hours is longer than by the calendar.
with
durations as (
    select
        app_id,
        session_id,
        'frt_any' as duration,
        frt_any_ms as calendar_ms,
        frt_any_business_ms as business_ms
    from marts.fct_sessions
    union all
    select
        app_id,
        session_id,
        'frt_human' as duration,
        frt_human_ms as calendar_ms,
        frt_human_business_ms as business_ms
    from marts.fct_sessions
    union all
    select
        app_id,
        session_id,
        'frt_bot' as duration,
        frt_bot_ms as calendar_ms,
        frt_bot_business_ms as business_ms
    from marts.fct_sessions
    union all
    select
        app_id,
        session_id,
        'frt_human_handoff' as duration,
        frt_human_handoff_ms as calendar_ms,
        frt_human_handoff_business_ms as business_ms
    from marts.fct_sessions
    union all
    select
        app_id,
        session_id,
        'reply' as duration,
        reply_ms as calendar_ms,
        reply_business_ms as business_ms
    from marts.fct_turns
    union all
    select
        app_id,
        session_id,
        'wait' as duration,
        wait_ms as calendar_ms,
        wait_business_ms as business_ms
    from marts.fct_human_waits
    union all
    select
        app_id,
        session_id,
        'handoff' as duration,
        handoff_ms as calendar_ms,
        handoff_business_ms as business_ms
    from marts.fct_human_waits
)

select *
from durations
where calendar_ms < 0 or business_ms < 0 or business_ms > calendar_ms
