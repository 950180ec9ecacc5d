"""The order of work: conversations before users, nothing twice, nothing forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.walk import frontier as module
from pipeline.walk import ledger as tables
from pipeline.walk.frontier import Frontier
from pipeline.walk.ledger import Ledger, open_ledger
from pipeline.walk.roster import ConversationState, Pending, UserState
from pipeline.walk.seeds import Seed, SeedKind
from pipeline.walk.shelf import Shelf, save_snapshots

APP = "app"


class Walk:
    """A ledger with its shelves and a frontier over them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.users = Shelf(ledger, tables.users, UserState, key="user_id", app_id=APP)
        self.conversations = Shelf(ledger, tables.conversations, ConversationState, key="conversation_id", app_id=APP)
        self.frontier = Frontier(self.users, self.conversations, iter([Seed(APP, SeedKind.EMAIL, "a@b")]))

    def commit_users(self, *names: str) -> None:
        """Let the ledger know users who wait."""
        snapshots = [self.users.changed(self.users.add(UserState(APP, name))) for name in names]
        with self.ledger.write() as connection:
            save_snapshots(self.ledger, connection, tables.users, snapshots)
        self.users.committed(snapshots)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """An empty walk."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield Walk(ledger)
    ledger.close()


def test_conversations_come_first_then_users_then_seeds_then_the_ledger(walk: Walk) -> None:
    """What is begun is finished before anything new is begun."""
    walk.commit_users("from the ledger")
    user = walk.users.add(UserState(APP, "hot"))
    conversation = walk.conversations.add(ConversationState(APP, "talk"))
    walk.frontier.offer(user)
    walk.frontier.offer(conversation)
    assert walk.frontier.pop() is conversation
    assert walk.frontier.pop() is user
    assert isinstance(walk.frontier.pop(), Seed)
    found = walk.frontier.pop()
    assert isinstance(found, UserState)
    assert found.user_id == "from the ledger"
    assert walk.frontier.pop() is None


def test_what_a_list_will_show_waits_for_the_lists(walk: Walk) -> None:
    """A conversation that no list has shown yet to this ledger comes last, unless no list will ever show it."""
    shown, unshown, orphan = (
        ConversationState(APP, "shown", via_user_id="anna", listed_at="2026-03-01T08:00:00.000Z"),
        ConversationState(APP, "unshown", via_user_id="anna"),
        ConversationState(APP, "orphan"),
    )
    snapshots = [walk.conversations.changed(walk.conversations.add(each)) for each in (shown, unshown, orphan)]
    with walk.ledger.write() as connection:
        save_snapshots(walk.ledger, connection, tables.conversations, snapshots)
    walk.conversations.committed(snapshots)
    walk.commit_users("anna")
    units = [walk.frontier.pop() for _ in range(4)]
    assert [getattr(unit, "conversation_id", None) for unit in units[:2]] == ["orphan", "shown"]
    assert isinstance(units[2], Seed)
    anna = units[3]
    assert isinstance(anna, UserState)
    assert walk.frontier.pop() is None, "her list is being read"
    walk.frontier.done(anna)
    assert walk.frontier.pop() is unshown
    assert walk.frontier.pop() is None


def test_a_unit_is_not_taken_twice_while_it_is_at_work(walk: Walk) -> None:
    """Offered again it waits until it is done; without work it is not taken at all."""
    user = walk.users.add(UserState(APP, "anna"))
    walk.frontier.offer(user)
    walk.frontier.offer(user)
    assert walk.frontier.pop() is user
    walk.frontier.offer(user)
    assert isinstance(walk.frontier.pop(), Seed)
    assert walk.frontier.active == 1
    walk.frontier.done(user)
    user.pending = Pending.NO
    walk.frontier.offer(user)
    assert walk.frontier.pop() is None


def test_what_does_not_fit_into_memory_comes_back_from_the_ledger(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound units are left to the ledger, and each comes once."""
    monkeypatch.setattr(module, "HOT_LIMIT", 3)
    monkeypatch.setattr(module, "REFILL", 2)
    names = [f"user{number}" for number in range(8)]
    walk.commit_users(*names)
    states = walk.users.get(names)
    for state in states.values():
        walk.frontier.offer(state)
    popped = [unit.user_id for _ in range(9) if isinstance(unit := walk.frontier.pop(), UserState)]
    assert sorted(popped) == names


def test_what_was_done_since_the_last_commit_does_not_come_again(walk: Walk) -> None:
    """The ledger still says that it waits; the state knows better."""
    walk.commit_users("anna", "ben")
    anna = walk.users.get(["anna"])["anna"]
    anna.pending = Pending.NO
    walk.users.changed(anna)
    assert list(walk.users.pending_ids(after="", limit=10)) == ["anna", "ben"]
    assert isinstance(walk.frontier.pop(), Seed)
    assert [unit.user_id for unit in iter(walk.frontier.pop, None) if isinstance(unit, UserState)] == ["ben"]


def test_after_a_rescan_what_still_waits_comes_again(walk: Walk) -> None:
    """The end of the ledger is not the end while units wait there that were not there before."""
    assert isinstance(walk.frontier.pop(), Seed)
    assert walk.frontier.pop() is None
    walk.commit_users("late")
    assert walk.frontier.pop() is None
    walk.frontier.rescan()
    assert walk.frontier.pop() is not None
