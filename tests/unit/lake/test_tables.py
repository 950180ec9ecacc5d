from __future__ import annotations

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.lake.schema import Kind, Origin, Table
from pipeline.lake.secrets import ANYWHERE, SECRETS
from pipeline.lake.tables import SCHEMA_VERSION, TABLES
from tests.spec_schemas import NEWEST, OLDEST, needs_specification
from tests.unit.lake.spec_objects import properties

SCHEMAS = {table.name: re.sub(r"_(\w)", lambda match: match[1].upper(), table.entity) for table in TABLES.values()}
NOT_IN_ANSWERS = {"messages": {"author": {"userExternalId", "brandId"}, "source": {"client", "device"}}}
COLUMNS = {
    "apps": "display_name subdomain settings metadata",
    "integrations": "integration_id type status display_name",
    "switchboards": "switchboard_id enabled default_switchboard_integration_id",
    "switchboard_integrations": "switchboard_integration_id switchboard_id name integration_id integration_type "
    "deliver_standby_events next_switchboard_integration_id message_history_count",
    "webhooks": "webhook_id integration_id version target triggers include_full_user include_full_source",
    "users": "user_id external_id zendesk_id brand_id authenticated signed_up_at to_be_retained given_name surname "
    "email avatar_url locale identities metadata",
    "clients": "client_id user_id type status integration_id external_id last_seen_at linked_at display_name "
    "avatar_url info raw",
    "devices": "device_id user_id type guid client_id status integration_id last_seen_at info app_version",
    "conversations": "conversation_id type is_default display_name description icon_url created_at last_updated_at "
    "business_last_read_at active_switchboard_integration_id active_switchboard_integration "
    "pending_switchboard_integration_id pending_switchboard_integration metadata",
    "participants": "participant_id conversation_id user_id user_external_id unread_count last_read_at "
    "client_associations",
    "messages": "message_id conversation_id received_at author_type author_subtypes author_user_id "
    "author_display_name author_avatar_url source_type source_integration_id source_original_message_id "
    "source_original_message_at content_type text content activity quoted_message references metadata deleted",
    "events": "event_id type created_at webhook_id conversation_id user_id message_id payload",
    "tombstones": "entity entity_id seen_at reason",
}


def test_the_tables_have_the_promised_columns() -> None:
    """Names and order of columns are a promise to every reader; the bookkeeping ends each table."""
    assert {name: " ".join(table.schema.names) for name, table in TABLES.items()} == {
        name: f"{columns} extra exported_at run_id" for name, columns in COLUMNS.items()
    }


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_is_consistent(table: Table) -> None:
    """Keys, parent and partition moment are columns of the right kind; partitions stay out of the files."""
    names = set(table.schema.names)
    assert set(table.key) <= names | {"app_id"}
    assert table.parent is None or table.column(table.parent).origin is Origin.CONTEXT
    assert not names & set(table.partitions)
    assert len(names) == len(table.columns)
    if table.partition_moment:
        assert table.column(table.partition_moment).kind is Kind.MOMENT
    for column in table.columns:
        assert column.name.endswith("_at") is (column.kind is Kind.MOMENT)
        assert column.description.endswith(".")
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", column.name)


def test_only_messages_are_partitioned_by_month() -> None:
    """The month of `received_at` is the second partition of messages, and of nothing else."""
    assert [name for name, table in TABLES.items() if "month" in table.partitions] == ["messages"]
    assert TABLES["messages"].partitions == ("app_id", "month")
    assert TABLES["messages"].partition_moment == "received_at"


def test_entities_and_envelopes_are_told_apart() -> None:
    """Each table has its own entity, and each list of the API its own table."""
    assert len({table.entity for table in TABLES.values()}) == len(TABLES)
    assert [table.envelope for table in TABLES.values()] == [
        "apps",
        "integrations",
        "switchboards",
        "switchboardIntegrations",
        "webhooks",
        "users",
        "clients",
        "devices",
        "conversations",
        "participants",
        "messages",
        "events",
        None,
    ]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_file_says_what_it_is_and_uses_dictionaries_where_told(table: Table) -> None:
    """Schema and metadata survive Parquet, and exactly the named columns are dictionary-encoded."""
    ones = {Kind.BOOL: True, Kind.INT: 1, Kind.MOMENT: 0, Kind.STRINGS: ["a"]}
    cells = [pa.array([ones.get(column.kind, "a")], column.kind.arrow_type) for column in table.columns]
    rows = pa.Table.from_arrays(cells, schema=table.schema)
    file = io.BytesIO()
    pq.write_table(rows, file, use_dictionary=table.dictionary_columns)
    read = pq.ParquetFile(file)
    assert read.schema_arrow.equals(table.schema, check_metadata=True)
    assert read.schema_arrow.metadata[b"sunlake.table"] == table.name.encode()
    assert read.schema_arrow.metadata[b"sunlake.schema_version"] == str(SCHEMA_VERSION).encode()
    group = read.metadata.row_group(0)
    chunks = [group.column(number) for number in range(group.num_columns)]
    encoded = [chunk.path_in_schema for chunk in chunks if "RLE_DICTIONARY" in chunk.encodings]
    assert sorted(encoded) == sorted(table.dictionary_columns)


@needs_specification
@pytest.mark.parametrize("document", [NEWEST, OLDEST])
@pytest.mark.parametrize("name", [name for name in TABLES if name not in ("integrations", "events", "tombstones")])
def test_every_field_of_the_specification_has_a_column(name: str, document: str) -> None:
    """What the specification knows is a column, the partition, or a secret; `extra` is for what it doesn't."""
    table = TABLES[name]
    held = {column.paths[0][0] for column in (*table.fields, *table.path_fields) if column.paths}
    assert properties(SCHEMAS[name], document=document).keys() <= held | SECRETS.get(name, frozenset()) | ANYWHERE


@needs_specification
@pytest.mark.parametrize(("name", "part"), [("users", "profile"), ("messages", "author"), ("messages", "source")])
def test_every_field_of_an_unfolded_object_has_a_column(name: str, part: str) -> None:
    """Objects that are spread over columns are spread whole, but for what only requests and webhooks hold."""
    held = {
        column.paths[0][1] for column in TABLES[name].fields if len(column.paths) == 1 and column.paths[0][0] == part
    }
    assert properties(part).keys() - NOT_IN_ANSWERS.get(name, {}).get(part, set()) == held
