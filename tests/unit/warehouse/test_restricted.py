"""Users and conversations that are restricted: they are in the lake, and no model shows them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq
import pytest

from pipeline.config import Settings
from pipeline.lake.layout import open_lake
from pipeline.walk import ledger as ledger_tables
from pipeline.walk.ledger import open_ledger
from pipeline.warehouse.build import BuildSummary, build
from pipeline.warehouse.checks import check
from pipeline.warehouse.models import load_models
from pipeline.warehouse.sources import Restricted
from tests.sql.over_histories import over_histories
from tests.sql.warehouse import SCHEMAS, Warehouse
from tests.unit.warehouse.lakes import APP, LakeFiles, at, message
from tests.unit.warehouse.model_folders import MODELS, write_models

Tables: TypeAlias = dict[str, list[dict[str, Any]]]


def _texts(warehouse: Warehouse, model: str) -> set[str]:
    return {value for row in warehouse.rows(model) for value in row.values() if isinstance(value, str)}


def _restrict(tables: Tables) -> tuple[Tables, set[str]]:
    """The same tables with somebody who wrote and a conversation restricted; all ids that must not be seen then."""
    user = next((row["author_user_id"] for row in tables["messages"] if row.get("author_user_id")), "nobody")
    conversation = tables["messages"][-1]["conversation_id"] if tables["messages"] else "none"
    messages = {
        row["message_id"]
        for row in tables["messages"]
        if user == row.get("author_user_id") or conversation == row["conversation_id"]
    }
    seen_elsewhere = {
        row["message_id"]
        for row in tables["messages"]
        if user != row.get("author_user_id") and conversation != row["conversation_id"]
    }
    rows = [{"kind": "user", "id": user}, {"kind": "conversation", "id": conversation}]
    return {**tables, "restricted": rows}, {user, conversation} | (messages - seen_elsewhere)


@over_histories(8)
def test_no_model_shows_what_is_restricted(tables: Tables, written: dict[str, Any]) -> None:
    """Over any history, no text of any model is the id of a restricted user or conversation, or of their messages."""
    given, hidden = _restrict(tables)
    warehouse = Warehouse(given, written).run()
    try:
        for model in sorted(name for schema in SCHEMAS for name in warehouse.tables_of(schema)):
            # Delivery events that name no user tell of messages whose author they do not know.
            if "deliver" not in model and model != "stg_events":
                seen = {part for value in _texts(warehouse, model) for part in {value, *value.split(":")}}
                assert not seen & hidden, model
    finally:
        warehouse.close()


def test_others_are_still_there() -> None:
    """Of a conversation in which a restricted user wrote, the messages of everybody else remain."""
    usual = {"conversation_id": "c1", "app_id": "a1", "exported_at": at(0), "run_id": "run", "source_type": "web"}
    rows = [
        usual | {"message_id": f"m{number}", "received_at": at(number), "author_type": "user", "author_user_id": user}
        for number, user in enumerate(["u1", "u2", "u1"])
    ]
    rows.append(rows[0] | {"conversation_id": "c2", "message_id": "m9"})
    everybody, few = Warehouse({"messages": rows}, {}).run(), [{"kind": "user", "id": "u1"}]
    restricted = Warehouse({"messages": rows, "restricted": few}, {}).run()
    assert _texts(everybody, "stg_messages") >= {"m0", "m1", "m2", "m9"}
    assert _texts(restricted, "stg_messages") & {"m0", "m1", "m2", "m9"} == {"m1"}
    assert [row["n_user"] for row in restricted.rows("fct_sessions")] == [1]
    everybody.close()
    restricted.close()


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """A lake of two conversations."""
    files = LakeFiles(tmp_path / "lake")
    files.add("messages", message("m1", conversation="c1"), message("m2", conversation="c2"))
    return files


def _build(lake: LakeFiles, restricted: Restricted) -> BuildSummary:
    staging = MODELS["staging/stg_messages.sql"].replace(
        "from raw.messages", "from raw.messages anti join raw.restricted on conversation_id = id"
    )
    folder = Path(tempfile.mkdtemp(prefix="models", dir=lake.root.parent))
    models = load_models(write_models(folder, MODELS | {"staging/stg_messages.sql": staging}))
    return build(Settings(lake=str(lake.root)), models=models, restricted=restricted)


def test_a_build_computes_everything_when_others_are_restricted(lake: LakeFiles) -> None:
    """Restricting somebody, or nobody any more, takes effect with the next build, and no id of theirs is kept."""
    assert _build(lake, ()).conversations == 2
    summary = _build(lake, [("conversation", "c1-restricted"), ("conversation", "c1")])
    assert summary.why_full == "an app, an integration or who is restricted changed"
    for file in (lake.root / "_sunlake").rglob("warehouse.duckdb"):
        assert b"c1-restricted" not in file.read_bytes()
    assert _talks(lake) == 1
    assert _build(lake, [("conversation", "c1"), ("conversation", "c1-restricted")]).why_full is None
    assert _build(lake, ()).why_full is not None
    assert _talks(lake) == 2


def _talks(lake: LakeFiles) -> int:
    paths = (lake.root / "marts" / "fct_talks").rglob("*.parquet")
    return sum(int(pq.ParquetFile(path).metadata.num_rows) for path in paths)


def test_a_check_hides_the_same(lake: LakeFiles) -> None:
    """Told who is restricted, a check misses none of the messages that were read of them; not told, it does."""
    ledger = open_ledger(open_lake(lake.root, create=False).default_ledger_url)
    row = {"app_id": APP, "found_by": "seed", "state": "done", "pending": 0, "complete": True, "messages": 1}
    with ledger.write() as connection:
        ledger.upsert(
            connection, ledger_tables.conversations, [row | {"conversation_id": f"c{number}"} for number in (1, 2)]
        )
    ledger.close()
    settings = Settings(lake=str(lake.root))
    hidden: Restricted = [("conversation", "c1")]
    build(settings, restricted=hidden)
    failed = [result.name for result in check(settings) if not result.is_passed]
    assert failed == ["warehouse_holds_every_walked_message"]
    assert [result.name for result in check(settings, restricted=hidden) if not result.is_passed] == []
