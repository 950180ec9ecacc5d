"""Counting what the walk has reached."""

from __future__ import annotations

from pathlib import Path

from pipeline.walk import ledger as tables
from pipeline.walk.coverage import app_coverage, is_known, pending
from pipeline.walk.ledger import open_ledger
from pipeline.walk.roster import ConversationState, Found, State, UserState
from pipeline.walk.shelf import Snapshot, save_snapshots

APP = "app"


def test_counts_add_up(tmp_path: Path) -> None:
    """By state and by source, the counts add up to what is known; gone conversations hold no messages."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert not is_known(ledger, APP)
    users = [
        UserState(APP, "a", found_by=Found.SEED, state=State.DONE, pending=0),
        UserState(APP, "b", found_by=Found.PARTICIPANT, state=State.GONE, pending=0),
        UserState(APP, "c", found_by=Found.PARTICIPANT),
        UserState("other", "d"),
    ]
    conversations = [
        ConversationState(APP, "x", state=State.DONE, pending=0, complete=True, messages=5),
        ConversationState(APP, "y", state=State.GONE, pending=0, complete=True, messages=7),
        ConversationState(APP, "z", messages=2),
    ]
    with ledger.write() as connection:
        save_snapshots(ledger, connection, tables.users, [Snapshot(user, 1) for user in users])
        save_snapshots(ledger, connection, tables.conversations, [Snapshot(item, 1) for item in conversations])
    found = app_coverage(ledger, APP)
    assert (found.users.known, found.users.pending) == (3, 1)
    assert found.users.by_state == {"done": 1, "gone": 1, "known": 1}
    assert found.users.by_source == {"participant": 2, "seed": 1}
    assert (found.messages, found.complete_conversations) == (7, 1)
    assert pending(ledger, APP) == (1, 1)
    assert is_known(ledger, APP)
    assert app_coverage(ledger, "nobody").users.known == 0
    ledger.close()
