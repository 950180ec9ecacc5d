"""Tables of what no call of the API lists: events told by webhooks, and what we saw disappear."""

from __future__ import annotations

from pipeline.lake.schema import Kind, Table, context, derived, json_text, moment, text

_EVENT_USER = ("payload.user.id", "payload.message.author.userId", "payload.message.author.user.id")
_EVENT_ACTOR = ("payload.activity.author.userId", "payload.activity.author.user.id", "payload.mergedUsers.surviving.id")

EVENTS = Table(
    name="events",
    entity="event",
    key=("event_id",),
    envelope="events",
    grain="One row per webhook event and delivery of it, as received.",
    parent="webhook_id",
    fields=(
        text("event_id", "id", "Id of the event, the same in every delivery of it."),
        text("type", "type", "Trigger, such as conversation:message.", few=True),
        moment("created_at", "createdAt", "When the event happened."),
        context("webhook_id", "Webhook that delivered it.", few=True),
        derived("conversation_id", ("payload.conversation.id",), "Conversation that the event is about."),
        derived("user_id", _EVENT_USER + _EVENT_ACTOR, "User that the event is about; the survivor of a merge."),
        derived("message_id", ("payload.message.id",), "Message that the event is about."),
        json_text("payload", "payload", "The whole payload as JSON, without push tokens."),
    ),
)

TOMBSTONES = Table(
    name="tombstones",
    entity="tombstone",
    key=("entity", "entity_id"),
    envelope=None,
    grain="One row per disappearance of a user, conversation, message or other object, as seen by us.",
    fields=(
        context("entity", "What disappeared, as the singular of its table, such as user or conversation.", few=True),
        context("entity_id", "Id of what disappeared."),
        context("seen_at", "When its absence was seen.", kind=Kind.MOMENT),
        context("reason", "gone, deleted, merged or retention.", few=True),
    ),
)
