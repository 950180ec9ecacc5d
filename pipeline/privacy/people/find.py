"""Who is it? Searches every version of the lake's rows, and the ledger, for the users that identifiers mean.

Each question is asked for a whole batch at once: a row of the answer is (number of the asker, user id).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, TypeAlias

import sqlalchemy as sa

from pipeline.privacy.people.contacts import PHONE_PATTERN, phone_digits
from pipeline.privacy.people.lake_view import LakeView
from pipeline.walk import ledger as tables
from pipeline.walk.seeds import Seed, SeedKind, alias_tag

Found: TypeAlias = dict[int, set[str]]
"""User ids by the number of who asked for them."""

_LEDGER_CHUNK: Final = 500

_USERS_BY_ID: Final = """
    select user_id from users
    union all select user_id from clients
    union all select user_id from devices
    union all select user_id from participants
    union all select author_user_id from messages
    union all select user_id from events
    union all select payload ->> '$.mergedUsers.discarded.id' from events where type = 'user:merge'
    union all select entity_id from tombstones where entity = 'user'
"""
_EXTERNAL_IDS: Final = """
    select user_id, external_id, brand_id from users
    union all
    select
        participants.user_id, participants.user_external_id,
        (select max(users.brand_id) from users where users.user_id = participants.user_id)
    from participants
    union all select payload ->> '$.user.id', payload ->> '$.user.externalId', payload ->> '$.user.brandId' from events
"""
_EMAILS: Final = """
    select user_id, email from users
    union all
    select user_id, unnest(from_json(identities, '[{"value": "varchar"}]')).value from users
    where identities like '[%' and identities like '%@%'
    union all select user_id, external_id from clients where external_id like '%@%'
    union all select payload ->> '$.user.id', payload ->> '$.user.profile.email' from events
    where payload ->> '$.user.profile.email' is not null
"""
_CHANNEL_IDS: Final = """
    select user_id, external_id, integration_id from clients
    union all
    select
        payload ->> '$.user.id', payload ->> '$.client.externalId', payload ->> '$.client.integrationId'
    from events where payload ->> '$.client.externalId' is not null
    union all
    select user_id, unnest(from_json(identities, '[{"value": "varchar"}]')).value, null from users
    where identities like '[%' and identities not like '[]'
