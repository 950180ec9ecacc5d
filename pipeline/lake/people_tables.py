"""Tables of people: users, their clients on the channels, and their devices."""

from __future__ import annotations

from pipeline.lake.schema import Table, boolean, context, json_text, moment, text

USERS = Table(
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

CLIENTS = Table(
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

DEVICES = Table(
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
