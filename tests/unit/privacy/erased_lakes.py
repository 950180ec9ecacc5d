"""Lakes with Anna, who is erased, and Ben, who stays, in several files of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.batch import Batch
from pipeline.lake.layout import Lake, open_lake
from pipeline.lake.secrets import Dropped
from pipeline.suppression.subjects import Action, Subject
from pipeline.walk.ledger import Ledger, open_ledger
from pipeline.walk.roster import ConversationState, UserState
from pipeline.walk.shelf import Snapshot
from pipeline.walk.step import Alias, Rows, SetHash, Step, Tombstone
from tests.unit.suppression.people import NOW, anna, message, oid, quote_of

APP = "5d8cff3cd55b040010928b5b"


def subject(action: Action = Action.ERASE, **fields: Any) -> Subject:
    """Anna as the closure resolved her; what is hers but unknown to it must go all the same."""
    return replace(anna(action, **fields), app_id=APP)


class AnnasLake:
    """A lake with its ledger."""

    def __init__(self, root: Path) -> None:
        self.lake: Lake = open_lake(root, create=True)
        self.ledger: Ledger = open_ledger(self.lake.default_ledger_url)

    def commit(self, step: Step) -> None:
        """Commit a step as an export does."""
        batch = Batch(self.lake, self.ledger, app_id=APP, run_id="run", dropped=Dropped())
        batch.add(step)
        batch.commit()

    def fill(self) -> None:
        """Several commits, of which the last knows nothing of Anna."""
        self.commit(self.people("anna", "ben"))
        self.commit(self.talk("alone", message("1", "anna"), message("2", None)))
        self.commit(
            self.talk(
                "group",
                message("3", "ben"),
                message("4", "anna"),
                message("5", "ben", **quote_of(message("4", "anna"))),
                message("6", "ben", received="2026-04-02T10:00:00.000Z"),
            )
        )
        gone = [Tombstone("message", oid("2"), NOW, "deleted"), Tombstone("user", oid("ben"), NOW, "gone")]
        self.commit(Step(tombstones=gone))
        self.commit(self.talk("bens", message("7", "ben"), message("8", None)))
        self.commit(self.checkpoints())

    def people(self, *names: str) -> Step:
        """Rows of users with a client each."""
        users = [{"id": oid(name), "profile": {"givenName": name}} for name in names]
        step = Step(rows=[rows("users", users)])
        for name in names:
            step.rows.append(rows("clients", [{"id": oid(f"{name}'s client")}], user_id=oid(name)))
        return step

    def talk(self, name: str, *said: dict[str, Any]) -> Step:
        """A conversation with its messages and the participation of everybody who wrote."""
        authors = sorted({item["author"]["userId"] for item in said if "userId" in item["author"]})
        members = [{"id": oid(f"{name}/{author}"), "userId": author} for author in authors]
        where = {"conversation_id": oid(name)}
        return Step(
            rows=[
                rows("conversations", [{"id": oid(name)}]),
                rows("participants", members, **where),
                rows("messages", list(said), **where),
            ]
        )

    def checkpoints(self) -> Step:
        """What the roster knows after a walk."""
        users = [
            UserState(APP, oid("anna")),
            UserState(APP, oid("ben")),
            UserState(APP, oid("old"), merged_into=oid("anna")),
        ]
        talks = [
            ConversationState(APP, oid("alone"), via_user_id=oid("anna"), head_id=oid("2"), tail_id=oid("1")),
            ConversationState(
                APP, oid("group"), via_user_id=oid("anna"), head_id=oid("4"), tail_id=oid("4"), complete=True
            ),
            ConversationState(APP, oid("bens"), via_user_id=oid("ben"), head_id=oid("8"), tail_id=oid("7")),
        ]
        return Step(
            users=[Snapshot(state, 1) for state in users],
            conversations=[Snapshot(state, 1) for state in talks],
            aliases=[Alias("tag of anna", oid("anna")), Alias("tag of ben", oid("ben"))],
            sets=[SetHash("clients", oid("anna"), 1), SetHash("clients", oid("ben"), 2)],
        )

    def files(self) -> dict[str, bytes]:
        """The data files with their bytes."""
        found = (path for path in self.lake.root.rglob("*.parquet") if "_sunlake" not in path.parts)
        return {str(path.relative_to(self.lake.root)): path.read_bytes() for path in sorted(found)}

    def rows(self, table: str) -> pa.Table:
        """All rows of a table."""
        paths = sorted(self.lake.root.glob(f"{table}/**/*.parquet"))
        return pa.concat_tables([pq.ParquetFile(path).read() for path in paths]) if paths else pa.table({})

    def values(self) -> str:
        """Everything that any row says."""
        tables = sorted({name.split("/")[0] for name in self.files()})
        return "\n".join(str(self.rows(table).to_pylist()) for table in tables)


def rows(table: str, objects: Sequence[dict[str, Any]], **parents: str) -> Rows:
    """Objects on their way into the lake."""
    return Rows(table, [msgspec.json.encode(item) for item in objects], parents, NOW)
