"""The thirteen tables of the lake: eleven of the REST API, webhook events, and tombstones (design.md, section 5).

Column names are the API's own in snake_case; `SCHEMA_VERSION` rises when one changes its name or meaning.
"""

from __future__ import annotations

from pipeline.lake.schema import (
    SCHEMA_VERSION,
    UNKNOWN_MONTH,
    Column,
    Kind,
    Origin,
    Table,
    boolean,
    context,
    derived,
    integer,
    json_text,
    moment,
    text,
    texts,
)

__all__ = ["SCHEMA_VERSION", "TABLES", "UNKNOWN_MONTH", "Column", "Kind", "Origin", "Table"]


_APPS = Table(
    name="apps",
    entity="app",
    key=("app_id",),
    envelope="apps",
    grain="One row per app and export of it; the app's id is the partition.",
    path_fields=(text("app_id", "id", "Id of the app."),),
    fields=(
        text("display_name", "displayName", "Friendly name of the app."),
        text("subdomain", "subdomain", "Zendesk subdomain the app belongs to."),
        json_text("settings", "settings", "App settings as JSON, such as conversationRetentionSeconds."),
        json_text("metadata", "metadata", "Custom properties of the app as JSON."),
    ),
)

_INTEGRATIONS = Table(
    name="integrations",
    entity="integration",
    key=("integration_id",),
    envelope="integrations",
    grain="One row per integration (channel of an app) and export of it; credentials are never kept.",
    fields=(
        text("integration_id", "id", "Id of the integration."),
        text("type", "type", "Channel type, such as web, whatsapp or custom.", few=True),
        text("status", "status", "active, inactive or error.", few=True),
        text("display_name", "displayName", "Friendly name of the integration."),
    ),
)

_SWITCHBOARDS = Table(
    name="switchboards",
    entity="switchboard",
    key=("switchboard_id",),
    envelope="switchboards",
    grain="One row per switchboard of an app and export of it.",
    fields=(
        text("switchboard_id", "id", "Id of the switchboard."),
        boolean("enabled", "enabled", "Whether the switchboard routes conversations."),
        text(
            "default_switchboard_integration_id",
            "defaultSwitchboardIntegrationId",
            "Switchboard integration that first gets control of a new conversation.",
        ),
    ),
)

_SWITCHBOARD_INTEGRATIONS = Table(
    name="switchboard_integrations",
    entity="switchboard_integration",
    key=("switchboard_integration_id",),
    envelope="switchboardIntegrations",
    grain="One row per switchboard integration (bot or agent desk that can hold control) and export of it.",
    parent="switchboard_id",
    fields=(
        text("switchboard_integration_id", "id", "Id of the switchboard integration."),
        context("switchboard_id", "Switchboard it belongs to."),
        text("name", "name", "Name used when control is passed."),
        text("integration_id", "integrationId", "Integration behind it."),
        text("integration_type", "integrationType", "Type of that integration, such as zd:agentWorkspace.", few=True),
        boolean("deliver_standby_events", "deliverStandbyEvents", "Whether it gets events while not in control."),
        text(
            "next_switchboard_integration_id",
            "nextSwitchboardIntegrationId",
            "Switchboard integration that control passes to by default.",
        ),
        integer("message_history_count", "messageHistoryCount", "Messages handed over with control (1 to 10)."),
    ),
)

_WEBHOOKS = Table(
    name="webhooks",
    entity="webhook",
    key=("webhook_id",),
    envelope="webhooks",
    grain="One row per webhook of a custom integration and export of it; its secret is never kept.",
    parent="integration_id",
    fields=(
        text("webhook_id", "id", "Id of the webhook."),
        context("integration_id", "Integration it belongs to."),
        text("version", "version", "Payload version: v1, v1.1 or v2.", few=True),
        text("target", "target", "URL that events are posted to."),
        texts("triggers", "triggers", "Event types that it subscribes to."),
        boolean("include_full_user", "includeFullUser", "Whether payloads hold the whole user."),
        boolean("include_full_source", "includeFullSource", "Whether payloads hold client and device of the source."),
    ),
)

