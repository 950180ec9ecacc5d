from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.privacy.rewrite.rewrite import rewrite_lake
from pipeline.privacy.rewrite.state import purge_state
from pipeline.suppression.redact import Policy
from pipeline.suppression.subjects import Action
from pipeline.walk import ledger as tables
from pipeline.walk.runs import salt
from pipeline.walk.seeds import Seed, SeedKind, alias_tag
from tests.unit.privacy.erased_lakes import APP, AnnasLake, subject
from tests.unit.suppression.people import oid


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake of Anna and Ben."""
    lake = AnnasLake(tmp_path / "lake")
    lake.fill()
    return lake


def _column(annas: AnnasLake, column: sa.Column[str]) -> list[str | None]:
    with annas.ledger.read() as connection:
        return list(connection.scalars(sa.select(column).order_by(column)))


def _bytes(annas: AnnasLake) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(annas.lake.private.glob("ledger.db*")))


def test_nothing_of_the_erased_is_left_in_the_ledgers_files(annas: AnnasLake) -> None:
    """Roster, aliases, sets and cursors forget them; neither a free page nor the log holds an id of theirs."""
    ids = [oid(name) for name in ("anna", "alone", "1", "2", "4")]
    assert all(key.encode() in _bytes(annas) for key in ids)
    rewrite_lake(annas.lake, annas.ledger, APP, [subject()])
    purged = purge_state(annas.lake, annas.ledger, APP, [subject()])
    assert (purged.users, purged.conversations, purged.aliases, purged.sets, purged.cursors) == (1, 1, 1, 1, 1)
    data = _bytes(annas)
    for key in ids:
        assert key.encode() not in data
    assert _column(annas, tables.users.c.user_id) == sorted([oid("ben"), oid("old")])
    assert _column(annas, tables.aliases.c.tag) == ["tag of ben"]


def test_cursors_of_groups_move_to_messages_that_are_left(annas: AnnasLake) -> None:
    """The next run goes on from there; nothing is read again, nothing is left out."""
    rewrite_lake(annas.lake, annas.ledger, APP, [subject()])
    purge_state(annas.lake, annas.ledger, APP, [subject()])
    with annas.ledger.read() as connection:
        query = sa.select(tables.conversations).where(tables.conversations.c.conversation_id == oid("group"))
        row = connection.execute(query).one()
    assert (row.head_id, row.head_at) == (oid("6"), "2026-04-02T10:00:00.000Z")
    assert row.tail_id == min(oid("3"), oid("5"))
    assert (row.complete, row.messages, row.via_user_id) == (True, 3, None)


def test_a_group_without_messages_begins_anew(annas: AnnasLake) -> None:
    """There is nothing that a cursor could name."""
    group = frozenset({oid("empty")})
    values = {column.name: None for column in tables.conversations.c}
    row = values | {"app_id": APP, "conversation_id": oid("empty"), "found_by": "list", "state": "done"}
    row |= {"pending": 0, "complete": True, "messages": 1, "head_id": oid("4"), "tail_id": oid("4")}
    with annas.ledger.write() as connection:
        connection.execute(tables.conversations.insert().values(**row))
    purge_state(annas.lake, annas.ledger, APP, [subject(group_conversation_ids=group)])
    with annas.ledger.read() as connection:
        query = sa.select(tables.conversations).where(tables.conversations.c.conversation_id == oid("empty"))
        found = connection.execute(query).one()
    assert (found.head_id, found.tail_id, found.complete, found.messages) == (None, None, False, 0)


def test_a_conversation_whose_business_words_stay_is_remembered(annas: AnnasLake) -> None:
    """Its cursors name what is left, nothing leads to the person, and nothing is to be done for it any more."""
    rewrite_lake(annas.lake, annas.ledger, APP, [subject()], policy=Policy(scope="authored"))
    purged = purge_state(annas.lake, annas.ledger, APP, [subject()], scope="authored")
    assert (purged.users, purged.conversations) == (1, 0)
    with annas.ledger.read() as connection:
        query = sa.select(tables.conversations).where(tables.conversations.c.conversation_id == oid("alone"))
        row = connection.execute(query).one()
    assert (row.head_id, row.tail_id, row.messages) == (oid("2"), oid("2"), 1)
    assert (row.via_user_id, row.pending) == (None, 0)


def test_tags_of_seeds_that_meant_nobody_go_too(annas: AnnasLake) -> None:
    """An alias that was asked for in vain still says that somebody looked for this person."""
    tag = alias_tag(salt(annas.ledger), Seed(APP, SeedKind.EXTERNAL_ID, "customer-77"))
    with annas.ledger.write() as connection:
        connection.execute(tables.aliases.insert().values(app_id=APP, tag=tag, user_id=None))
    purge_state(annas.lake, annas.ledger, APP, [subject()])
    assert tag not in _column(annas, tables.aliases.c.tag)


def test_a_merge_into_the_erased_is_forgotten(annas: AnnasLake) -> None:
    """Whoever was merged into them stays as gone, without saying into whom."""
    purge_state(annas.lake, annas.ledger, APP, [subject()])
    assert _column(annas, tables.users.c.merged_into) == [None, None]


def test_less_than_an_erasure_forgets_nobody(annas: AnnasLake) -> None:
    """`pii_only` and `restrict` leave the roster alone."""
    before = _column(annas, tables.users.c.user_id)
    for action in (Action.PII_ONLY, Action.RESTRICT, Action.ACCESS):
        assert purge_state(annas.lake, annas.ledger, APP, [subject(action)]).users == 0
    assert _column(annas, tables.users.c.user_id) == before


def test_a_repeated_purge_finds_nothing(annas: AnnasLake) -> None:
    """A batch that is resumed may purge again."""
    purge_state(annas.lake, annas.ledger, APP, [subject()])
    again = purge_state(annas.lake, annas.ledger, APP, [subject()])
    assert (again.users, again.conversations, again.aliases, again.sets) == (0, 0, 0, 0)
