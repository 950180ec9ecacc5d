-- A day's messages by content are as many as its messages by channel, class by class.
with
differences as (
    select
        app_id,
        local_date,
        if(class = 'user', n, 0) as n_in,
        if(class in ('agent', 'bot', 'unknown'), n, 0) as n_out,
        if(class in ('system', 'survey'), n, 0) as n_other
    from marts.agg_content_daily
    union all
    select
        app_id,
        local_date,
        -n_in as n_in,
        -(n_out_agent + n_out_bot + n_out_unknown) as n_out,
        -(n_system + n_survey) as n_other
    from marts.agg_channel_daily
)

select
    app_id,
    local_date,
    sum(n_in) as n_in_too_many,
    sum(n_out) as n_out_too_many,
    sum(n_other) as n_other_too_many
from differences
group by app_id, local_date
having sum(n_in) <> 0 or sum(n_out) <> 0 or sum(n_other) <> 0
