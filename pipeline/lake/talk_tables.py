"""Tables of talk: conversations, who takes part in them, and their messages."""

from __future__ import annotations

from pipeline.lake.schema import Table, boolean, context, derived, integer, json_text, moment, text, texts

CONVERSATIONS = Table(
    name="conversations",
    entity="conversation",
    key=("conversation_id",),
    envelope="conversations",
    grain="One row per conversation and export of it; staging keeps the newest.",
    fields=(
        text("conversation_id", "id", "Id of the conversation."),
        text("type", "type", "personal or sdkGroup.", few=True),
        boolean("is_default", "isDefault", "Whether it is the user's default conversation."),
        text("display_name", "displayName", "Name shown to its members."),
        text("description", "description", "Description shown to its members."),
        text("icon_url", "iconUrl", "URL of its icon."),
        moment("created_at", "createdAt", "When it was created."),
        moment(
            "last_updated_at", "lastUpdatedAt", "Moment of its last message, or of its creation; edits don't move it."
        ),
        moment("business_last_read_at", "businessLastRead", "When the business last read it."),
        derived(
            "active_switchboard_integration_id",
            ("activeSwitchboardIntegration.id",),
            "Switchboard integration in control.",
            few=True,
        ),
        json_text("active_switchboard_integration", "activeSwitchboardIntegration", "The one in control, as JSON."),
        derived(
            "pending_switchboard_integration_id",
            ("pendingSwitchboardIntegration.id",),
            "Switchboard integration that control is offered to.",
            few=True,
        ),
        json_text(
            "pending_switchboard_integration", "pendingSwitchboardIntegration", "The one offered control, as JSON."
        ),
        json_text("metadata", "metadata", "Custom properties of the conversation as JSON."),
    ),
)

PARTICIPANTS = Table(
    name="participants",
    entity="participant",
    key=("participant_id",),
    envelope="participants",
    grain="One row per member of a conversation and export of it.",
    parent="conversation_id",
    fields=(
        text("participant_id", "id", "Id of the participant."),
        context("conversation_id", "Conversation the user takes part in."),
        text("user_id", "userId", "User who takes part."),
        text("user_external_id", "userExternalId", "External id of that user."),
        integer("unread_count", "unreadCount", "Messages that the user has not read."),
        moment("last_read_at", "lastRead", "When the user last read the conversation."),
        json_text("client_associations", "clientAssociations", "Clients in use as a JSON list, most recent first."),
    ),
)

MESSAGES = Table(
    name="messages",
    entity="message",
    key=("message_id",),
    envelope="messages",
    grain="One row per message and export of it; staging keeps the newest.",
    parent="conversation_id",
    partitions=("app_id", "month"),
    partition_moment="received_at",
    fields=(
        text("message_id", "id", "Id of the message."),
        context("conversation_id", "Conversation it was found in.", few=True),
        moment("received_at", "received", "When the platform received it; decides the month, in UTC."),
        text("author_type", "author.type", "business or user.", few=True),
        texts("author_subtypes", "author.subtypes", "Kind of author: AI, activity, agent, bot; null if not told."),
        text("author_user_id", "author.userId", "User who wrote it; null for most business messages."),
        text("author_display_name", "author.displayName", "Name shown beside it.", few=True),
        text("author_avatar_url", "author.avatarUrl", "URL of the picture shown beside it.", few=True),
        text("source_type", "source.type", "Channel it came from, such as whatsapp or api:conversations.", few=True),
        text("source_integration_id", "source.integrationId", "Integration it came through.", few=True),
        text("source_original_message_id", "source.originalMessageId", "Id that the channel gave it."),
        moment(
            "source_original_message_at",
            "source.originalMessageTimestamp",
            "When the channel received it; may lie hours before received_at or seconds after.",
        ),
        derived("content_type", ("content.type",), "Type of the content, such as text, image or form.", few=True),
        derived("text", ("content.text",), "Text of the content, if it has one."),
        json_text("content", "content", "The whole content as JSON."),
        json_text("activity", "activity", "Activity that the message stands for, as JSON {type, data}."),
        json_text("quoted_message", "quotedMessage", "Message that it quotes, as JSON."),
        json_text("references", "references", "Cited sources as a JSON list of {uri, title, description}."),
        json_text("metadata", "metadata", "Custom properties of the message as JSON."),
        boolean("deleted", "deleted", "Whether it is the placeholder of a deleted message."),
    ),
)
