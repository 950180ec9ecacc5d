"""From seed sources into the roster: ids at once, external ids and e-mails one by one while the walk goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice

from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from pipeline.walk.resolve import unresolved
from pipeline.walk.roster import ConversationState, Found, UserState
from pipeline.walk.seeds import Seed, SeedKind, read_seeds, validate_seeds

BATCH = 5_000
DIRECT = (SeedKind.USER_ID, SeedKind.CONVERSATION_ID)


def plant_seeds(ledger: Ledger, app_id: str, sources: Sequence[str], *, app_ids: Sequence[str]) -> None:
    """Check every source whole, then take the ids among its seeds into the roster; known ones stay as they are.

    Raises:
        SeedsError: a source is wrong; nothing was taken from any.
    """
    for source in sources:
        validate_seeds(source, app_ids=app_ids)
    for source in sources:
        direct = (seed for seed in read_seeds(source, app_ids=app_ids) if seed.app_id == app_id and seed.kind in DIRECT)
        while batch := list(islice(direct, BATCH)):
            users = [
                UserState(app_id, seed.value, found_by=Found.SEED) for seed in batch if seed.kind is SeedKind.USER_ID
            ]
            conversations = [
                ConversationState(app_id, seed.value, found_by=Found.SEED)
                for seed in batch
                if seed.kind is SeedKind.CONVERSATION_ID
            ]
            with ledger.write() as connection:
                ledger.insert_new(connection, tables.users, [dataclasses.asdict(state) for state in users])
                ledger.insert_new(
                    connection, tables.conversations, [dataclasses.asdict(state) for state in conversations]
                )


def alias_seeds(
    ledger: Ledger, app_id: str, sources: Sequence[str], *, app_ids: Sequence[str], salt: bytes, run_id: str
) -> Iterator[Seed]:
    """The external ids and e-mails that nobody resolved yet, each once a run."""
    aliases = (
        seed
        for source in sources
        for seed in read_seeds(source, app_ids=app_ids)
        if seed.app_id == app_id and seed.kind not in DIRECT
    )
    return unresolved(aliases, ledger=ledger, salt=salt, run_id=run_id)
