"""Objects of every schema of both versions of the specification survive the lake."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake import secrets
from pipeline.lake.rows import decode, encode
from pipeline.lake.tables import TABLES
from tests.spec_schemas import NEWEST, OLDEST, _components, needs_specification
from tests.unit.lake.json_texts import tag, tagged
from tests.unit.lake.spec_objects import properties, spec_objects

pytestmark = needs_specification

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTEXT = dict.fromkeys(
    ("app_id", "switchboard_id", "integration_id", "user_id", "conversation_id", "webhook_id"), "p1"
)
SCHEMAS = {
    "apps": "app",
    "integrations": "integration",
    "switchboards": "switchboard",
    "switchboard_integrations": "switchboardIntegration",
    "webhooks": "webhook",
    "users": "user",
    "clients": "client",
    "devices": "device",
    "conversations": "conversation",
    "participants": "participant",
    "messages": "message",
}
some = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("document", [NEWEST, OLDEST])
@pytest.mark.parametrize("table", SCHEMAS)
@some
@given(data=st.data())
def test_an_object_of_the_api_comes_back_as_it_was(table: str, document: str, data: st.DataObject) -> None:
    """An object with any fields absent, null, mistyped or unknown is rebuilt from Parquet, all but its secrets."""
    texts = data.draw(st.lists(spec_objects(SCHEMAS[table], document=document), max_size=3))
    assert restored(table, texts) == [without_secrets(table, tagged(text)) for text in texts]


@pytest.mark.parametrize("document", [NEWEST, OLDEST])
@settings(some, max_examples=150)
@given(data=st.data())
def test_a_webhook_event_comes_back_as_it_was(document: str, data: st.DataObject) -> None:
    """An event of any trigger is rebuilt from Parquet, all but push tokens."""
    text = data.draw(st.sampled_from(triggers(document)).flatmap(lambda name: spec_objects(name, document=document)))
    assert restored("events", [text]) == [without_secrets("events", tagged(text))]


def triggers(document: str) -> list[str]:
    """The schemas of webhook events."""
    return [
        name for name in _components(document) if {"createdAt", "payload"} <= properties(name, document=document).keys()
    ]


def restored(table: str, texts: list[str]) -> list[Any]:
    """The objects of rows that went through a Parquet file."""
    objects = [text.encode() for text in texts]
    rows = encode(TABLES[table], objects, parents=CONTEXT, exported_at=NOW, run_id="run")
    return [tag(decode(TABLES[table], row | {"app_id": "p1"})) for row in through_parquet(table, rows).to_pylist()]


def through_parquet(table: str, rows: pa.Table) -> pa.Table:
    """The table as read from the Parquet file that it was written to."""
    file = io.BytesIO()
    pq.write_table(rows, file, compression="zstd", use_dictionary=TABLES[table].dictionary_columns)
    read = pq.read_table(file)
    assert read.equals(rows)
    assert read.schema.equals(TABLES[table].schema, check_metadata=True)
    return read


def without_secrets(table: str, value: Any) -> Any:
    """The object as the lake may hold it."""
    kept = {name: inner for name, inner in scrubbed(value).items() if name not in secrets.SECRETS.get(table, ())}
    return allowed(kept, secrets.ALLOWED[table]) if table in secrets.ALLOWED else kept


def scrubbed(value: Any) -> Any:
    """The value without push tokens, but for what customers write."""
    if isinstance(value, list):
        return [scrubbed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        name: inner if name in ("content", "metadata") else scrubbed(inner)
        for name, inner in value.items()
        if name != "pushNotificationToken"
    }


def allowed(value: Any, names: secrets.Allowed | None) -> Any:
    """The value with allowed fields only."""
    if names is None or not isinstance(value, dict):
        return value
    return {name: allowed(inner, names[name]) for name, inner in value.items() if name in names}
