"""Finds a subject in an exported lake by its own reading of the files, and opens the copies made for it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq

from pipeline.lake.layout import open_lake
from pipeline.privacy.access.ask import open_upstream
from pipeline.privacy.access.write import AccessExport, write_access
from pipeline.suppression.subjects import Action, Subject
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import Row, raw_rows

NOW = datetime(2126, 11, 1, 12, tzinfo=UTC)
"""Later than any export."""

TAG = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Copied:
    """A copy that was made and read back with the standard library and pyarrow."""

    export: AccessExport
    members: dict[str, bytes]

    @property
    def page(self) -> str:
        """The page for a layperson."""
        return self.members["index.html"].decode()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, from the JSON."""
        found: list[dict[str, Any]] = json.loads(self.members[f"data/{table}.json"])
        return found

    def parquet(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, from the Parquet file."""
        found: list[dict[str, Any]] = pq.read_table(io.BytesIO(self.members[f"data/{table}.parquet"])).to_pylist()
        return found

    def texts(self) -> Iterator[str]:
        """Everything that can be read in the copy, with Parquet and JSON decoded."""
        for name, data in self.members.items():
            if name.endswith(".parquet"):
                table = pq.read_table(io.BytesIO(data))
                yield from strings(table.to_pylist())
                yield str(table.schema)
            elif not name.startswith("attachments/"):
                yield data.decode()
                yield from strings(json.loads(data)) if name.endswith(".json") else ()


def copy(bench: Bench, subject: Subject, *, out: str = "out", asks: bool = False) -> Copied:
    """Make a copy and read it back; upstream is asked again if `asks`."""
    lake, ledger = open_lake(bench.lake, create=False), bench.ledger()

    async def write() -> AccessExport:
        async with open_upstream(bench.settings(), bench.app_id, is_offline=not asks) as upstream:
            folder, controller = bench.folder / out, "Example <b>Ltd</b>"
            return await write_access(lake, ledger, subject, folder, controller=controller, now=NOW, upstream=upstream)

    try:
        export = asyncio.run(write())
    finally:
        ledger.close()
    return Copied(export, read_members(export.path))


def read_members(path: Path) -> dict[str, bytes]:
    """The members of a zip, whose checksums hold."""
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def subject_of(bench: Bench, *user_ids: str) -> Subject:
    """One person under these ids, with the conversations that the files of the lake show."""
    rows = list(raw_rows(bench.lake, "participants", app_id=bench.app_id))
    kinds = {row["conversation_id"]: row["type"] for row in raw_rows(bench.lake, "conversations", app_id=bench.app_id)}
    mine = {row["conversation_id"] for row in rows if row["user_id"] in user_ids}
    groups = {key for key in mine if kinds.get(key) == "sdkGroup"}
    groups |= {
        row["conversation_id"] for row in rows if row["conversation_id"] in mine and row["user_id"] not in user_ids
    }
    own = own_messages(bench, *user_ids)
    return Subject(
        app_id=bench.app_id,
        tag=TAG,
        action=Action.ACCESS,
        user_ids=frozenset(user_ids),
        personal_conversation_ids=frozenset(mine - groups),
        group_conversation_ids=frozenset(groups),
        message_ids=frozenset(row["message_id"] for row in own),
    )


def own_messages(bench: Bench, *user_ids: str) -> list[Row]:
    """The messages that a person wrote."""
    return [row for row in raw_rows(bench.lake, "messages", app_id=bench.app_id) if row["author_user_id"] in user_ids]


def strings(value: Any) -> Iterator[str]:
    """All strings within a value, also those within JSON texts, and its keys."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from strings(member)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            try:
                yield from strings(json.loads(value))
            except ValueError:
                return
