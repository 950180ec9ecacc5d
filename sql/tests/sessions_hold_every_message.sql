-- Every eligible message of a personal conversation lies in exactly one of its sessions.
with
differences as (
    select
        app_id,
        conversation_id,
        n_user,
        n_agent,
        n_bot,
        n_unknown
    from marts.fct_conversations
    where conversation_type is distinct from 'sdkGroup'
    union all
    select
        app_id,
        conversation_id,
        -n_user as n_user,
        -n_agent as n_agent,
        -n_bot as n_bot,
        -n_unknown as n_unknown
    from marts.fct_sessions
    where conversation_type is distinct from 'sdkGroup'
),

missing as (
    select
        app_id,
        conversation_id,
        sum(n_user) as n_user_missing,
        sum(n_agent) as n_agent_missing,
        sum(n_bot) as n_bot_missing,
        sum(n_unknown) as n_unknown_missing,
        least(sum(n_user), sum(n_agent), sum(n_bot), sum(n_unknown)) as least_missing,
        greatest(sum(n_user), sum(n_agent), sum(n_bot), sum(n_unknown)) as most_missing
    from differences
    group by app_id, conversation_id
)

-- If the settings leave placeholders of deleted messages out of sessions, some may be missing, but none too many.
select missing.*
from missing
cross join settings.general as general
where missing.least_missing < 0 or (missing.most_missing > 0 and not general.exclude_deleted)
