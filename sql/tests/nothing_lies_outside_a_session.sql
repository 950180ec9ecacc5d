-- Every turn, human wait, SLA pair, channel switch and bot session belongs to a session that is there.
with
parts as (
    select
        app_id,
        conversation_id,
        session_id,
        'fct_turns' as part
    from marts.fct_turns
    union all
    select
        app_id,
        conversation_id,
        session_id,
        'fct_human_waits' as part
    from marts.fct_human_waits
    union all
    select
        app_id,
        conversation_id,
        session_id,
        'fct_sla' as part
    from marts.fct_sla
    union all
    select
        app_id,
        conversation_id,
        session_id,
        'fct_channel_switches' as part
    from marts.fct_channel_switches
    union all
    select
        app_id,
        conversation_id,
        session_id,
        'fct_bot_sessions' as part
    from marts.fct_bot_sessions
)

select parts.*
from parts
anti join marts.fct_sessions as sessions
    on
        parts.app_id = sessions.app_id
        and parts.conversation_id = sessions.conversation_id
        and parts.session_id = sessions.session_id
