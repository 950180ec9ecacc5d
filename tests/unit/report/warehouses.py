"""Warehouses for tests of the report: the tables that it reads, with plausible talk that is the same every time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pipeline.lake.layout import open_lake

SHAPES = Path(__file__).with_name("warehouse_tables.sql")
TOTALS = Path(__file__).with_name("warehouse_totals.sql")
ZONE = ZoneInfo("Europe/Paris")
HOURS = [1, 1, 1, 1, 1, 1, 2, 5, 12, 18, 20, 18, 14, 16, 18, 17, 15, 13, 10, 8, 6, 5, 3, 2]
WEEKDAYS = [1.2, 1.1, 1.0, 1.0, 0.95, 0.5, 0.35]
OPEN, CLOSE = 9, 18


@dataclass(frozen=True)
class Talk:
    """What a warehouse is filled with; `first` and `last` are local dates."""

    first: date = date(2025, 11, 22)
    last: date = date(2026, 11, 22)
    apps: Sequence[str] = ("5f0c1a", "7d2e9b")
    channels: Sequence[str] = ("whatsapp", "web", "messenger")
    sessions_a_day: float = 24.0
    has_schedule: bool = True
    has_targets: bool = True
    has_deliveries: bool = True

    @property
    def as_of(self) -> datetime:
        """The moment up to which all was read: the night after midnight of the last day."""
        return datetime(self.last.year, self.last.month, self.last.day, 2, 10, tzinfo=UTC)


YEAR = Talk()
NOTHING = Talk(sessions_a_day=0, has_schedule=False, has_targets=False, has_deliveries=False)
HOSTILE = Talk(
    first=date(2026, 11, 14),
    channels=(
        "</script><script>window.acted='script'</script>",
        "<img src=x onerror=\"window.acted='image'\">",
        "'\"><svg onload=window.acted='svg'>",
        "a|b `c` *d* \x1b[2J\u202e {{ 7 * 7 }} ${7*7}",
        "__proto__",
        "datum.value",
        "x" * 300,
        "web",
    ),
)
ONE = replace(NOTHING, sessions_a_day=-1, apps=("5f0c1a",), channels=("web",))


def write_warehouse(root: Path, talk: Talk = YEAR) -> Path:
    """Make a lake with a warehouse; returns the warehouse's file."""
    path = open_lake(root, create=True).private / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(SHAPES.read_text())
        _fill_settings(connection, talk)
        _fill_talk(connection, talk)
        connection.execute(TOTALS.read_text())
        connection.execute(
            "insert into meta.build values (?, '0.1.0', ?)",
            [(talk.as_of + timedelta(minutes=20)).replace(tzinfo=None), talk.as_of.replace(tzinfo=None)],
        )
    return path


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.register("given_rows", pa.Table.from_pylist(list(rows)))
        connection.execute(f"insert into {table} by name select * from given_rows")
        connection.unregister("given_rows")


def _fill_settings(connection: duckdb.DuckDBPyConnection, talk: Talk) -> None:
    connection.execute("insert into settings.general values (?, false, false, 'arrival')", [ZONE.key])
    if talk.has_schedule:
        connection.execute("insert into settings.schedules values ('office', ?, 0, 4102444800000)", [ZONE.key])
        connection.execute("insert into settings.schedule_channels values (null, 'office', 0, null)")
    if talk.has_targets:
        connection.execute(
            """
            insert into settings.sla_targets values
                ('human first reply', 'frt', 'human', null, 'business', 900000, 0, null),
                ('bot first reply', 'frt', 'bot', null, 'calendar', 10000, 0, null)
            """
        )


