"""Turning an external id or e-mail seed into the user it means, once; the ledger remembers the answer by a tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec
import sqlalchemy as sa

from pipeline.api import resources
from pipeline.errors import NotFoundError
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from pipeline.walk.roster import Found
from pipeline.walk.seeds import Seed, SeedKind, alias_tag
from pipeline.walk.step import Alias, Step
from pipeline.walk.visit import Visit

BATCH = 500


class UserHead(msgspec.Struct, rename="camel"):
    """What the walk reads of a user."""

    id: str
    external_id: str | None = None


def unresolved(seeds: Iterable[Seed], *, ledger: Ledger, salt: bytes, run_id: str) -> Iterator[Seed]:
    """The seeds that nobody resolved yet, each once a run, lazily; those resolved are in the roster already."""
    iterator = iter(seeds)
    while batch := list(islice(iterator, BATCH)):
        tags = {alias_tag(salt, seed): seed for seed in batch}
        columns = tables.aliases.c
        app_id = batch[0].app_id
        query = sa.select(columns.tag).where(
            columns.app_id == app_id,
            columns.tag.in_(tags),
            sa.or_(columns.user_id.is_not(None), columns.asked_by == run_id),
        )
        with ledger.write() as connection:
            known = set(connection.scalars(query))
            asked = [{"app_id": app_id, "tag": tag, "asked_by": run_id} for tag in tags if tag not in known]
            ledger.upsert(connection, tables.aliases, asked)
        yield from (seed for tag, seed in tags.items() if tag not in known)


async def resolve_seed(visit: Visit, seed: Seed) -> None:
    """Ask who the seed means and offer that user to the walk, with the profile that the answer already holds."""
    try:
        found = await (_by_email(visit, seed) if seed.kind is SeedKind.EMAIL else _by_external_id(visit, seed))
    except NotFoundError as error:
        if error.code == "app_not_found":
            raise
        found = []
    tag = alias_tag(visit.salt, seed)
    if not found:
        await visit.emit(Step(aliases=[Alias(tag, None)]))
        return
    step = Step(aliases=[Alias(tag, found[0])])
    users = [visit.know_user(user_id, step, found_by=Found.SEED) for user_id in found]
    await visit.emit(step)
    for user in users:
        visit.frontier.offer(user)


async def _by_external_id(visit: Visit, seed: Seed) -> Sequence[str]:
    query = resources.of_brand(seed.brand_id)
    page = await visit.get(resources.GET_USER, {"userIdOrExternalId": seed.value}, query=query)
    head = page.read(UserHead)[0]
    # An external id may look like another user's id (api.md, section 9); such an answer is not the one asked for.
    if head.external_id != seed.value:
        return []
    visit.keep_profile(head.id, page)
    return [head.id]


async def _by_email(visit: Visit, seed: Seed) -> Sequence[str]:
    query = resources.users_with_email(seed.value, brand_id=seed.brand_id)
    page = await visit.get(resources.LIST_USERS_BY_EMAIL, {}, query=query)
    return [head.id for head in page.read(UserHead)]
