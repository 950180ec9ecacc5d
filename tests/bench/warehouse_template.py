"""A synthetic world as Parquet files: what the warehouse's lakes are multiplied from.

The rows are made by sunlake's own codec, as an export makes them, but without server and HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import rows
from pipeline.lake.message_rows import MessagePage, encode_messages
from pipeline.lake.tables import TABLES
from pipeline.sandbox.world import World
from pipeline.sandbox.worlds import open_world

WORLD = "synthetic:seed=1,size={size},strangeness=0"
# Overwritten in the lake.
EXPORTED_AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN_ID = "template"
AT_A_TIME = 5_000

Owned = tuple[Mapping[str, Any], Mapping[str, str | None]]


def write_template(folder: Path, *, size: int) -> None:
    """Write `<table>.parquet` for the tables of a world with so many conversations."""
    world = open_world(WORLD.format(size=size))
    app = {"app_id": str(world.app["id"])}
    _write(folder, "apps", [(world.app, app)])
    _write(folder, "integrations", ((each, {}) for each in world.integrations()))
    _write(folder, "switchboards", ((each, {}) for each in world.switchboards()))
    _write(folder, "switchboard_integrations", _switchboard_integrations(world))
    _write(folder, "users", ((user, {}) for name in world.user_ids() if (user := world.user(name))))
    _write(
        folder, "conversations", ((talk, {}) for name in world.conversation_ids() if (talk := world.conversation(name)))
    )
    _write(
        folder,
        "participants",
        ((each, {"conversation_id": name}) for name in world.conversation_ids() for each in world.participants(name)),
    )
    _write_messages(folder, world)


def _switchboard_integrations(world: World) -> Iterator[Owned]:
    for switchboard in world.switchboards():
        name = str(switchboard["id"])
        for each in world.switchboard_integrations(name):
            yield each, {"switchboard_id": name}


def _write(folder: Path, name: str, objects: Iterable[Owned]) -> None:
    table = TABLES[name]
    sources, parents = [], []
    for source, parent in objects:
        sources.append(msgspec.json.encode(source))
        parents.append(parent)
    pq.write_table(
        rows.encode(table, sources, parents=parents, exported_at=EXPORTED_AT, run_id=RUN_ID), folder / f"{name}.parquet"
    )


def _write_messages(folder: Path, world: World) -> None:
    table = TABLES["messages"]
    held: list[pa.Table] = []
    with pq.ParquetWriter(folder / "messages.parquet", table.schema) as writer:
        for name in world.conversation_ids():
            body = msgspec.json.encode({"messages": world.messages(name)})
            held.append(encode_messages(MessagePage(body, name, EXPORTED_AT), run_id=RUN_ID))
            if len(held) == AT_A_TIME:
                writer.write_table(pa.concat_tables(held))
                held = []
        if held:
            writer.write_table(pa.concat_tables(held))