def _fill_talk(connection: duckdb.DuckDBPyConnection, talk: Talk) -> None:
    dice = random.Random(20261122)
    sessions: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    waits: list[dict[str, Any]] = []
    for number, arrival in enumerate(_arrivals(talk, dice)):
        session, its_turns, its_wait = _session(number, arrival, talk, dice)
        sessions.append(session)
        turns += its_turns
        waits += its_wait
    _fill(connection, "marts.fct_sessions", sessions)
    _fill(connection, "marts.fct_turns", turns)
    _fill(connection, "marts.fct_human_waits", waits)
    if talk.has_deliveries:
        connection.execute(
            """
            insert into marts.fct_deliveries
            select app_id, conversation_id, session_id, 'whatsapp', case when code = 0 then 'failure' else 'user' end,
                code = 0, case when code = 0 then 'unauthorized' end, 2, first_user_at, local_date
            from (select *, hash(session_id) % 40 as code from marts.fct_sessions where first_channel = 'whatsapp')
            """
        )
    for app in talk.apps:
        known = sum(session["app_id"] == app for session in sessions) + 30
        at = talk.as_of.replace(tzinfo=None)
        for entity in ("conversation", "user"):
            connection.execute(
                "insert into marts.dim_coverage values (?, ?, ?, ?, 4, 6, 20, ?, ?)",
                [app, entity, known, known - 30, (known - 30) / known, at],
            )


def _arrivals(talk: Talk, dice: random.Random) -> Iterator[tuple[str, str, datetime]]:
    """App, channel and moment of each session's first message."""
    if talk.sessions_a_day < 0:
        yield (
            talk.apps[0],
            talk.channels[0],
            datetime.combine(talk.last, datetime.min.time(), UTC) - timedelta(hours=12),
        )
        return
    days = (talk.last - talk.first).days + 1
    for day in range(days):
        date_ = talk.first + timedelta(days=day)
        season = 0.7 + 0.6 * day / days
        for _ in range(round(talk.sessions_a_day * WEEKDAYS[date_.weekday()] * season * dice.uniform(0.85, 1.15))):
            (hour,) = dice.choices(range(24), HOURS)
            local = datetime(
                date_.year, date_.month, date_.day, hour, dice.randrange(60), dice.randrange(60), tzinfo=ZONE
            )
            moment = local.astimezone(UTC)
            if moment < talk.as_of:
                weights = range(len(talk.channels), 0, -1)
                yield (
                    dice.choices(talk.apps, range(len(talk.apps), 0, -1))[0],
                    dice.choices(talk.channels, weights)[0],
                    moment,
                )


@dataclass(frozen=True)
class _Answers:
    """What a session got: milliseconds from its first message, on both clocks for humans."""

    has_bot: bool
    wants_human: bool
    is_open: bool
    bot_ms: int | None
    human_ms: int | None
    business_ms: int | None


