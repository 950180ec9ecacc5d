"""What is true now: the newest version of each row, unless a tombstone says that it, or its owner, is gone."""

from __future__ import annotations

from collections.abc import Sequence

from tests.sql.reference.history import History, Row

_KEYS = {
    "apps": "app_id",
    "conversations": "conversation_id",
    "participants": "participant_id",
    "messages": "message_id",
    "events": "event_id",
    "switchboard_integrations": "switchboard_integration_id",
}
_OWN_ENTITY = {"conversations": "conversation", "participants": "participant", "messages": "message"}
_OWNERS = {"messages": ("conversation",), "participants": ("conversation", "user")}
_KEPT_THOUGH_GONE = "retention"


def live_rows(history: History, table: str) -> list[Row]:
    """The rows of a table that are true now (rule R3)."""
    newest: dict[tuple[str, str], Row] = {}
    for row in sorted(history.rows(table), key=_age):
        newest[row["app_id"], row[_KEYS[table]]] = row
    gone = _gone(history.rows("tombstones"))
    return [row for row in newest.values() if not _is_gone(table, row, gone)]


def _age(row: Row) -> tuple[object, str]:
    return row["exported_at"], row["run_id"]


def _gone(tombstones: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    gone: dict[tuple[str, str, str], list[Row]] = {}
    for row in tombstones:
        if row["reason"] != _KEPT_THOUGH_GONE:
            gone.setdefault((row["app_id"], row["entity"], row["entity_id"]), []).append(row)
    return gone


def _is_gone(table: str, row: Row, gone: dict[tuple[str, str, str], list[Row]]) -> bool:
    places = [(_OWN_ENTITY.get(table, ""), row[_KEYS[table]])]
    places += [(owner, row[f"{owner}_id"]) for owner in _OWNERS.get(table, ())]
    return any(
        stone["seen_at"] >= row["exported_at"]
        for entity, entity_id in places
        for stone in gone.get((row["app_id"], entity, entity_id), ())
    )
