"""The thirteen tables of the lake: eleven of the REST API, webhook events, and tombstones (design.md, section 5).

Column names are the API's own in snake_case; `SCHEMA_VERSION` rises when one changes its name or meaning.
"""

from __future__ import annotations

from pipeline.lake.app_tables import APPS, INTEGRATIONS, SWITCHBOARD_INTEGRATIONS, SWITCHBOARDS, WEBHOOKS
from pipeline.lake.notice_tables import EVENTS, TOMBSTONES
from pipeline.lake.people_tables import CLIENTS, DEVICES, USERS
from pipeline.lake.schema import SCHEMA_VERSION, UNKNOWN_MONTH, Column, Kind, Origin, Table
from pipeline.lake.talk_tables import CONVERSATIONS, MESSAGES, PARTICIPANTS

__all__ = ["SCHEMA_VERSION", "TABLES", "UNKNOWN_MONTH", "Column", "Kind", "Origin", "Table"]

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        APPS,
        INTEGRATIONS,
        SWITCHBOARDS,
        SWITCHBOARD_INTEGRATIONS,
        WEBHOOKS,
        USERS,
        CLIENTS,
        DEVICES,
        CONVERSATIONS,
        PARTICIPANTS,
        MESSAGES,
        EVENTS,
        TOMBSTONES,
    )
}
"""All tables by name, owners before what they own."""
