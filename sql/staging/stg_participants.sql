-- grain: one row per participant, in its newest version, unless it, its conversation or its user is gone
-- key: app_id, participant_id
-- unit: conversation
-- primary_channel is the channel of the client that the user used last; null if none is known.
with newest as (
    select
        app_id,
        participant_id,
        conversation_id,
        user_id,
        client_associations,
        unread_count,
        last_read_at,
        exported_at
    from raw.participants
    qualify row_number() over (
        partition by app_id, participant_id
        order by exported_at desc, run_id desc
    ) = 1
)

select
    newest.app_id,
    newest.participant_id,
    newest.conversation_id,
    newest.user_id,
    newest.unread_count,
    newest.client_associations ->> '$[0].type' as primary_channel,
    make_timestamp(epoch_ms(newest.last_read_at) * 1000) as last_read_at
from newest
anti join raw.buried as buried_participant
    on
        newest.app_id = buried_participant.app_id
        and buried_participant.entity = 'participant'
        and newest.participant_id = buried_participant.entity_id
        and newest.exported_at <= buried_participant.seen_at
anti join raw.buried as buried_conversation
    on
        newest.app_id = buried_conversation.app_id
        and buried_conversation.entity = 'conversation'
        and newest.conversation_id = buried_conversation.entity_id
        and newest.exported_at <= buried_conversation.seen_at
anti join raw.buried as buried_user
    on
        newest.app_id = buried_user.app_id
        and buried_user.entity = 'user'
        and newest.user_id = buried_user.entity_id
        and newest.exported_at <= buried_user.seen_at
anti join raw.restricted as restricted_conversation
    on restricted_conversation.kind = 'conversation' and newest.conversation_id = restricted_conversation.id
anti join raw.restricted as restricted_user
    on restricted_user.kind = 'user' and newest.user_id = restricted_user.id
