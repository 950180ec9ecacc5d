"""From seed sources into the roster: ids at once, external ids and e-mails one by one while the walk goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from pipeline.walk import ledger as tables
from pipeline.walk.admission import ANYBODY, Guest, Who
from pipeline.walk.ledger import Ledger
from pipeline.walk.resolve import unresolved
from pipeline.walk.roster import ConversationState, Found, UserState
from pipeline.walk.seeds import Seed, SeedKind, read_seeds, validate_seeds

BATCH = 5_000
DIRECT = (SeedKind.USER_ID, SeedKind.CONVERSATION_ID)
_WHO: dict[SeedKind, Who] = {
    SeedKind.USER_ID: "user",
    SeedKind.CONVERSATION_ID: "conversation",
    SeedKind.EXTERNAL_ID: "external_id",
    SeedKind.EMAIL: "email",
}


def plant_seeds(
    ledger: Ledger, app_id: str, sources: Sequence[str], *, app_ids: Sequence[str], guest: Guest = ANYBODY
) -> int:
    """Check every source whole, then take the ids among its seeds into the roster; known ones stay as they are.

    Returns how many seeds were left out, since they name somebody who is kept out.

    Raises:
        SeedsError: a source is wrong; nothing was taken from any.
    """
    for source in sources:
        validate_seeds(source, app_ids=app_ids)
    left_out = 0
    for source in sources:
        direct = (seed for seed in read_seeds(source, app_ids=app_ids) if seed.app_id == app_id and seed.kind in DIRECT)
        while found := list(islice(direct, BATCH)):
            batch = [seed for seed in found if guest.admits(_WHO[seed.kind], seed.value)]
            left_out += len(found) - len(batch)
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
    return left_out


def alias_seeds(
    ledger: Ledger,
    app_id: str,
    sources: Sequence[str],
    *,
    app_ids: Sequence[str],
    salt: bytes,
    run_id: str,
    guest: Guest = ANYBODY,
    on_left_out: Callable[[], None] = lambda: None,
) -> Iterator[Seed]:
    """The external ids and e-mails that nobody resolved yet, each once a run; `on_left_out` for who is kept out."""

    def is_welcome(seed: Seed) -> bool:
        welcome = guest.admits(_WHO[seed.kind], seed.value, brand_id=seed.brand_id)
        if not welcome:
            on_left_out()
        return welcome

    aliases = (
        seed
        for source in sources
        for seed in read_seeds(source, app_ids=app_ids)
        if seed.app_id == app_id and seed.kind not in DIRECT and is_welcome(seed)
    )
    return unresolved(aliases, ledger=ledger, salt=salt, run_id=run_id)