"""


def find_users(view: LakeView, asked: Mapping[int, str]) -> Found:
    """Those user ids that are known to the lake or its ledger, be they superseded, gone or merged away."""
    _ask(view, asked)
    found = _collect(
        view,
        f"select distinct asked.subject, known.user_id from ({_USERS_BY_ID}) as known "
        "join asked on asked.value = known.user_id",
    )
    in_ledger = _in_ledger(view, set(asked.values()))
    for number, user_id in asked.items():
        if user_id in in_ledger:
            found[number].add(user_id)
    return found


def find_external(view: LakeView, asked: Mapping[int, tuple[str, str | None]]) -> Found:
    """The users who have or had these external ids; without a brand those of any brand."""
    values = {number: external_id for number, (external_id, _) in asked.items()}
    _ask(view, values, brand=[brand for _, brand in asked.values()])
    found = _collect(
        view,
        f"select distinct asked.subject, known.user_id from ({_EXTERNAL_IDS}) as known "
        "join asked on asked.value = known.external_id and (asked.brand is null or asked.brand = known.brand_id) "
        "where known.user_id is not null",
    )
    return _with_aliases(view, found, SeedKind.EXTERNAL_ID, asked)


def find_emails(view: LakeView, asked: Iterable[tuple[int, str]], *, brands: Mapping[int, str] | None = None) -> Found:
    """The users who have or had these addresses, in whatever case they are written.

    `brands` holds who asks for users of one brand only.
    """
    wanted: dict[str, set[int]] = defaultdict(set)
    pairs = list(asked)
    for number, email in pairs:
        wanted[email.casefold()].add(number)
    view.put("asked_emails", {"value": list(wanted)})
    # DuckDB knows lower case and not Unicode's case folding, so what is not ASCII is compared here.
    found: Found = defaultdict(set)
    for user_id, email in view.rows(f"""
        select distinct user_id, email from ({_EMAILS}) as known
        where user_id is not null and (
            lower(email) in (select value from asked_emails) or not regexp_full_match(email, '[\\x00-\\x7f]*')
        )
    """):
        for number in wanted.get(email.casefold(), ()):
            found[number].add(user_id)
    found = _with_aliases(view, found, SeedKind.EMAIL, {number: (email, None) for number, email in pairs})
    return _of_brand(view, found, brands) if brands else found


def find_channel_ids(view: LakeView, asked: Iterable[tuple[int, str, str | None]]) -> Found:
    """The users with clients of these external ids, phone numbers in whatever way they are written.

    Each is asked for with an integration; without one the client may be of any.
    """
    rows = list(asked)
    view.put(
        "asked_channels",
        {
            "subject": [number for number, _, _ in rows],
            "value": [value for _, value, _ in rows],
            "integration": [integration for _, _, integration in rows],
            "digits": [phone_digits(value) for _, value, _ in rows],
        },
    )
    return _collect(
        view,
        f"""
        with known as (
            select
                user_id, external_id, integration_id,
                case
                    when regexp_full_match(external_id, '{PHONE_PATTERN}')
                        then regexp_replace(external_id, '[^0-9]', '', 'g')
                end as digits
            from ({_CHANNEL_IDS}) as channels
            where external_id is not null and user_id is not null
        )
        select distinct asked_channels.subject, known.user_id
        from known join asked_channels on asked_channels.value = known.external_id
        where asked_channels.integration is null or asked_channels.integration = known.integration_id
        union
        select distinct asked_channels.subject, known.user_id
        from known join asked_channels on asked_channels.digits = known.digits
        where asked_channels.integration is null or asked_channels.integration = known.integration_id
    """,
    )


def _ask(view: LakeView, asked: Mapping[int, str], *, brand: Sequence[str | None] | None = None) -> None:
    brands = [None] * len(asked) if brand is None else list(brand)
    view.put("asked", {"subject": list(asked), "value": list(asked.values()), "brand": brands})


def _collect(view: LakeView, query: str) -> Found:
    found: Found = defaultdict(set)
    for number, user_id in view.rows(query):
        found[number].add(user_id)
    return found


def _in_ledger(view: LakeView, user_ids: set[str]) -> set[str]:
    columns = tables.users.c
    known: set[str] = set()
    remaining = iter(sorted(user_ids))
    with view.ledger.read() as connection:
        while chunk := list(islice(remaining, _LEDGER_CHUNK)):
            for column in (columns.user_id, columns.merged_into):
                query = sa.select(column).where(columns.app_id == view.app_id, column.in_(chunk))
                known.update(connection.scalars(query))
    return known


def _with_aliases(view: LakeView, found: Found, kind: SeedKind, asked: Mapping[int, tuple[str, str | None]]) -> Found:
    """What earlier exports resolved, which the ledger knows by tags."""
    with view.ledger.read() as connection:
        salt = connection.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == "salt"))
        if salt is None:
            return found
        by_tag: dict[str, set[int]] = defaultdict(set)
        for number, (value, brand) in asked.items():
            by_tag[alias_tag(bytes.fromhex(salt), Seed(view.app_id, kind, value, brand))].add(number)
        remaining, columns = iter(by_tag), tables.aliases.c
        while chunk := list(islice(remaining, _LEDGER_CHUNK)):
            query = sa.select(columns.tag, columns.user_id)
            query = query.where(columns.app_id == view.app_id, columns.tag.in_(chunk), columns.user_id.is_not(None))
            for tag, user_id in connection.execute(query):
                for number in by_tag[tag]:
                    found[number].add(user_id)
    return found


def _of_brand(view: LakeView, found: Found, brands: Mapping[int, str]) -> Found:
    """Without the users of another brand than was asked for; one whose brand is unknown is kept."""
    view.put("candidates", {"value": sorted({user_id for users in found.values() for user_id in users})})
    known: dict[str, set[str]] = defaultdict(set)
    for user_id, brand in view.rows(
        "select distinct user_id, brand_id from users where brand_id is not null "
        "and user_id in (select value from candidates)"
    ):
        known[user_id].add(brand)
    kept: Found = defaultdict(set)
    for number, users in found.items():
        brand = brands.get(number)
        kept[number] = {user for user in users if brand is None or not known[user] or brand in known[user]}
    return kept
