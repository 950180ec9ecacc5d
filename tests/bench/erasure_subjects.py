"""Subjects of a benchmark's lake: so many people of its first app, resolved as a plan resolves them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.suppression.subjects import Action, Subject
from tests.bench.warehouse_replicas import app_id


def pick_subjects(root: Path, count: int) -> list[Subject]:
    """So many users of the first app, spread over all of its ids, with all that is theirs."""
    app = app_id(0)
    with duckdb.connect() as duck:
        for table in ("users", "participants", "conversations", "messages"):
            duck.read_parquet(f"{root}/{table}/app_id={app}/**/*.parquet").create_view(table)
        rows = duck.execute(_SUBJECTS, [count]).fetchall()
    return [
        Subject(
            app_id=app,
            tag=f"tag {number}",
            action=Action.ERASE,
            user_ids=frozenset({user_id}),
            participant_ids=frozenset(participants),
            personal_conversation_ids=frozenset(personal),
            group_conversation_ids=frozenset(groups),
            message_ids=frozenset(messages or ()),
        )
        for number, (user_id, participants, personal, groups, messages) in enumerate(rows)
    ]


_SUBJECTS = """
    with picked as (
        select distinct user_id from users order by hash(user_id) limit $1
    ),
    memberships as (
        select
            participants.user_id,
            list(distinct participant_id) as participants,
            list(distinct conversation_id) filter (where type is distinct from 'sdkGroup') as personal,
            list(distinct conversation_id) filter (where type = 'sdkGroup') as groups
        from participants
        join picked on participants.user_id = picked.user_id
        left join conversations using (conversation_id)
        group by participants.user_id
    ),
    said as (
        select memberships.user_id, list(distinct message_id) as messages
        from memberships
        join messages on messages.author_user_id = memberships.user_id
        where list_contains(memberships.groups, messages.conversation_id)
        group by memberships.user_id
    )
    select
        memberships.user_id, participants, coalesce(personal, []), coalesce(groups, []), messages
    from memberships left join said using (user_id)
    order by memberships.user_id
"""
