"""Tables of what belongs to an app as a whole: its integrations, webhooks and switchboards."""

from __future__ import annotations

from pipeline.lake.schema import Table, boolean, context, integer, json_text, text, texts

APPS = Table(
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

INTEGRATIONS = Table(
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

SWITCHBOARDS = Table(
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

SWITCHBOARD_INTEGRATIONS = Table(
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

WEBHOOKS = Table(
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
