"""One model: a SQL file with one SELECT, and a header of comments that says what its rows are.

    -- grain: one row per session
    -- key: app_id, session_id
    -- unit: conversation
    -- stored: yes
    -- not null: started_at
    -- column session_id: Id of the conversation, a colon, and the id of the session's first message.
    -- check: frt_any_ms >= 0

Any other comment of the header describes the model. `unit` says what is recomputed together when something changed: all
rows of a conversation; all of a local_date, of a channel_date (app, channel and local date) or of a user (app and user
key), which the model makes of rows of just that; or (without it) the whole model. `-- unsettled: <boolean over a row>`
marks rows that time alone can change, so that their conversations are computed again although nothing came; `now_ms` is
the start of the app's newest run. `-- moves: as_of` names columns that tell up to which moment a conversation is known:
where nothing else changes, they are moved on (intermediate.int_conversation_moments). `-- view: yes` lets each model
that reads this one compute what it needs of it; so it should be read once, or be cheap. To check a view is to compute
it once more; `-- proven by: <model>` spares that where each row of the view, with its key, is a row of that model: what
is proven of the one holds for the other, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import duckdb

from pipeline.errors import ModelError

SCHEMAS: Final = ("staging", "intermediate", "marts")
SOURCES: Final = ("raw", "settings")
PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_", "agg_"),
}

_ENTRY: Final = re.compile(
    r"--\s*(grain|key|unit|stored|view|proven by|unsettled|moves|not null|check|column\s+\w+)\s*:\s*(.*)"
)
_FILE: Final = re.compile(r"[a-z][a-z0-9_]*\.sql")


class Unit(StrEnum):
    """What is recomputed together."""

    CONVERSATION = "conversation"
    LOCAL_DATE = "local_date"
    CHANNEL_DATE = "channel_date"
    USER = "user"
    WHOLE = "whole"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values rows that are recomputed together share; none for conversations and the whole."""
        return _UNIT_COLUMNS.get(self, ())


_UNIT_COLUMNS: Final[Mapping[Unit, tuple[str, ...]]] = {
    Unit.LOCAL_DATE: ("local_date",),
    Unit.CHANNEL_DATE: ("app_id", "channel", "local_date"),
    Unit.USER: ("app_id", "user_key"),
}


@dataclass(frozen=True, slots=True)
class Model:
    """One model as its file states it. `references` and `name` are qualified, such as "marts.fct_turns"."""

    name: str
    path: Path
    sql: str
    grain: str
    key: tuple[str, ...]
    unit: Unit
    is_stored: bool
    is_view: bool
    proven_by: str | None
    unsettled: str | None
    moves: tuple[str, ...]
    not_null: tuple[str, ...]
    columns: Mapping[str, str]
    checks: tuple[str, ...]
    description: str
    references: frozenset[str]

    @property
    def schema(self) -> str:
        """staging, intermediate or marts."""
        return self.name.partition(".")[0]

    @property
    def table(self) -> str:
        """The name without its schema."""
        return self.name.partition(".")[2]


def read_model(path: Path, connection: duckdb.DuckDBPyConnection) -> Model:
    """Read and check one model's file.

    Args:
        path: `<schema>/<name>.sql`.
        connection: any connection; it parses, and runs nothing.

    Raises:
        ModelError: the header or the SELECT is wrong.
    """
    sql = _text(path)
    schema = path.parent.name
    if not path.name.startswith(PREFIXES[schema]) or not _FILE.fullmatch(path.name):
        raise ModelError(
            f"{path}: a model in {schema}/ is named {' or '.join(PREFIXES[schema])}... in a-z, 0-9 and _; rename it"
        )
    header = _Header(path, sql)
    unit, stored, view = header.one("unit"), header.one("stored"), header.one("view")
    if unit not in {None, *Unit} - {Unit.WHOLE}:
        raise header.error("unit", "is conversation, local_date, channel_date or user; leave it out for the whole")
    if stored not in {None, "yes"}:
        raise header.error("stored", "is yes, or left out")
    if view not in {None, "yes"} or (view and (stored or schema == "marts")):
        raise header.error("view", "is yes, or left out, and what is stored is no view")
    if header.one("proven by") and (not view or header.all("check") or header.all("not null")):
        raise header.error("proven by", "is for views that promise nothing but their key; leave it out")
    model = Model(
        name=f"{schema}.{path.stem}",
        path=path,
        sql=sql,
        grain=header.required("grain", "-- grain: one row per ..."),
        key=_names(header.required("key", "-- key: app_id, ...")),
        unit=Unit(unit) if unit else Unit.WHOLE,
        is_stored=schema == "marts" or stored == "yes",
        is_view=view == "yes",
        proven_by=header.one("proven by"),
        unsettled=header.one("unsettled"),
        moves=_names(header.one("moves") or ""),
        not_null=_names(header.one("not null") or ""),
        columns=header.columns(),
        checks=tuple(header.all("check")),
        description=header.description(),
        references=frozenset(_references(path, sql, connection)),
    )
    _check_columns(model)
    return model


