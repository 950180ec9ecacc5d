"""Lakes with a few rows, written as the sink writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pipeline.lake.batch import Batch
from pipeline.lake.layout import Lake, open_lake
from pipeline.lake.secrets import Dropped
from pipeline.walk.ledger import Ledger, open_ledger
from pipeline.walk.step import Reconcile, Rows, Step, Tombstone

APP = "5d8cff3cd55b040010928b5b"
BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)


class SmallLake:
    """A lake with its ledger."""

    def __init__(self, root: Path) -> None:
        self.lake: Lake = open_lake(root, create=True)
        self.ledger: Ledger = open_ledger(self.lake.default_ledger_url)

    def batch(self, run_id: str = "run") -> Batch:
        """What is to be committed next."""
        return Batch(self.lake, self.ledger, app_id=APP, run_id=run_id, dropped=Dropped())

    def commit(self, *steps: Step, run_id: str = "run") -> None:
        """Commit steps."""
        batch = self.batch(run_id)
        for step in steps:
            batch.add(step)
        batch.commit()

    def files(self) -> list[Path]:
        """The data files."""
        return sorted(file for file in self.lake.root.rglob("*.parquet") if "_sunlake" not in file.parts)


def users(*objects: dict[str, Any], at: int = 0) -> Step:
    """Rows of users, read so many seconds after the beginning."""
    return Step(rows=[Rows("users", _texts(objects), {}, _moment(at))])


def clients(user_id: str, *ids: str, at: int = 0, present: Sequence[str] | None = None) -> Step:
    """Rows of a user's clients; with `present`, the complete set."""
    step = Step()
    if ids:
        step.rows.append(Rows("clients", _texts([{"id": key} for key in ids]), {"user_id": user_id}, _moment(at)))
    if present is not None:
        step.reconciles.append(Reconcile("clients", user_id, frozenset(present), _moment(at), "gone"))
    return step


def messages(conversation_id: str, *objects: dict[str, Any], at: int = 0) -> Step:
    """Messages of a sweep."""
    parents = {"conversation_id": conversation_id}
    return Step(rows=[Rows("messages", _texts(objects), parents, _moment(at), compare=True)])


def gone(entity: str, key: str, *, at: int) -> Step:
    """A tombstone."""
    return Step(tombstones=[Tombstone(entity, key, _moment(at), "gone")])


def _texts(objects: Sequence[dict[str, Any]]) -> list[bytes]:
    return [msgspec.json.encode(item) for item in objects]


def _moment(seconds: int) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)
