-- grain: one row per app, local date and channel
-- key: app_id, local_date, channel
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Date of the messages in the configured time zone; for conversations, of their creation.
-- column channel: Channel of the messages; 'none' where it is not known.
-- column n_in: Messages of users.
-- column n_out_agent: Messages of agents.
-- column n_out_bot: Messages of bots.
-- column n_out_unknown: Messages of the business that may be an agent's or a bot's.
-- column n_system: Activities, such as a closed ticket.
-- column n_survey: Messages of satisfaction surveys.
-- column active_users: Distinct users with at least one message; must not be summed over days or channels.
-- column new_conversations: Conversations created that day, by the channel of their first user message.
-- column first_contacts: Users whose first message ever was that day, as far as the lake can tell.
-- column n_inferred: Messages whose channel was inferred from other messages, among all of the row.
-- check: active_users <= n_in
-- check: first_contacts <= active_users
-- check: n_inferred <= n_in + n_out_agent + n_out_bot + n_out_unknown + n_system + n_survey
-- not null: n_in, n_out_agent, n_out_bot, n_out_unknown, n_system, n_survey, active_users, new_conversations,
--     first_contacts, n_inferred
-- How much is said on each channel, by whom, and how many people come. All conversations count, groups too. A user of
-- whom earlier messages may be missing is nobody's first contact (see intermediate.int_channel_first_contacts).
-- Active users are who wrote; Zendesk's billed monthly active users also count other things.
with
hours as (
    select * from intermediate.int_conversation_hours
),

conversations as (
    select * from marts.fct_conversations
),

first_contacts as (
    select * from intermediate.int_channel_first_contacts
    where not is_truncated
),

message_counts as (
    select
        app_id,
        local_date,
        channel,
        sum(n) filter (where class = 'user') as n_in,
        sum(n) filter (where class = 'agent') as n_out_agent,
        sum(n) filter (where class = 'bot') as n_out_bot,
        sum(n) filter (where class = 'unknown') as n_out_unknown,
        sum(n) filter (where class = 'system') as n_system,
        sum(n) filter (where class = 'survey') as n_survey,
        count(distinct user_key) filter (where class = 'user' and user_key <> 'none') as active_users,
        sum(n_inferred) as n_inferred
    from hours
    group by app_id, local_date, channel
),

conversation_counts as (
    select
        app_id,
        local_date,
        first_channel as channel,
        count(*) as new_conversations
    from conversations
    where local_date is not null
    group by app_id, local_date, first_channel
),

contact_counts as (
    select
        app_id,
        local_date,
        channel,
        count(*) as first_contacts
    from first_contacts
    group by app_id, local_date, channel
),

counts as (
    select * from message_counts
    union all by name
    select * from conversation_counts
    union all by name
    select * from contact_counts
)

select
    app_id,
    local_date,
    channel,
    coalesce(sum(n_in), 0)::bigint as n_in,
    coalesce(sum(n_out_agent), 0)::bigint as n_out_agent,
    coalesce(sum(n_out_bot), 0)::bigint as n_out_bot,
    coalesce(sum(n_out_unknown), 0)::bigint as n_out_unknown,
    coalesce(sum(n_system), 0)::bigint as n_system,
    coalesce(sum(n_survey), 0)::bigint as n_survey,
    coalesce(sum(active_users), 0)::bigint as active_users,
    coalesce(sum(new_conversations), 0)::bigint as new_conversations,
    coalesce(sum(first_contacts), 0)::bigint as first_contacts,
    coalesce(sum(n_inferred), 0)::bigint as n_inferred
from counts
group by app_id, local_date, channel