class _Header:
    """The entries above the SELECT with their lines."""

    def __init__(self, path: Path, sql: str) -> None:
        self.path = path
        self.entries: list[tuple[str, str, int]] = []
        self.prose: list[str] = []
        for number, line in enumerate(sql.splitlines(), start=1):
            if not line.startswith("--"):
                break
            entry = _ENTRY.fullmatch(line.rstrip())
            if entry:
                self.entries.append((" ".join(entry[1].split()), entry[2].strip(), number))
            elif self.entries and line.startswith("--     "):
                # A longer entry goes on in lines that are indented.
                name, value, at = self.entries[-1]
                self.entries[-1] = name, f"{value} {line[2:].strip()}", at
            else:
                self.prose.append(line[2:].strip())

    def all(self, name: str) -> list[str]:
        return [value for entry, value, _ in self.entries if entry == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        if len(values) > 1:
            raise self.error(name, "stands twice; keep one")
        return values[0] if values else None

    def required(self, name: str, example: str) -> str:
        value = self.one(name)
        if not value:
            raise ModelError(f"{self.path}:1: the header lacks its {name}; add a line such as `{example}`")
        return value

    def columns(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry, value, number in self.entries:
            if not entry.startswith("column "):
                continue
            name = entry.removeprefix("column ")
            if name in found or not value:
                raise ModelError(f"{self.path}:{number}: column {name} needs one sentence, once")
            found[name] = value
        return found

    def description(self) -> str:
        return " ".join(self.prose).strip()

    def error(self, name: str, remedy: str) -> ModelError:
        number = next(number for entry, _, number in reversed(self.entries) if entry == name)
        return ModelError(f"{self.path}:{number}: {name} {remedy}")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{path}: it is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _check_columns(model: Model) -> None:
    if not model.is_stored:
        return
    if not model.columns:
        raise ModelError(f"{model.path}:1: a stored model describes all its columns: `-- column <name>: <sentence>`")
    for name in (*model.key, *model.not_null, *model.moves):
        if name not in model.columns:
            raise ModelError(
                f"{model.path}:1: {name} is in the key, moves or not null, but has no `-- column {name}:` line"
            )


def _references(path: Path, sql: str, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The qualified tables that a SELECT reads. DuckDB parses without binding, so nothing has to exist."""
    (text,) = connection.execute("select json_serialize_sql($sql)", {"sql": sql}).fetchone() or ("{}",)
    nodes: list[dict[str, Any]] = []

    def note(node: dict[str, Any]) -> dict[str, Any]:
        nodes.append(node)
        return node

    tree = json.loads(text, object_hook=note)
    if tree.get("error"):
        position = int(tree.get("position") or 0)
        line = sql.count("\n", 0, position) + 1
        words = tree.get("error_message", "it can't be parsed")
        raise ModelError(f"{path}:{line}: {words}; a model is one SELECT (no PIVOT, no CREATE)")
    if len(tree.get("statements", ())) != 1:
        raise ModelError(f"{path}:1: a model is exactly one SELECT; it has {len(tree.get('statements', ()))}")
    ctes = set(_cte_names(nodes))
    for schema, table in _tables(nodes):
        if schema:
            yield f"{schema}.{table}"
        elif table not in ctes:
            line = _line_of(sql, table)
            raise ModelError(f"{path}:{line}: {table} is no CTE of this file; name its schema, as in staging.{table}")


def _tables(nodes: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if node.get("type") == "BASE_TABLE":
            yield node.get("schema_name", ""), node["table_name"]


def _cte_names(nodes: Sequence[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        entries = node.get("cte_map", {}).get("map", []) if isinstance(node.get("cte_map"), dict) else []
        yield from (entry["key"] for entry in entries)
        if isinstance(node.get("cte_name"), str):
            yield node["cte_name"]


def _line_of(sql: str, word: str) -> int:
    found = re.search(rf"^(?!--).*\b{re.escape(word)}\b", sql, re.MULTILINE)
    return sql.count("\n", 0, found.start()) + 1 if found else 1
