-- The messages of a conversation by hour and by content are those that the conversation counts, class by class.
with
counts as (
    select
        app_id,
        conversation_id,
        n_user,
        n_agent,
        n_bot,
        n_unknown,
        n_system + n_survey as n_other,
        n_messages
    from marts.fct_conversations
    union all
    select
        app_id,
        conversation_id,
        if(class = 'user', -n, 0) as n_user,
        if(class = 'agent', -n, 0) as n_agent,
        if(class = 'bot', -n, 0) as n_bot,
        if(class = 'unknown', -n, 0) as n_unknown,
        if(class in ('system', 'survey'), -n, 0) as n_other,
        0 as n_messages
    from intermediate.int_conversation_hours
    union all
    select
        app_id,
        conversation_id,
        0 as n_user,
        0 as n_agent,
        0 as n_bot,
        0 as n_unknown,
        0 as n_other,
        -n as n_messages
    from intermediate.int_conversation_content
),

missing as (
    select
        app_id,
        conversation_id,
        sum(n_user) as n_user_missing,
        sum(n_agent) as n_agent_missing,
        sum(n_bot) as n_bot_missing,
        sum(n_unknown) as n_unknown_missing,
        sum(n_other) as n_other_missing,
        sum(n_messages) as n_by_content_missing,
        least(sum(n_user), sum(n_agent), sum(n_bot), sum(n_unknown), sum(n_other), sum(n_messages)) as least_missing,
        greatest(sum(n_user), sum(n_agent), sum(n_bot), sum(n_unknown), sum(n_other), sum(n_messages)) as most_missing
    from counts
    group by app_id, conversation_id
)

-- If the settings leave placeholders of deleted messages out, some may be missing, but none too many.
select missing.*
from missing
cross join settings.general as general
where missing.least_missing < 0 or (missing.most_missing > 0 and not general.exclude_deleted)
