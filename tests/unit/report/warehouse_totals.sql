-- Fills the totals of a warehouse from its sessions, turns and waits; plausible, not the models' own rules.
insert into intermediate.int_conversation_hours
select app_id, conversation_id, user_key, local_date, local_hour, local_weekday, first_channel, 'user', n_user, 0,
    epoch_ms(first_user_at)
from marts.fct_sessions
union all
select app_id, conversation_id, 'none', local_date, local_hour, local_weekday, first_channel, class, n, 0, null
from marts.fct_sessions, (values ('agent'), ('bot')) as classes (class),
    lateral (select case class when 'agent' then n_agent else n_bot end as n) as counted
where n > 0;

insert into marts.agg_channel_daily
select app_id, local_date, first_channel, sum(n_user), sum(n_agent), sum(n_bot), 0, 0, 0, count(distinct user_key),
    sum((hash(session_id) % 5 = 0)::int), sum((hash(session_id) % 6 = 0)::int), 0
from marts.fct_sessions
group by all;

insert into marts.agg_volume_hourly
select app_id, local_date, local_hour, local_weekday, first_channel, sum(n_user), sum(n_agent), sum(n_bot), 0
from marts.fct_sessions
group by all;

insert into marts.agg_session_daily
select app_id, local_date, first_channel, count(*), count(*), 0, 0, count(*) filter (end_reason = 'open'),
    count(*) filter (end_reason = 'ticket:closed'), count(*) filter (end_reason = 'inactivity'),
    count(*) filter (settled), count(*), sum(n_channel_switches)
from marts.fct_sessions
group by all;

insert into marts.fct_channel_switches
select app_id, conversation_id, session_id, session_id, first_user_at, first_channel, others.channel, first_channel,
    others.channel, local_date
from marts.fct_sessions
cross join (select min(first_channel) as channel from marts.fct_sessions) as others
where n_channel_switches > 0 and first_channel <> others.channel;

insert into marts.agg_content_daily
select app_id, local_date, class, content_type, sum(n * share)::bigint as n
from intermediate.int_conversation_hours,
    (values ('text', 30), ('image', 4), ('file', 2), ('formResponse', 1), ('carousel', 1)) as types (content_type, share)
group by all;

insert into marts.agg_delivery_daily
select app_id, local_date, destination_type, count(final_type), count(*) filter (is_failed),
    count(*) filter (final_type is null), count(*) filter (is_failed) / nullif(count(final_type), 0)
from marts.fct_deliveries
group by all;

insert into marts.agg_bot_daily
select app_id, local_date, first_channel, count(*), count(*) filter (is_handed_off), count(*) filter (not is_handed_off),
    count(*) filter (not is_handed_off and not is_human_wanted),
    count(*) filter (not is_handed_off and not is_human_wanted and hash(session_id) % 9 > 0)
from marts.fct_sessions
where settled and n_bot > 0
group by all;

insert into marts.agg_backlog_hourly
with waiting as (
    select app_id, first_channel as channel, first_user_at,
        case
            when frt_human_ms is not null then first_user_at + to_milliseconds(frt_human_ms)
            else first_user_at + interval 24 hours
        end as closed_at
    from marts.fct_sessions
    where is_human_wanted
),
ends as (
    select max(as_of) as as_of from marts.dim_coverage
),
hours as (
    select unnest(generate_series(first_hour, as_of, interval 1 hour)) as hour
    from (select date_trunc('hour', min(first_user_at)) as first_hour from marts.fct_sessions), ends
)
select app_id, channel, hour, count(*), count(*), max(age), max(age), count(*) filter (age < 300),
    count(*) filter (age >= 300 and age < 3600), count(*) filter (age >= 3600 and age < 28800),
    count(*) filter (age >= 28800 and age < 86400), count(*) filter (age >= 86400)
from (
    select app_id, channel, hour, (epoch_ms(hour) - epoch_ms(first_user_at)) / 1000 as age
    from hours inner join waiting on first_user_at <= hour and closed_at > hour
)
group by all;

insert into marts.agg_cohort_monthly
with months as (
    select distinct app_id, user_key, date_trunc('month', local_date)::date as month from marts.fct_sessions
),
firsts as (
    select app_id, user_key, min(month) as cohort_month from months group by all
),
sizes as (
    select app_id, cohort_month, count(*) as cohort_size from firsts group by all
),
ends as (
    select max(local_date) as last from marts.fct_sessions
),
spine as (
    select app_id, cohort_month, cohort_size, k, (cohort_month + to_months(k))::date as month, last
    from sizes, ends, (select unnest(range(12))::integer as k) as offsets
    where month <= last
),
kept as (
    select app_id, cohort_month, k, cohort_size, last, month, count(months.user_key) as n_retained
    from spine
    inner join firsts using (app_id, cohort_month)
    left join months using (app_id, user_key, month)
    group by all
)
select app_id, cohort_month, k, cohort_size, n_retained, n_retained / cohort_size, month + interval 1 month > last
from kept;

insert into marts.agg_sla_daily
with pairs as (
    select app_id, local_date, first_channel as channel, target_id, metric, scope, clock, target_ms,
        case scope when 'human' then frt_human_business_ms else frt_bot_ms end as value_ms, end_reason
    from marts.fct_sessions cross join settings.sla_targets
    where (scope = 'human' and is_human_wanted) or (scope = 'bot' and frt_bot_ms is not null)
)
select app_id, local_date, channel, target_id, metric, scope, clock, n_met, n_breached, n_pending, 0,
    n_met / nullif(n_met + n_breached, 0)
from (
    select app_id, local_date, channel, target_id, metric, scope, clock,
        count(*) filter (value_ms <= target_ms) as n_met,
        count(*) filter (value_ms > target_ms or (value_ms is null and end_reason <> 'open')) as n_breached,
        count(*) filter (value_ms is null and end_reason = 'open') as n_pending
    from pairs
    group by all
);
