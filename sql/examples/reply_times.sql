-- grain: one row per channel
-- How long users wait: for each turn (a block of user messages) the time from its first message to the reply. Turns
-- without a reply have no time, so their share stands beside it. The rules are those of marts.fct_turns.
select
    coalesce(channel, 'none') as channel,
    count(*) as turn_count,
    round(100 * avg(cast(status <> 'answered' as integer)), 1) as unanswered_percent,
    round(quantile_cont(cast(reply_ms as double), 0.5) / 1000, 1) as median_seconds,
    round(quantile_cont(cast(reply_ms as double), 0.9) / 1000, 1) as p90_seconds
from marts.fct_turns
group by all
order by turn_count desc, channel asc
