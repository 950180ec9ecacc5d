-- grain: one row per conversation that time alone can change
-- key: app_id, conversation_id
-- unit: conversation
-- stored: yes
-- unsettled: known_ms is null or greatest(found_ms, now_ms) < known_ms or greatest(found_ms, now_ms) > lasts_until_ms
-- moves: known_ms
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column found_ms: Moment of its newest message, or start of the run that wrote one, if later; null without messages.
-- column known_ms: Moment up to which the conversation is known; null if that can't be told.
-- column lasts_until_ms: Moment up to which it can be read without any change but that of what it is known up to.
-- check: known_ms <= lasts_until_ms
-- not null: lasts_until_ms
-- Conversations that the app's next complete run makes known up to a later moment. Beyond lasts_until_ms a session ends
-- or is settled, and the conversation has to be computed again; before, moments are all that moves. Where a target is
-- configured, ages move too; and where control was handed over later than the export began, who knows what.
with
sessions as (
    select
        conversation_no,
        min(lasts_until_ms) as lasts_until_ms
    from intermediate.int_sessions
    group by conversation_no
),

handoffs as (
    select
        conversation_no,
        max(created_ms) as last_ms
    from intermediate.int_handoffs
    group by conversation_no
),

known as (
    select
        conversations.app_id,
        conversations.conversation_id,
        sessions.lasts_until_ms,
        handoffs.last_ms as last_handoff_ms,
        if(
            spans.conversation_no is null, null, greatest(spans.last_message_ms, conversations.last_run_ms)
        ) as found_ms,
        if(spans.conversation_no is null, conversations.app_read_ms, spans.read_ms) as known_ms
    from intermediate.int_conversations as conversations
    left join intermediate.int_conversation_spans as spans
        on conversations.conversation_no = spans.conversation_no
    left join sessions
        on conversations.conversation_no = sessions.conversation_no
    left join handoffs
        on conversations.conversation_no = handoffs.conversation_no
    where
        conversations.is_complete
        and (sessions.conversation_no is null or sessions.lasts_until_ms is not null)
)

select
    app_id,
    conversation_id,
    found_ms,
    known_ms,
    case
        when last_handoff_ms > known_ms or exists (select 1 from settings.sla_targets) then known_ms
        else coalesce(lasts_until_ms, 9223372036854775807)
    end as lasts_until_ms
from known
