"""A lake that changes at random in every way in which exports, sweeps, merges and compactions change one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.layout import open_lake
from pipeline.lake.tables import TABLES
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import open_ledger
from tests.unit.warehouse.lakes import APP, START, LakeFiles

CHANNELS = ("whatsapp", "web", "ios", None)
SUBTYPES = (None, ["agent"], ["bot"], ["AI"])
DAY = timedelta(days=1)


class ChangingLake:
    """A lake with a ledger, some conversations of it, and a random way to go on."""

    def __init__(self, root: Path, seed: int) -> None:
        self.files = LakeFiles(root)
        self.random = Random(seed)
        self.ledger_url = open_lake(root, create=False).default_ledger_url
        self.conversations = [f"c{number:02d}" for number in range(10)]
        self.messages: list[dict[str, Any]] = []
        self.exports = 0
        self._ids = 0
        for conversation in self.conversations:
            self._new_conversation(conversation)
        self._talk(40)
        self._finish_run()

    def change(self, times: int) -> list[str]:
        """Change the lake in so many random ways, then finish a run or not; returns what was done."""
        ways: tuple[Callable[[], None], ...] = (
            self._some_talk,
            self._some_talk,
            self._edit,
            self._bury_message,
            self._bury_conversation,
            self._renew_conversation,
            self._merge_users,
            self._toggle_completeness,
            self._event,
            self._compact,
            self._change_retention,
        )
        done = self.random.choices(ways, k=times)
        if self.random.random() < 0.7:
            done.append(self._finish_run)
        for way in done:
            self.exports += 1
            way()
        return [way.__name__ for way in done]

    def _some_talk(self) -> None:
        self._talk(self.random.randint(1, 5))

    def _talk(self, count: int) -> None:
        by_month: dict[str, list[dict[str, Any]]] = {}
        for _ in range(count):
            row = self._message()
            self.messages.append(row)
            by_month.setdefault(f"{row['received_at']:%Y-%m}", []).append(row)
        for month, rows in by_month.items():
            self.files.add("messages", *rows, month=month)

    def _message(self) -> dict[str, Any]:
        self._ids += 1
        conversation = self.random.choice(self.conversations)
        by_user = self.random.random() < 0.5
        activity = self.random.choice([None] * 9 + ["ticket:closed"])
        return {
            "message_id": f"m{self._ids:05d}",
            "conversation_id": conversation,
            "received_at": START + DAY * (self.exports // 3) + timedelta(minutes=self.random.randint(0, 40_000)),
            "author_type": "user" if by_user else "business",
            "author_subtypes": None if by_user else self.random.choice(SUBTYPES),
            "author_user_id": f"u{conversation}" if by_user else None,
            "source_type": self.random.choice(CHANNELS) if by_user else "api:conversations",
            "content_type": self.random.choice(["text", "image"]),
            "activity": json.dumps({"type": activity}) if activity and not by_user else None,
            **self._version(),
        }

    def _version(self) -> dict[str, Any]:
        exported = START + timedelta(days=60, minutes=self.exports)
        return {"exported_at": exported, "run_id": f"{int(exported.timestamp() * 1000):011x}00000000"}

    def _edit(self) -> None:
        row = self.random.choice(self.messages) | self._version() | {"deleted": True, "content_type": None}
        self.files.add("messages", row, month=f"{row['received_at']:%Y-%m}")

    def _bury_message(self) -> None:
        self._bury("message", self.random.choice(self.messages)["message_id"])

    def _bury_conversation(self) -> None:
        self._bury("conversation", self.random.choice(self.conversations))

    def _bury(self, entity: str, entity_id: str) -> None:
        seen_at = self._version()["exported_at"]
        row = {"entity": entity, "entity_id": entity_id, "seen_at": seen_at, "reason": "gone", **self._version()}
        self.files.add("tombstones", row)

    def _renew_conversation(self) -> None:
        self._new_conversation(self.random.choice(self.conversations))

    def _new_conversation(self, conversation: str) -> None:
        kind = self.random.choice(["personal", "personal", "personal", "sdkGroup", None])
        created = START + timedelta(minutes=self.random.randint(-5_000, 5_000))
        row = {"conversation_id": conversation, "type": kind, "created_at": created, **self._version()}
        self.files.add("conversations", row)
        member = {"participant_id": f"p{conversation}", "conversation_id": conversation, "user_id": f"u{conversation}"}
        clients = json.dumps([{"clientId": "x", "type": self.random.choice(["line", "web"])}])
        self.files.add("participants", member | {"client_associations": clients, **self._version()})

    def _event(self) -> None:
        row = self.random.choice(self.messages)
        kind = self.random.choice(["channel", "failure"])
        payload = {
            "conversation": {"id": row["conversation_id"]},
            "message": {"id": row["message_id"]},
            "destination": {"type": "whatsapp"},
            "isFinalEvent": self.random.random() < 0.5,
            "error": {"code": "unauthorized"},
        }
        self._ids += 1
        event = {
            "event_id": f"e{self._ids}",
            "type": f"conversation:message:delivery:{kind}",
            "created_at": row["received_at"] + timedelta(seconds=5),
            "conversation_id": row["conversation_id"],
            "message_id": row["message_id"],
            "payload": json.dumps(payload),
        }
        self.files.add("events", event | self._version())

    def _change_retention(self) -> None:
        seconds = self.random.choice([None, 86_400])
        self.files.add("apps", {"settings": json.dumps({"conversationRetentionSeconds": seconds}), **self._version()})

    def _merge_users(self) -> None:
        one, other = self.random.sample(self.conversations, 2)
        row = {"app_id": APP, "user_id": f"u{one}", "found_by": "seed", "state": "merged", "pending": 0}
        self._write(tables.users, row | {"merged_into": f"u{other}"})

    def _toggle_completeness(self) -> None:
        row = {"app_id": APP, "conversation_id": self.random.choice(self.conversations), "found_by": "seed"}
        row |= {"state": "done", "pending": 0, "complete": self.random.random() < 0.5, "messages": 0}
        self._write(tables.conversations, row)

    def _finish_run(self) -> None:
        moment = (START + timedelta(days=self.random.randint(1, 70))).timestamp() + self.exports
        row = {"app_id": APP, "run_id": f"r{self.exports}", "kind": "export", "state": "done", "counters": "{}"}
        self._write(tables.runs, row | {"started_at": moment, "updated_at": moment})

    def _write(self, table: Any, row: dict[str, Any]) -> None:
        ledger = open_ledger(self.ledger_url)
        with ledger.write() as connection:
            ledger.upsert(connection, table, [row])
        ledger.close()

    def _compact(self) -> None:
        for folder in sorted((self.files.root / "messages").glob("app_id=*/month=*")):
            paths = sorted(folder.glob("*.parquet"))
            rows = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
            newest = {row["message_id"]: row for row in sorted(rows, key=lambda row: row["exported_at"])}
            kept = sorted(newest.values(), key=lambda row: (row["conversation_id"], row["received_at"]))
            pq.write_table(pa.Table.from_pylist(kept, schema=TABLES["messages"].schema), paths[0])
            for path in paths[1:]:
                path.unlink()
