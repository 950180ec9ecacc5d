-- The tables of a warehouse that the report reads, empty.
create schema marts;
create schema intermediate;
create schema settings;
create schema meta;

create table meta.build (rebuilt_at timestamp, version varchar, as_of timestamp);

create table settings.general (time_zone varchar, include_groups boolean, exclude_deleted boolean, attribution varchar);
create table settings.sla_targets (
    target_id varchar, metric varchar, scope varchar, channel varchar, clock varchar, target_ms bigint,
    valid_from_ms bigint, valid_to_ms bigint
);
create table settings.schedules (schedule_id varchar, time_zone varchar, expanded_from_ms bigint, expanded_to_ms bigint);
create table settings.schedule_channels (
    channel varchar, schedule_id varchar, valid_from_ms bigint, valid_to_ms bigint
);

create table intermediate.int_conversation_hours (
    app_id varchar, conversation_id varchar, user_key varchar, local_date date, local_hour tinyint,
    local_weekday tinyint, channel varchar, class varchar, n bigint, n_inferred bigint, first_ms bigint
);

create table marts.fct_sessions (
    app_id varchar, conversation_id varchar, session_id varchar, session_no bigint, user_key varchar,
    conversation_type varchar, started_at timestamp, ended_at timestamp, end_reason varchar, initiated_by varchar,
    first_user_at timestamp, schedule_id varchar, first_reply_at_any timestamp, first_reply_at_human timestamp,
    first_reply_at_bot timestamp, frt_any_ms bigint, frt_human_ms bigint, frt_bot_ms bigint,
    frt_human_handoff_ms bigint, frt_any_business_ms bigint, frt_human_business_ms bigint,
    frt_bot_business_ms bigint, frt_human_handoff_business_ms bigint, n_user bigint, n_agent bigint, n_bot bigint,
    n_unknown bigint, first_channel varchar, n_channels bigint, n_channel_switches bigint, last_class varchar,
    left_truncated boolean, is_human_wanted boolean, is_handed_off boolean, settled boolean, as_of timestamp,
    local_date date, local_hour tinyint, local_weekday tinyint
);
create table marts.fct_turns (
    app_id varchar, conversation_id varchar, session_id varchar, turn_no bigint, user_key varchar,
    first_user_msg_id varchar, last_user_msg_id varchar, reply_msg_id varchar, first_user_at timestamp,
    last_user_at timestamp, reply_at timestamp, closed_at timestamp, n_user_msgs bigint, reply_class varchar,
    reply_ms bigint, reply_from_last_ms bigint, reply_business_ms bigint, status varchar, channel varchar,
    channel_family varchar, schedule_id varchar, first_user_ms bigint, closed_ms bigint, as_of_ms bigint,
    local_date date, local_hour tinyint, local_weekday tinyint
);
create table marts.fct_human_waits (
    app_id varchar, conversation_id varchar, session_id varchar, wait_no bigint, user_key varchar,
    first_user_msg_id varchar, agent_msg_id varchar, first_user_at timestamp, handoff_from_at timestamp,
    agent_at timestamp, closed_at timestamp, n_user_msgs bigint, wait_ms bigint, handoff_ms bigint,
    wait_business_ms bigint, handoff_business_ms bigint, handoff_basis varchar, status varchar, is_open boolean,
    channel varchar, channel_family varchar, schedule_id varchar, first_user_ms bigint, closed_ms bigint,
    as_of_ms bigint, local_date date, local_hour tinyint, local_weekday tinyint
);
create table marts.fct_channel_switches (
    app_id varchar, conversation_id varchar, session_id varchar, message_id varchar, switched_at timestamp,
    from_channel varchar, to_channel varchar, from_family varchar, to_family varchar, local_date date
);
create table marts.fct_deliveries (
    app_id varchar, conversation_id varchar, message_id varchar, destination_type varchar, final_type varchar,
    is_failed boolean, error_code varchar, n_events bigint, last_event_at timestamp, local_date date
);

create table marts.agg_backlog_hourly (
    app_id varchar, channel varchar, hour timestamp, open_turns bigint, pending_human bigint, oldest_age_s double,
    oldest_pending_human_age_s double, n_lt_5m bigint, n_lt_1h bigint, n_lt_8h bigint, n_lt_24h bigint,
    n_ge_24h bigint
);
create table marts.agg_session_daily (
    app_id varchar, local_date date, channel varchar, n_sessions bigint, n_user_initiated bigint,
    n_business_initiated bigint, n_left_truncated bigint, n_open bigint, n_closed_by_activity bigint,
    n_inactive bigint, n_settled bigint, n_multi_message bigint, n_with_switch bigint
);
create table marts.agg_channel_daily (
    app_id varchar, local_date date, channel varchar, n_in bigint, n_out_agent bigint, n_out_bot bigint,
    n_out_unknown bigint, n_system bigint, n_survey bigint, active_users bigint, new_conversations bigint,
    first_contacts bigint, n_inferred bigint
);
create table marts.agg_volume_hourly (
    app_id varchar, local_date date, local_hour tinyint, local_weekday tinyint, channel varchar, n_in bigint,
    n_out_agent bigint, n_out_bot bigint, n_out_unknown bigint
);
create table marts.agg_content_daily (
    app_id varchar, local_date date, class varchar, content_type varchar, n bigint
);
create table marts.agg_delivery_daily (
    app_id varchar, local_date date, destination_type varchar, n_final bigint, n_failed bigint, n_in_flight bigint,
    failure_rate double
);
create table marts.agg_bot_daily (
    app_id varchar, local_date date, channel varchar, n_sessions bigint, n_handed_off bigint,
    n_contained_loose bigint, n_contained bigint, n_deflected bigint
);
create table marts.agg_cohort_monthly (
    app_id varchar, cohort_month date, k integer, cohort_size bigint, n_retained bigint, retention double,
    partial boolean
);
create table marts.agg_sla_daily (
    app_id varchar, local_date date, channel varchar, target_id varchar, metric varchar, scope varchar,
    clock varchar, n_met bigint, n_breached bigint, n_pending bigint, n_excluded bigint, attainment double
);
create table marts.dim_coverage (
    app_id varchar, entity varchar, n_known bigint, n_walked bigint, n_gone bigint, n_failed bigint,
    n_pending bigint, share_walked double, as_of timestamp
);
