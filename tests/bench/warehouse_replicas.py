"""A world's rows multiplied in DuckDB: which replicas there are, and the SELECTs of their rows.

Each replica has ids of its own, and five conversations of the world become one, whose parts lie weeks to months apart.
So histories are as long as those of customers who come back. Parts are moved by whole weeks, and begin within the 56
weeks before the run that exported all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from pipeline.lake.tables import TABLES

WEEKS = 56
EXPORTED = datetime(2026, 1, 31, 20, tzinfo=UTC)
"""When the run that wrote all of it began."""
BEGUN = EXPORTED - timedelta(weeks=WEEKS)
PARTS = 5
APPS = 2


def app_id(number: int) -> str:
    """The id of an app."""
    return f"{number + 1:024x}"


def run_id(started: datetime) -> str:
    """The id of a run that began then, as exports make them."""
    return f"{_ms(started):011x}00000000"


def months() -> list[str]:
    """All months that have messages."""
    names = [f"{year}-{month:02}" for year in range(BEGUN.year, EXPORTED.year + 1) for month in range(1, 13)]
    return [name for name in names if f"{BEGUN:%Y-%m}" <= name <= f"{EXPORTED:%Y-%m}"]


def prepare(duck: duckdb.DuckDBPyConnection, folder: Path, *, replicas: int) -> None:
    """Load a template, and make the tables that say what becomes of its rows in each replica."""
    duck.execute("set global TimeZone = 'UTC'")
    duck.execute("set preserve_insertion_order = false")
    for file in sorted(folder.glob("*.parquet")):
        duck.execute(f"create table {file.stem} as from '{file}'")
    span = (EXPORTED - BEGUN) // timedelta(milliseconds=1)
    duck.execute(f"""
        create table replicas as
        select range::integer as replica, (range % {APPS})::integer as app from range({replicas});

        -- Five users become one.
        create table people as
        select user_id, ((row_number() over (order by user_id) - 1) // {PARTS})::integer as person from users;

        -- Five conversations of one type become one; the first gives its row and its participants.
        create table parts as
        with numbered as (
            select conversation_id, type, row_number() over (partition by type order by conversation_id) - 1 as number
            from conversations
        )
        select
            conversation_id,
            number % {PARTS} = 0 as is_first,
            (dense_rank() over (order by type, number // {PARTS}))::integer as talk,
            (row_number() over (order by conversation_id))::integer as part
        from numbered;

        create table talks as
        select parts.talk, any_value(conversations.type) as type, any_value(people.person) as person
        from parts
        join conversations using (conversation_id)
        left join participants using (conversation_id)
        left join people using (user_id)
        where parts.is_first
        group by talk;

        -- Each part begins in another week of each replica, at its own time of the week.
        create table places as
        with begun as (
            select conversation_id, coalesce(min(received_at), any_value(created_at)) as begun_at
            from conversations left join messages using (conversation_id)
            group by conversation_id
        ),
        weeks as (
            select
                parts.part, parts.talk, replicas.replica, replicas.app,
                epoch_ms(begun.begun_at) - epoch_ms('{BEGUN}'::timestamptz) as since_ms,
                604800000 * (hash(parts.part, replicas.replica) % {WEEKS})::bigint as weeks_ms
            from parts join begun using (conversation_id) cross join replicas
        )
        select
            part, talk, replica, app,
            ((since_ms + weeks_ms) % {span} + {span}) % {span} - since_ms as shift_ms
        from weeks;

        create table talk_ids as
        select
            talks.talk, replicas.replica, replicas.app, talks.type, talks.person,
            md5(concat('talk ', talks.talk, ' ', replicas.replica))[:24] as conversation_id,
            -- Each answer of the API has its own moment.
            {_ms(EXPORTED)} + 60000 + (hash(talks.talk, replicas.replica) % 7200000)::bigint as exported_ms
        from talks cross join replicas;

        create table rows_of_parts as
        select
            parts.part, parts.talk, epoch_ms(messages.received_at) as received_ms,
            people.person, messages.* exclude (conversation_id)
        from messages
        join parts using (conversation_id)
        left join people on messages.author_user_id = people.user_id;

        drop table messages;

        -- Which parts have messages in which months.
        create table stretches as
        select part, min(received_ms) as first_ms, max(received_ms) as last_ms from rows_of_parts group by part;
    """)


def messages(app: int, month: str, *, low: str, high: str) -> str:
    """SELECT of an app's messages of a month, of conversations with ids from `low` to before `high`."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    after = min((first + timedelta(days=31)).replace(day=1), EXPORTED)
    begin, end = _ms(max(first, BEGUN)), _ms(after)
    replaced = {
        "message_id": "lpad(to_hex(received_ms // 1000), 8, '0') || md5(concat(message_id, ' ', replica))[:16]",
        "conversation_id": "new_id",
        "received_at": "make_timestamptz(received_ms * 1000)",
        "author_user_id": (
            "case when person is null then author_user_id "
            f"when owner is not null and type = 'personal' then {_user_id('owner', 'replica')} "
            f"else {_user_id('person', 'replica')} end"
        ),
        "source_original_message_at": "source_original_message_at + to_milliseconds(shift_ms)",
        "exported_at": "make_timestamptz(exported_ms * 1000)",
        "run_id": f"'{run_id(EXPORTED)}'",
    }
    columns = ", ".join(f'{replaced.get(name, _quoted(name))} as "{name}"' for name in TABLES["messages"].schema.names)
    return f"""
        with shifted as (
            select
                rows_of_parts.* replace (received_ms + shift_ms as received_ms),
                places.shift_ms, places.replica, talk_ids.conversation_id as new_id, talk_ids.exported_ms,
                talk_ids.type, talk_ids.person as owner
            from places
            join stretches on places.part = stretches.part
            join talk_ids on places.talk = talk_ids.talk and places.replica = talk_ids.replica
            join rows_of_parts on places.part = rows_of_parts.part
            where places.app = {app}
                and talk_ids.conversation_id >= '{low}' and talk_ids.conversation_id < '{high}'
                and first_ms + shift_ms < {end} and last_ms + shift_ms >= {begin}
                and received_ms + shift_ms >= {begin} and received_ms + shift_ms < {end}
        )
        select {columns}
        from shifted
        order by conversation_id, received_at, message_id
    """


def of_app(name: str) -> str:
    """SELECT of a table that all apps have alike."""
    exported_at = f"make_timestamptz({_ms(EXPORTED)} * 1000) as exported_at"
    return f"select * replace ({exported_at}, '{run_id(EXPORTED)}' as run_id) from {name}"


def users(app: int) -> str:
    """SELECT of an app's users."""
    return f"""
        select users.* replace (
            {_user_id("person", "replica")} as user_id,
            make_timestamptz({_ms(EXPORTED)} * 1000) as exported_at,
            '{run_id(EXPORTED)}' as run_id
        )
        from users join people using (user_id)
        cross join (from replicas where app = {app})
        qualify row_number() over (partition by person, replica order by users.user_id) = 1
        order by user_id
    """


def conversations(app: int) -> str:
    """SELECT of an app's conversations."""

    def moved(column: str, how: str) -> str:
        at = f"make_timestamptz(least(epoch_ms({column}) + shift_ms, {_ms(EXPORTED)}) * 1000)"
        return f"{how}({at}) as {column}"

    return f"""
        with moved as (
            select talk, replica,
                {moved("created_at", "min")},
                {moved("last_updated_at", "max")},
                {moved("business_last_read_at", "max")}
            from conversations join parts using (conversation_id) join places using (part, talk)
            where places.app = {app}
            group by talk, replica
        )
        select conversations.* replace (
            talk_ids.conversation_id as conversation_id,
            moved.created_at as created_at,
            moved.last_updated_at as last_updated_at,
            moved.business_last_read_at as business_last_read_at,
            make_timestamptz(exported_ms * 1000) as exported_at,
            '{run_id(EXPORTED)}' as run_id
        )
        from moved
        join talk_ids using (talk, replica)
        join parts on parts.talk = moved.talk and parts.is_first
        join conversations on conversations.conversation_id = parts.conversation_id
        order by conversation_id
    """


def participants(app: int) -> str:
    """SELECT of an app's participants."""
    return f"""
        select participants.* replace (
            md5(concat(participant_id, ' ', talk_ids.replica))[:24] as participant_id,
            talk_ids.conversation_id as conversation_id,
            {_user_id("people.person", "talk_ids.replica")} as user_id,
            make_timestamptz(exported_ms * 1000) as exported_at,
            '{run_id(EXPORTED)}' as run_id
        )
        from participants
        join parts on participants.conversation_id = parts.conversation_id and parts.is_first
        join talk_ids on parts.talk = talk_ids.talk and talk_ids.app = {app}
        join people on participants.user_id = people.user_id
        order by participant_id
    """


def _user_id(person: str, replica: str) -> str:
    return f"md5(concat('user ', {person}, ' ', {replica}))[:24]"


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _quoted(name: str) -> str:
    return f'"{name}"'
