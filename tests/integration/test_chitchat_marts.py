"""The whole way with real conversations: exported, built into marts, and compared with the reference, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from pipeline.metrics_settings import WarehouseSettings
from pipeline.warehouse.build import build
from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import raw_rows
from tests.sql.comparison import differences
from tests.sql.reference.history import History
from tests.sql.reference.marts import Reference, known_marts
from tests.sql.reference.written_settings import read_settings

CONVERSATIONS, MESSAGES = 7_168, 258_145
WEEK = {day: ["09:00-18:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
WRITTEN: Mapping[str, Any] = {
    "timezone": "America/New_York",
    "schedules": [{"id": "office", **WEEK, "holidays": ["2018-05-28"]}],
    "sla": [
        {"id": "first", "metric": "frt", "scope": "any", "target": "5m"},
        {"id": "first-business", "metric": "frt", "scope": "human", "target": "1h", "clock": "business"},
        {"id": "reply", "metric": "reply", "scope": "agent", "target": "60s"},
        {"id": "reply-whatsapp", "metric": "reply", "scope": "agent", "target": "2m", "channel": "whatsapp"},
    ],
}
TABLES = ("apps", "conversations", "participants", "messages", "switchboard_integrations")
# What the reference does not name, or names otherwise.
FREE = {"pair_id"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A lake with all real conversations and its warehouse."""
    with Sandbox("chitchat") as sandbox:
        bench = Bench(sandbox, tmp_path_factory.mktemp("chitchat"))
        summary = bench.export()
        assert summary.counters.messages == MESSAGES
        settings = msgspec.structs.replace(bench.settings(), warehouse=msgspec.convert(WRITTEN, WarehouseSettings))
        assert build(settings).exit_code == 0
        yield bench


@pytest.mark.slow
def test_marts_of_real_conversations_are_what_the_reference_says(bench: Bench) -> None:
    """All marts of 258,145 real messages agree with the reference, in every row and column."""
    reference = Reference(History(_tables(bench), read_settings(WRITTEN, years=(2018, 2020))))
    assert len(reference.conversations) == CONVERSATIONS
    found = []
    with duckdb.connect() as connection:
        for mart in known_marts():
            if (rows := _published(connection, bench.lake / "marts" / mart)) is not None:
                columns = [name for name in rows[0] if name not in FREE] if rows else []
                found += [f"{mart}: {line}" for line in differences(reference.rows(mart), rows, columns)]
    assert not found, "\n".join(found)


def _tables(bench: Bench) -> dict[str, list[dict[str, Any]]]:
    tables = {name: list(raw_rows(bench.lake, name, app_id=bench.app_id)) for name in TABLES}
    (run_id,) = {row["run_id"] for row in tables["messages"]}
    tables["app_as_of"] = [{"app_id": bench.app_id, "as_of_ms": int(run_id[:11], 16)}]
    return tables


def _published(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[dict[str, Any]] | None:
    if not folder.exists():
        return None
    result = connection.execute(f"select * from read_parquet('{folder}/**/*.parquet', hive_partitioning = false)")
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