_USERS = Table(
    name="users",
    entity="user",
    key=("user_id",),
    envelope="users",
    grain="One row per user and export of it; staging keeps the newest.",
    fields=(
        text("user_id", "id", "Id of the user."),
        text("external_id", "externalId", "Id that the business gave the user; unique per app and brand only."),
        text("zendesk_id", "zendeskId", "Id of the linked Zendesk Support user."),
        text("brand_id", "brandId", "Brand of a brand-separated user.", few=True),
        boolean("authenticated", "authenticated", "Whether the user logged in with a verified identity."),
        moment("signed_up_at", "signedUpAt", "When the user signed up."),
        boolean("to_be_retained", "toBeRetained", "Whether the user is exempt from Zendesk's inactivity deletion."),
        text("given_name", "profile.givenName", "Given name."),
        text("surname", "profile.surname", "Surname."),
        text("email", "profile.email", "E-mail address of the profile; not an identity."),
        text("avatar_url", "profile.avatarUrl", "URL of the user's picture."),
        text("locale", "profile.locale", "Language and region, such as en-US.", few=True),
        json_text("identities", "identities", "Known identities as a JSON list of {type, value, verification}."),
        json_text("metadata", "metadata", "Custom properties of the user as JSON."),
    ),
)

_CLIENTS = Table(
    name="clients",
    entity="client",
    key=("client_id",),
    envelope="clients",
    grain="One row per client (a user's presence on one channel) and export of it.",
    parent="user_id",
    fields=(
        text("client_id", "id", "Id of the client."),
        context("user_id", "User it belongs to."),
        text("type", "type", "Channel type; sdk stands for web, ios, android and unity.", few=True),
        text("status", "status", "active, blocked, inactive or pending.", few=True),
        text("integration_id", "integrationId", "Integration it came through; unused for sdk.", few=True),
        text("external_id", "externalId", "Id on the channel, such as a phone number."),
        moment("last_seen_at", "lastSeen", "When the client was last seen."),
        moment("linked_at", "linkedAt", "When the client was linked to the user."),
        text("display_name", "displayName", "Name shown on the channel."),
        text("avatar_url", "avatarUrl", "URL of the picture on the channel."),
        json_text("info", "info", "Facts about the client as JSON."),
        json_text("raw", "raw", "What the channel itself says about the client, as free JSON."),
    ),
)

_DEVICES = Table(
    name="devices",
    entity="device",
    key=("device_id",),
    envelope="devices",
    grain="One row per SDK device of a user and export of it; push tokens are never kept.",
    parent="user_id",
    fields=(
        text("device_id", "id", "Id of the device."),
        context("user_id", "User it belongs to."),
        text("type", "type", "android, ios or web.", few=True),
        text("guid", "guid", "Id that the SDK gave the device."),
        text("client_id", "clientId", "Client it belongs to."),
        text("status", "status", "active or inactive.", few=True),
        text("integration_id", "integrationId", "Integration the SDK was started with.", few=True),
        moment("last_seen_at", "lastSeen", "When the device was last seen."),
        json_text("info", "info", "Facts about the device as JSON, such as userAgent and currentUrl."),
        text("app_version", "appVersion", "Version of the app that embeds the SDK.", few=True),
    ),
)

_CONVERSATIONS = Table(
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

_PARTICIPANTS = Table(
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

_MESSAGES = Table(
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

_EVENT_USER = ("payload.user.id", "payload.message.author.userId", "payload.message.author.user.id")
_EVENT_ACTOR = ("payload.activity.author.userId", "payload.activity.author.user.id", "payload.mergedUsers.surviving.id")

_EVENTS = Table(
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

_TOMBSTONES = Table(
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

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _APPS,
        _INTEGRATIONS,
        _SWITCHBOARDS,
        _SWITCHBOARD_INTEGRATIONS,
        _WEBHOOKS,
        _USERS,
        _CLIENTS,
        _DEVICES,
        _CONVERSATIONS,
        _PARTICIPANTS,
        _MESSAGES,
        _EVENTS,
        _TOMBSTONES,
    )
}
"""All tables by name, owners before what they own."""
