"""External ids and addresses that nobody has resolved yet."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from pipeline.walk import ledger as tables
from pipeline.walk.ledger import open_ledger
from pipeline.walk.resolve import BATCH, unresolved
from pipeline.walk.seeds import Seed, SeedKind, alias_tag

SALT = bytes(32)


def _seed(value: str, brand_id: str | None = None) -> Seed:
    return Seed("app", SeedKind.EXTERNAL_ID, value, brand_id)


def test_each_seed_is_asked_for_once_a_run_until_it_is_resolved(tmp_path: Path) -> None:
    """However far apart equal seeds are; a seed that leads to a user is never asked for again."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    seeds = [_seed(f"crm-{number}") for number in range(BATCH + 10)] + [_seed("crm-0"), _seed("crm-0", "7")]

    def asked(run_id: str) -> list[Seed]:
        return list(unresolved(seeds, ledger=ledger, salt=SALT, run_id=run_id))

    assert len(asked("run 1")) == BATCH + 11
    assert asked("run 1") == []
    with ledger.write() as connection:
        rows = [{"app_id": "app", "tag": alias_tag(SALT, _seed("crm-1")), "user_id": "u"}]
        ledger.upsert(connection, tables.aliases, rows)
    second = asked("run 2")
    assert len(second) == BATCH + 10
    assert _seed("crm-1") not in second
    with ledger.read() as connection:
        assert "crm" not in str(connection.execute(sa.select(tables.aliases)).all())
    ledger.close()
