-- grain: one row per user message on another channel than the user message before it in the same session
-- key: app_id, conversation_id, message_id
-- unit: conversation
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column session_id: Id of the session.
-- column message_id: Id of the first user message on the new channel.
-- column switched_at: Moment of that message, in UTC.
-- column from_channel: Channel of the user message before it.
-- column to_channel: Channel of this message.
-- column from_family: Family of the channel before, in which web, ios, android and unity are one: sdk.
-- column to_family: Family of the new channel.
-- column local_date: Date of this message in the configured time zone.
-- check: from_family <> to_family
-- not null: session_id, switched_at, from_channel, to_channel, from_family, to_family, local_date
-- How often people change the channel in the midst of a session. From web to iOS is no switch: both are one family.
-- Messages whose channel is not known are passed over. The rate is sessions with a switch among sessions with two or
-- more user messages (marts.agg_session_daily: n_with_switch / n_multi_message).
with
changes as (
    select
        messages.app_id,
        messages.conversation_id,
        messages.conversation_no,
        messages.message_id,
        messages.message_no,
        messages.received as switched_at,
        messages.user_channel as from_channel,
        messages.channel as to_channel,
        messages.channel_family as to_family,
        messages.local_date,
        coalesce(families.channel_family, messages.user_channel) as from_family
    from intermediate.int_messages_classified as messages
    left join settings.channel_families as families
        on messages.user_channel = families.channel
    where
        messages.class = 'user'
        and messages.is_eligible
        and messages.user_channel != messages.channel
        and coalesce(families.channel_family, messages.user_channel) != messages.channel_family
),

-- The first user message of a session follows one of an earlier session, if any.
sessions as (
    select
        sessions.conversation_no,
        sessions.session_id,
        sessions.last_no,
        blocks.first_no as first_user_no
    from intermediate.int_sessions as sessions
    inner join intermediate.int_session_blocks as blocks
        on
            sessions.conversation_no = blocks.conversation_no
            and sessions.session_no = blocks.session_no
            and sessions.first_block_no = blocks.block_no
)

select
    changes.app_id,
    changes.conversation_id,
    sessions.session_id,
    changes.message_id,
    changes.switched_at,
    changes.from_channel,
    changes.to_channel,
    changes.from_family,
    changes.to_family,
    changes.local_date
from changes
inner join sessions
    on
        changes.conversation_no = sessions.conversation_no
        and changes.message_no > sessions.first_user_no
        and changes.message_no <= sessions.last_no
