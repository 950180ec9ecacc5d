"""Compares a lake with the world it was exported from, object by object, by its own reading of the Parquet files.

The rules of what is true now (design.md, section 5) are written down here a second time, without SQL, so that a test
does not ask the code under test whether it is right.
"""

from __future__ import annotations

import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq

from pipeline.lake import exact_json
from pipeline.lake.rows import decode
from pipeline.lake.tables import TABLES, Table
from pipeline.sandbox.process import Sandbox

Row: TypeAlias = dict[str, Any]
Objects: TypeAlias = dict[str, dict[str, tuple[str | None, Any]]]
"""By table and id: the id of the owner, where the table has owners, and the object itself."""

API_TABLES = (
    "apps",
    "integrations",
    "switchboards",
    "switchboard_integrations",
    "webhooks",
    "users",
    "clients",
    "devices",
    "conversations",
    "participants",
    "messages",
)
OWNERS = {
    "clients": (("user", "user_id"),),
    "devices": (("user", "user_id"),),
    "participants": (("conversation", "conversation_id"), ("user", "user_id")),
    "messages": (("conversation", "conversation_id"),),
}
SECRET_NAMES = {
    "integrations": frozenset(
        {
            *("webhooks", "serverKey", "certificate", "password", "pageAccessToken", "appSecret", "accessKey"),
            *("apiKey", "signingKey", "webhookSecret", "token", "accountSid", "authToken", "channelSecret"),
            *("channelAccessToken", "switcherSecret", "apiSecret", "authenticationMessageSecret"),
            *("accountManagementAccessToken", "consumerKey", "consumerSecret", "accessTokenKey", "accessTokenSecret"),
            # Unknown to us, so perhaps a credential of a channel that is yet to come.
            *("clientKey", "shop", "futureFlag"),
        }
    ),
    "webhooks": frozenset({"secret", "retryPolicy"}),
    "devices": frozenset({"pushNotificationToken"}),
}
"""What must be missing in the lake although the API tells it (api.md, section 6)."""


def assert_same_as_world(root: Path, sandbox: Sandbox, *, app_id: str | None = None, reached: bool = True) -> None:
    """Fail with the differences unless the lake shows just what is true now.

    Args:
        root: the lake.
        sandbox: the server.
        app_id: the app; by default the first.
        reached: whether all of the world can be reached; if not, only what the lake shows must be true.
    """
    app = app_id or sandbox.app_id
    world, lake = read_world(sandbox, app_id=app), read_lake(root, app_id=app)
    found = list(differences(world, lake, reached=reached))
    assert not found, "\n".join([f"{len(found)} differences", *found[:20]])


def assert_no_message_twice(root: Path, *, app_id: str) -> None:
    """Fail if a message is in the files more than once, in whatever version."""
    counts = Counter(row["message_id"] for row in raw_rows(root, "messages", app_id=app_id))
    doubled = [key for key, count in counts.items() if count > 1]
    assert not doubled, f"{len(doubled)} messages are there twice"


def assert_all_files_whole(root: Path) -> None:
    """Fail if a file outside `_sunlake` is torn, misplaced, or anything but Parquet."""
    for file in data_files(root):
        assert file.suffix == ".parquet", f"{file} is no data file"
        table = TABLES[file.relative_to(root).parts[0]]
        with pq.ParquetFile(file) as parquet:
            assert parquet.schema_arrow.names == table.schema.names, f"{file} has other columns than its table"
            for batch in parquet.iter_batches(columns=[table.schema.names[0]]):
                assert batch.num_rows >= 0


def data_files(root: Path) -> list[Path]:
    """All files of the lake that are not the lake's own business."""
    found = (path for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if path.relative_to(root).parts[0] != "_sunlake")


def raw_rows(root: Path, table: str, *, app_id: str) -> Iterator[Row]:
    """Every version of every row in the files of one table."""
    for file in sorted((root / table / f"app_id={app_id}").rglob("*.parquet")):
        with pq.ParquetFile(file) as parquet:
            for row in parquet.read().to_pylist():
                assert table != "messages" or file.parent.name == f"month={_month(row)}", f"{file} holds another month"
                yield row | {"app_id": app_id}


def read_lake(root: Path, *, app_id: str) -> Objects:
    """What the lake says is true now, as objects of the API."""
    buried = _buried(root, app_id)
    return {name: dict(_living(TABLES[name], root, app_id, buried)) for name in API_TABLES}


def read_world(sandbox: Sandbox, *, app_id: str) -> Objects:
    """What is true now, without secrets."""
    objects: Objects = {name: {} for name in API_TABLES}
    with urllib.request.urlopen(f"{sandbox.base_url}/_control/world?app_id={app_id}", timeout=60) as answer:
        for line in answer:
            row = exact_json.parse(line)
            table = row["table"]
            parent = TABLES[table].parent
            objects[table][row["object"]["id"]] = (
                row[parent] if parent else None,
                without_secrets(table, row["object"]),
            )
    return objects


def without_secrets(table: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The object as the lake may know it."""
    return {name: member for name, member in value.items() if name not in SECRET_NAMES.get(table, ())}


def differences(world: Objects, lake: Objects, *, reached: bool = True) -> Iterator[str]:
    """What the lake lacks, has too much, or has otherwise; one sentence each."""
    for table in API_TABLES:
        expected, found = world[table], lake[table]
        if reached:
            yield from (f"{table} {key} is missing" for key in expected.keys() - found.keys())
        yield from (f"{table} {key} should not be there" for key in found.keys() - expected.keys())
        for key in expected.keys() & found.keys():
            if _typed(expected[key]) != _typed(found[key]):
                yield f"{table} {key} is {found[key]} in the lake and {expected[key]} in the world"


def same_lakes(one: Path, other: Path, *, app_id: str) -> bool:
    """Whether two lakes say the same of an app."""
    return not list(differences(read_lake(one, app_id=app_id), read_lake(other, app_id=app_id)))


def _living(
    table: Table, root: Path, app_id: str, buried: Callable[[str, str | None, Row], bool]
) -> Iterator[tuple[str, tuple[str | None, Any]]]:
    versions: dict[str, list[Row]] = defaultdict(list)
    key = table.key[0]
    for row in raw_rows(root, table.name, app_id=app_id):
        versions[row[key]].append(row)
    for identity, rows in versions.items():
        newest = max(rows, key=lambda row: (row["exported_at"], row["run_id"]))
        owners = [(table.entity, identity), *((entity, newest[name]) for entity, name in OWNERS.get(table.name, ()))]
        if not any(buried(entity, owner, newest) for entity, owner in owners):
            yield identity, (newest[table.parent] if table.parent else None, decode(table, newest))


def _buried(root: Path, app_id: str) -> Callable[[str, str | None, Row], bool]:
    seen: dict[tuple[str, str], Any] = {}
    for row in raw_rows(root, "tombstones", app_id=app_id):
        key = (row["entity"], row["entity_id"])
        if row["reason"] != "retention":
            seen[key] = max(row["seen_at"], seen.get(key, row["seen_at"]))

    def is_buried(entity: str, key: str | None, row: Row) -> bool:
        return key is not None and (entity, key) in seen and bool(seen[entity, key] >= row["exported_at"])

    return is_buried


def _month(row: Row) -> str:
    received = row["received_at"]
    return "unknown" if received is None else f"{received.year:04}-{received.month:02}"


def _typed(value: Any) -> Any:
    """The value with its types, since 1 == 1.0 == True."""
    if isinstance(value, Mapping):
        return {name: _typed(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(member) for member in value]
    return (type(value).__name__, value)


def ids_of(rows: Iterable[Row], key: str) -> set[str]:
    """The ids in rows."""
    return {row[key] for row in rows}
