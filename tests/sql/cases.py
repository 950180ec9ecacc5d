"""Reads the folders of SQL unit tests: `tests/sql/<theme>/<case>/given/` and `expect/`, small files of rows.

A file is named after a table (`given/messages.csv`) or a model (`expect/fct_turns.csv`) and is CSV or JSON Lines; an
empty cell of CSV is null. `given/settings.toml` is the `[warehouse]` part of the settings. To keep rows short,

- rows lie in app `a1`, messages in conversation `c1`, and are of user `u1` where an author is a user;
- `author` stands for the three columns of the author: `user`, `user u2`, `agent`, `bot`, `AI`, `AI+agent`, `activity`,
  or `business` where the API tells no subtype; an `activity` without braces is its type;
- conversations that `given/conversations` does not name exist, are personal, and were created with their first message;
- the app is known up to its newest message where `given/app_as_of` says nothing.

A file of `expect` names the columns that matter, and all rows of the model.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipeline.lake.schema import Kind
from pipeline.lake.tables import TABLES
from tests.sql.reference.moments import to_ms
from tests.sql.warehouse import DEFAULTS, LEDGER_TABLES

ROOT: Final = Path(__file__).parent
_SETTINGS: Final = "settings.toml"
_MONTH: Final = "month"


class CaseError(Exception):
    """A folder that is no proper case: it names a table or a column that is not there, or expects nothing."""


@dataclass(frozen=True)
class Case:
    """One folder.

    Args:
        path: the folder.
        tables: the rows of sources that it gives, with what follows from them.
        settings: the `[warehouse]` part of the settings.
        expected: by model, the columns and the text or value of each cell.
    """

    path: Path
    tables: Mapping[str, list[dict[str, Any]]]
    settings: Mapping[str, Any]
    expected: Mapping[str, list[dict[str, Any]]]


def case_folders(root: Path = ROOT) -> list[Path]:
    """All folders below the root that give or expect something."""
    found = {path.parent for name in ("given", "expect") for path in root.rglob(name) if path.is_dir()}
    return sorted(found)


def read_case(folder: Path) -> Case:
    """Read a folder.

    Raises:
        CaseError: a file that is neither a table's nor rows, a column that is not there, or nothing expected.
    """
    given = {path.stem: path for path in _files(folder / "given") if path.name != _SETTINGS}
    settings = folder / "given" / _SETTINGS
    expected = {path.stem: read_rows(path) for path in _files(folder / "expect")}
    if not expected:
        raise CaseError(f"{folder} expects nothing")
    return Case(
        path=folder,
        tables=_completed({name: list(_given_rows(name, path)) for name, path in given.items()}),
        settings=tomllib.loads(settings.read_text()) if settings.exists() else {},
        expected=expected,
    )


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; of a CSV file without rows its header is one row of no values, see `expected_columns`."""
    text = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text]
    if path.suffix != ".csv":
        raise CaseError(f"{path} is neither .csv nor .jsonl")
    reader = csv.DictReader(text, skipinitialspace=True, strict=True)
    rows = [{name: value or None for name, value in row.items()} for row in reader]
    if any(None in row for row in rows):
        raise CaseError(f"{path} has a row with more cells than its header")
    return rows


def expected_columns(folder: Path, model: str) -> list[str]:
    """The columns that a file of `expect` names."""
    (path,) = (path for path in _files(folder / "expect") if path.stem == model)
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    if path.suffix == ".csv":
        return [name.strip() for name in lines[0].split(",")]
    return list(dict.fromkeys(name for line in lines for name in json.loads(line)))


def moment(text: str) -> datetime:
    """A moment of UTC; without a zone it is UTC anyway."""
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def _given_rows(table: str, path: Path) -> Iterator[dict[str, Any]]:
    for row in read_rows(path):
        if table in LEDGER_TABLES:
            yield _ledger_row(table, row, path)
        elif table == "messages":
            yield _lake_row(table, _with_author({"conversation_id": "c1", **row}), path)
        elif table in TABLES:
            yield _lake_row(table, row, path)
        else:
            raise CaseError(f"{path}: there is no source {table}")


def _with_author(row: dict[str, Any]) -> dict[str, Any]:
    author = row.pop("author", None)
    if author is not None:
        kind, _, user = author.partition(" ")
        row["author_type"] = "user" if kind == "user" else "business"
        if kind == "user":
            row["author_user_id"] = user or "u1"
        elif kind != "business":
            row["author_subtypes"] = kind.split("+")
    activity = row.get("activity")
    if isinstance(activity, str) and not activity.startswith("{"):
        row["activity"] = {"type": activity}
    return row


def _ledger_row(table: str, row: dict[str, Any], path: Path) -> dict[str, Any]:
    if table == "app_as_of" and "as_of" in row:
        row["as_of_ms"] = to_ms(moment(row.pop("as_of")))
    schema = LEDGER_TABLES[table]
    for name in row:
        if name not in schema.names:
            raise CaseError(f"{path}: {table} has no column {name}")
    return {"app_id": DEFAULTS["app_id"]} | {
        name: int(value) if str(schema.field(name).type) == "int64" else value for name, value in row.items()
    }


def _lake_row(table: str, row: dict[str, Any], path: Path) -> dict[str, Any]:
    known = {column.name: column.kind for column in TABLES[table].columns}
    found: dict[str, Any] = dict(DEFAULTS)
    for name, value in row.items():
        if name == "app_id":
            found[name] = value
        elif name not in known:
            raise CaseError(f"{path}: {table} has no column {name}")
        elif value is not None:
            found[name] = _value(value, known[name])
    if table == "messages":
        found[_MONTH] = f"{found['received_at']:%Y-%m}"
    return found


def _value(value: Any, kind: Kind) -> Any:
    if kind is Kind.MOMENT:
        return moment(value)
    if kind is Kind.BOOL:
        return value if isinstance(value, bool) else {"true": True, "false": False}[value]
    if kind is Kind.INT:
        return int(value)
    if kind is Kind.STRINGS and isinstance(value, str):
        return value.split("|")
    if kind is Kind.JSON and not isinstance(value, str):
        return json.dumps(value)
    return value


def _completed(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    messages = tables.get("messages", [])
    named = {(row["app_id"], row["conversation_id"]) for row in tables.get("conversations", ())}
    first: dict[tuple[str, str], datetime] = {}
    newest: dict[str, datetime] = {}
    for row in sorted(messages, key=lambda row: row["received_at"]):
        first.setdefault((row["app_id"], row["conversation_id"]), row["received_at"])
        newest[row["app_id"]] = row["received_at"]
    tables.setdefault("conversations", []).extend(
        {**DEFAULTS, "app_id": app, "conversation_id": conversation, "type": "personal", "created_at": created}
        for (app, conversation), created in first.items()
        if (app, conversation) not in named
    )
    tables.setdefault("app_as_of", [{"app_id": app, "as_of_ms": to_ms(at)} for app, at in newest.items()])
    return tables
