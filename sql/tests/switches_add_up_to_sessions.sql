-- The channel switches that a session counts are those that are listed.
with
differences as (
    select
        app_id,
        session_id,
        n_channel_switches as n_switches
    from marts.fct_sessions
    where n_channel_switches > 0
    union all
    select
        app_id,
        session_id,
        -1 as n_switches
    from marts.fct_channel_switches
)

select
    app_id,
    session_id,
    sum(n_switches) as n_missing
from differences
group by app_id, session_id
having sum(n_switches) <> 0
