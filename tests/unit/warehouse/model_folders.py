"""Writes folders of models for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MODELS: Mapping[str, str] = {
    "staging/stg_messages.sql": """-- grain: one row per message
-- key: app_id, message_id
-- unit: conversation
select app_id, conversation_id, message_id, text, received_at, exported_at
from raw.messages
qualify row_number() over (partition by app_id, message_id order by exported_at desc) = 1
""",
    "marts/fct_talks.sql": """-- grain: one row per conversation
-- key: app_id, conversation_id
-- unit: conversation
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column n: Messages.
-- column local_date: Day of the first.
-- Counts messages.
select app_id, conversation_id, count(*) as n, min(received_at)::date as local_date
from staging.stg_messages
group by all
""",
    "marts/agg_days.sql": """-- grain: one row per day
-- key: app_id, local_date
-- unit: local_date
-- column app_id: Id of the app.
-- column local_date: Day.
-- column n: Messages.
-- Counts messages by day.
select app_id, local_date, sum(n)::bigint as n
from marts.fct_talks
group by all
""",
    "marts/agg_total.sql": """-- grain: one row
-- key: n
-- column n: Messages.
-- Counts all messages.
select sum(n)::bigint as n
from marts.agg_days
""",
}
"""Four models: messages, conversations, days, and all; each unit once."""


def write_models(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write models by their paths, such as "marts/fct_a.sql"; returns the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder
