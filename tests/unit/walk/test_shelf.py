"""States between the walk and the ledger: one object per row, and nothing lost before its commit."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger, open_ledger
from pipeline.walk.roster import State, UserState
from pipeline.walk.shelf import Shelf, Snapshot, save_snapshots

APP = "app"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def shelf(ledger: Ledger) -> Shelf[UserState]:
    """The users of one app."""
    return Shelf(ledger, tables.users, UserState, key="user_id", app_id=APP)


def test_a_changed_state_outlives_its_holder_until_the_commit(ledger: Ledger, shelf: Shelf[UserState]) -> None:
    """Nobody holds it, the ledger does not know it yet, and still it is found."""
    snapshot = shelf.changed(shelf.add(UserState(APP, "anna", state=State.DONE)))
    gc.collect()
    assert shelf.get(["anna"])["anna"].state == State.DONE
    _commit(ledger, shelf, snapshot)
    assert len(shelf) == 0
    assert shelf.get(["anna"])["anna"].state == State.DONE


def test_a_state_that_changed_again_is_kept_by_an_older_commit(ledger: Ledger, shelf: Shelf[UserState]) -> None:
    """Only the commit of the newest snapshot lets go of it; a snapshot does not change with its state."""
    user = shelf.add(UserState(APP, "anna"))
    first = shelf.changed(user)
    user.state = State.DONE
    second = shelf.changed(user)
    assert first.state.state == State.KNOWN
    _commit(ledger, shelf, first)
    assert len(shelf) == 1
    _commit(ledger, shelf, second)
    assert len(shelf) == 0


def test_everyone_gets_the_same_object(ledger: Ledger, shelf: Shelf[UserState]) -> None:
    """A state that someone holds is not read a second time."""
    _commit(ledger, shelf, shelf.changed(shelf.add(UserState(APP, "anna"))))
    gc.collect()
    one = shelf.get(["anna"])["anna"]
    assert shelf.get(["anna"])["anna"] is one


def test_another_app_is_not_seen(ledger: Ledger, shelf: Shelf[UserState]) -> None:
    """Equal ids of two apps are two users."""
    other = Shelf(ledger, tables.users, UserState, key="user_id", app_id="other")
    _commit(ledger, other, other.changed(other.add(UserState("other", "anna"))))
    assert shelf.get(["anna"]) == {}


def _commit(ledger: Ledger, shelf: Shelf[UserState], *snapshots: Snapshot[UserState]) -> None:
    with ledger.write() as connection:
        save_snapshots(ledger, connection, tables.users, snapshots)
    shelf.committed(snapshots)