def _session(
    number: int, arrival: tuple[str, str, datetime], talk: Talk, dice: random.Random
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """A session that a user began: the bot speaks first, an agent takes over in most."""
    app, channel, moment = arrival
    place = moment.astimezone(ZONE)
    user = f"u{dice.randrange(max(number // 3, 1) + 5):06d}"
    answers = _answers(channel, moment, talk, dice)
    common = {
        "app_id": app,
        "conversation_id": f"{app}-{user}-{channel}",
        "session_id": f"s{number:06d}",
        "user_key": user,
        "first_user_at": moment.replace(tzinfo=None),
        "local_date": place.date(),
        "local_hour": place.hour,
        "local_weekday": place.isoweekday(),
    }
    ending = "open" if answers.is_open else dice.choice(["ticket:closed", "inactivity", "inactivity"])
    schedule = {"schedule_id": "office" if talk.has_schedule else None}
    session = common | schedule | _session_columns(number, channel, answers) | {"end_reason": ending}
    pair = common | schedule | {"n_user_msgs": 1, "channel": channel}
    return session, _turns(pair, answers, dice), [_wait(pair, answers)]


def _answers(channel: str, moment: datetime, talk: Talk, dice: random.Random) -> _Answers:
    place = moment.astimezone(ZONE)
    has_bot = channel != talk.channels[-1] or len(talk.channels) == 1
    bot_ms = round(1000 * dice.lognormvariate(0.9, 0.5)) if has_bot else None
    wants_human = not has_bot or dice.random() < 0.62
    slow = 1.0 + 0.8 * (place.hour in {12, 13}) + 0.6 * (place.weekday() == 0)
    business_ms = round(60_000 * slow * dice.lognormvariate(1.6, 0.9)) if wants_human else None
    human_ms = None if business_ms is None else business_ms + _closed_ms(place)
    age = talk.as_of - moment
    if human_ms is not None and (timedelta(milliseconds=human_ms) > age or dice.random() < 0.03):
        business_ms = human_ms = None
    return _Answers(has_bot, wants_human, age < timedelta(hours=24), bot_ms, human_ms, business_ms)


def _session_columns(number: int, channel: str, answers: _Answers) -> dict[str, Any]:
    replies = [value for value in (answers.bot_ms, answers.human_ms) if value is not None]
    business = [value for value in (answers.bot_ms, answers.business_ms) if value is not None]
    return {
        "session_no": 1,
        "conversation_type": "personal",
        "initiated_by": "user",
        "frt_any_ms": min(replies, default=None),
        "frt_human_ms": answers.human_ms,
        "frt_bot_ms": answers.bot_ms,
        "frt_human_handoff_ms": answers.human_ms,
        "frt_any_business_ms": min(business, default=None),
        "frt_human_business_ms": answers.business_ms,
        "frt_bot_business_ms": answers.bot_ms,
        "frt_human_handoff_business_ms": answers.business_ms,
        "n_user": 2,
        "n_agent": int(answers.human_ms is not None),
        "n_bot": int(answers.has_bot),
        "n_unknown": 0,
        "first_channel": channel,
        "n_channels": 1 + (number % 37 == 0),
        "n_channel_switches": int(number % 37 == 0),
        "left_truncated": False,
        "is_human_wanted": answers.wants_human,
        "is_handed_off": answers.has_bot and answers.human_ms is not None,
        "settled": not answers.is_open,
    }


def _turns(pair: dict[str, Any], answers: _Answers, dice: random.Random) -> list[dict[str, Any]]:
    times: list[tuple[str, int | None, int | None]] = []
    if answers.has_bot:
        times.append(("bot", answers.bot_ms, answers.bot_ms))
    if answers.wants_human:
        times.append(("agent", answers.human_ms, answers.business_ms))
    if answers.human_ms is not None:
        for _ in range(dice.randrange(3)):
            reply_ms = round(1000 * dice.lognormvariate(4.4, 0.8)) if dice.random() < 0.85 else None
            times.append(("agent", reply_ms, reply_ms))
    unanswered = "open" if answers.is_open else "closed_unanswered"
    return [
        pair
        | {
            "turn_no": number,
            "reply_class": None if reply_ms is None else by,
            "reply_ms": reply_ms,
            "reply_business_ms": business_ms,
            "status": unanswered if reply_ms is None else "answered",
        }
        for number, (by, reply_ms, business_ms) in enumerate(times, start=1)
    ]


def _wait(pair: dict[str, Any], answers: _Answers) -> dict[str, Any]:
    is_answered = answers.human_ms is not None
    return pair | {
        "wait_no": 1,
        "wait_ms": answers.human_ms,
        "handoff_ms": None if answers.human_ms is None else answers.human_ms - (answers.bot_ms or 0),
        "wait_business_ms": answers.business_ms,
        "handoff_business_ms": answers.business_ms,
        "status": "answered" if is_answered else "pending_human" if answers.wants_human else "bot_only",
        "is_open": answers.is_open,
    }


def _closed_ms(place: datetime) -> int:
    """Milliseconds until agents work again, seen from a local moment."""
    opens = place.replace(hour=OPEN, minute=0, second=0)
    if place.hour >= CLOSE:
        opens += timedelta(days=1)
    while opens.weekday() >= 5:
        opens += timedelta(days=1)
    return max(0, round((opens - place).total_seconds() * 1000)) if opens > place else 0
