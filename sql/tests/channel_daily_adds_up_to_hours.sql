-- A day's messages on a channel are those of its conversations' hours, class by class.
with
differences as (
    select
        app_id,
        local_date,
        channel,
        n_in,
        n_out_agent,
        n_out_bot,
        n_out_unknown,
        n_system + n_survey as n_other,
        n_inferred
    from marts.agg_channel_daily
    union all
    select
        app_id,
        local_date,
        channel,
        if(class = 'user', -n, 0) as n_in,
        if(class = 'agent', -n, 0) as n_out_agent,
        if(class = 'bot', -n, 0) as n_out_bot,
        if(class = 'unknown', -n, 0) as n_out_unknown,
        if(class in ('system', 'survey'), -n, 0) as n_other,
        -n_inferred as n_inferred
    from intermediate.int_conversation_hours
)

select
    app_id,
    local_date,
    channel,
    sum(n_in) as n_in_too_many,
    sum(n_out_agent) as n_out_agent_too_many,
    sum(n_out_bot) as n_out_bot_too_many,
    sum(n_out_unknown) as n_out_unknown_too_many,
    sum(n_other) as n_other_too_many,
    sum(n_inferred) as n_inferred_too_many
from differences
group by app_id, local_date, channel
having
    sum(n_in) <> 0
    or sum(n_out_agent) <> 0
    or sum(n_out_bot) <> 0
    or sum(n_out_unknown) <> 0
    or sum(n_other) <> 0
    or sum(n_inferred) <> 0
