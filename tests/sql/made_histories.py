"""Makes up histories: conversations of all kinds at once, with what goes wrong in real ones.

Each step of a conversation is drawn from lists that are full of limits: ties, exactly a gap and a millisecond more, the
hour that comes twice. Switchboard events lie half a second beside everything else, for their order among messages of
the same millisecond is not defined.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from tests.sql.reference.moments import DAY, HOUR, MINUTE, SECOND, to_moment, to_ms

START_MS: Final = to_ms(datetime(2025, 3, 27, tzinfo=UTC))
EXPORTED: Final = datetime(2025, 6, 1, tzinfo=UTC)
APPS: Final = ("a1", "a2")
USERS: Final = ("u0", "u1", "u2", "u3", "u4")

_BOOKKEEPING: Final = {"exported_at": EXPORTED, "run_id": "run"}
_BUSINESS: Final[dict[str, dict[str, Any]]] = {
    "agent": {"author_subtypes": ["agent"]},
    "bot": {"author_subtypes": ["bot"], "source_type": "api:conversations"},
    "ai": {"author_subtypes": ["AI", "agent"]},
    "workspace": {"source_type": "zd:agentWorkspace"},
    "answer bot": {"source_type": "zd:answerBot", "author_subtypes": []},
    "unknown": {"source_type": "api:conversations"},
    "survey": {"source_type": "zd:surveys", "author_subtypes": ["agent"]},
    "closed": {"activity": '{"type":"ticket:closed"}', "author_subtypes": ["activity"]},
    "emailed": {"activity": '{"type":"ticket:transfer:email"}'},
    "ended": {"activity": '{"type":"conversation:endedByUser"}'},
    "joined": {"author_subtypes": ["activity"], "activity": '{"type":"agent:joined"}'},
}
_AGENTS: Final = {"id": "s1", "name": "agents", "integrationId": "i1", "integrationType": "zd:agentWorkspace"}
_BOTS: Final = {"id": "s2", "name": "bots", "integrationId": "i2", "integrationType": "custom"}
_EVENTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "pass, closed": ("switchboard:passControl", {"reason": "ticketClosed", "active": _BOTS}),
    "release, emailed": ("switchboard:releaseControl", {"reason": "transferToEmail"}),
    "pass to agents": ("switchboard:passControl", {"active": _AGENTS}),
    "pass to bots": ("switchboard:passControl", {"active": _BOTS}),
    "offer to agents": ("switchboard:offerControl", {"active": _BOTS, "pending": _AGENTS}),
    "pass failed": ("switchboard:passControl:failure", {"reason": "ticketClosed", "active": _AGENTS}),
}
_DELIVERIES: Final = {
    "reached channel": ("channel", False),
    "reached user": ("user", True),
    "failed": ("failure", True),
    "failed at first": ("failure", False),
}
_KINDS: Final = (
    *("web", "web", "whatsapp", "whatsapp", "ios", "messenger", "fax:new"),
    *("agent", "agent", "bot", "bot", "ai", "workspace", "answer bot", "unknown", "survey"),
    *("closed", "emailed", "ended", "joined"),
    *_EVENTS,
    *_DELIVERIES,
)
_GAPS: Final = (
    *(0, 0, 1, SECOND, 7 * SECOND, 59_999, MINUTE, MINUTE + 1, 10 * MINUTE, HOUR, HOUR + 1, 5 * HOUR, 20 * HOUR),
    *(DAY - 1, DAY, DAY + 1, 2 * DAY, 7 * DAY, 7 * DAY + 1),
)
_VERSIONS: Final = ("one",) * 12 + ("older", "older, other", "placeholder", "gone", "back")


class Tables(dict[str, list[dict[str, Any]]]):
    """The rows of all sources, by table; shown as what was drawn, a line a conversation."""

    def __init__(self) -> None:
        super().__init__(conversations=[], messages=[], events=[])
        self.told: list[str] = []

    def __repr__(self) -> str:
        return "\n".join(["Tables:", *self.told])


@dataclass(frozen=True)
class _Step:
    kind: str
    gap: int
    letter: str
    version: str

    def __repr__(self) -> str:
        return f"+{self.gap} {self.kind} ({self.letter}, {self.version})"


_STEPS: Final = st.builds(
    _Step,
    kind=st.sampled_from(_KINDS),
    gap=st.sampled_from(_GAPS),
    letter=st.sampled_from("1Za\xe9"),
    version=st.sampled_from(_VERSIONS),
)


@dataclass(frozen=True)
class _Talk:
    app_id: str
    begins: int
    before: int | None
    user: str
    other: str
    kind: str
    association: str | None
    control: str
    incomplete: bool
    run: int | None
    steps: tuple[_Step, ...]


_TALKS: Final = st.builds(
    _Talk,
    app_id=st.sampled_from(APPS),
    begins=st.integers(0, 6 * DAY // SECOND).map(lambda seconds: START_MS + seconds * SECOND),
    before=st.sampled_from((0, 0, 1, HOUR, HOUR + 1, None)),
    user=st.sampled_from(USERS),
    other=st.sampled_from(USERS),
    kind=st.sampled_from(("personal",) * 7 + ("sdkGroup",)),
    association=st.sampled_from((None, "sdk", "whatsapp")),
    control=st.sampled_from(("nobody", "nobody", "agents", "bots")),
    incomplete=st.sampled_from((False, False, False, True)),
    run=st.sampled_from((None, 0, 3 * DAY)),
    steps=st.lists(_STEPS, min_size=5, max_size=24).map(tuple),
)
_MERGES: Final = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 4)).filter(lambda pair: pair[0] < pair[1]),
    max_size=3,
    unique_by=lambda pair: pair[0],
)


@st.composite
def histories(draw: st.DrawFn, *, min_talks: int = 10, max_talks: int = 40) -> Tables:
    """The rows of all sources of a history, by table."""
    tables = Tables()
    for number, talk in enumerate(draw(st.lists(_TALKS, min_size=min_talks, max_size=max_talks))):
        _Writer(tables, talk, number).write()
    retention = draw(st.sampled_from((None, 0, 86_400)))
    settings = json.dumps({"conversationRetentionSeconds": retention} if retention is not None else {})
    tables["apps"] = [_BOOKKEEPING | {"app_id": app_id, "settings": settings} for app_id in APPS]
    newest = _newest(tables)
    after = draw(st.sampled_from((0, HOUR, DAY + 1, 7 * DAY, 30 * DAY)))
    tables["app_as_of"] = [{"app_id": app_id, "as_of_ms": newest + after} for app_id in APPS]
    tables["user_merges"] = [
        {"app_id": "a1", "discarded_user_id": USERS[discarded], "surviving_user_id": USERS[surviving]}
        for discarded, surviving in draw(_MERGES)
    ]
    tables.told.append(f"retention {retention}, known for {after} ms more, {tables['user_merges']}")
    return tables


def _newest(tables: Tables) -> int:
    moments = [row["received_at"] for row in tables["messages"]] + [row["created_at"] for row in tables["events"]]
    return to_ms(max(moments, default=to_moment(START_MS + 30 * DAY)))


@dataclass
class _Writer:
    """Writes the rows of one conversation."""

    tables: Tables
    talk: _Talk
    number: int

    def write(self) -> None:
        talk = self.talk
        control = {"agents": _AGENTS, "bots": _BOTS}.get(talk.control)
        self._add(
            "conversations",
            type=talk.kind,
            created_at=None if talk.before is None else to_moment(talk.begins - talk.before),
            active_switchboard_integration=json.dumps(control) if control else None,
            active_switchboard_integration_id=control["id"] if control else None,
        )
        associations = [{"type": talk.association}] if talk.association else []
        for place, user in enumerate((talk.user,) if talk.kind == "personal" else (talk.user, talk.other)):
            self._add(
                "participants",
                participant_id=f"{self.conversation}-p{place}",
                user_id=user,
                client_associations=json.dumps(associations),
            )
        if talk.incomplete:
            self._add("incomplete_conversations", plain=True)
        self._write_steps()
        self.tables.told.append(f"{talk.app_id} {self.conversation}: {talk}")

    @property
    def conversation(self) -> str:
        """Its id; those of different apps may be the same."""
        return f"c{self.number if self.talk.app_id == 'a1' else self.number // 2 * 2}{self.number % 2}"

    def _write_steps(self) -> None:
        now, last_business = self.talk.begins, None
        for position, step in enumerate(self.talk.steps):
            now += step.gap
            identity = f"{step.letter}{self.number}-{position}"
            if step.kind in _EVENTS:
                self._write_control(f"e{identity}", step.kind, now)
            elif step.kind not in _DELIVERIES:
                last_business = identity if step.kind in _BUSINESS else last_business
                self._write_message(identity, step, now)
            elif last_business is not None:
                self._write_delivery(f"e{identity}", step.kind, now, last_business)

    def _write_message(self, identity: str, step: _Step, now: int) -> None:
        talk = self.talk
        user = {"author_type": "user", "source_type": step.kind, "author_user_id": talk.user}
        if talk.kind == "sdkGroup" and step.letter == "a":
            user["author_user_id"] = talk.other
        row: dict[str, Any] = {
            "message_id": identity,
            "received_at": to_moment(now),
            "month": f"{to_moment(now):%Y-%m}",
            "content_type": "image" if step.letter == "Z" else "text",
            "deleted": step.version == "placeholder" or None,
            **({"author_type": "business", **_BUSINESS[step.kind]} if step.kind in _BUSINESS else user),
        }
        if talk.run is not None:
            row["run_id"] = f"{talk.begins + talk.run:011x}0badc0de"
        self._add("messages", **row)
        if step.version.startswith("older"):
            row |= {"exported_at": EXPORTED - timedelta(days=1), "author_subtypes": None, "content_type": "file"}
            row |= {"deleted": True, "source_type": "other"} if step.version == "older, other" else {}
            self._add("messages", **row)
        if step.version in {"gone", "back"}:
            seen_at = EXPORTED + timedelta(hours=1 if step.version == "gone" else -1)
            self._add("tombstones", entity="message", entity_id=identity, seen_at=seen_at, reason="gone")

    def _write_control(self, identity: str, kind: str, now: int) -> None:
        name, facts = _EVENTS[kind]
        about = {f"{role}SwitchboardIntegration": facts[role] for role in ("active", "pending") if role in facts}
        payload = {"conversation": {"id": self.conversation, **about}}
        payload |= {"reason": facts["reason"]} if "reason" in facts else {}
        moment = to_moment(now // SECOND * SECOND + SECOND // 2)
        for _ in range(2 if identity.startswith("ea") else 1):
            self._add("events", event_id=identity, type=name, created_at=moment, payload=json.dumps(payload))

    def _write_delivery(self, identity: str, kind: str, now: int, message_id: str) -> None:
        outcome, final = _DELIVERIES[kind]
        payload: dict[str, Any] = {"destination": {"type": "line"}, "isFinalEvent": final}
        payload |= {"conversation": {"id": self.conversation}, "message": {"id": message_id}}
        payload |= {"error": {"code": f"code of {identity}"}} if outcome == "failure" else {}
        self._add(
            "events",
            event_id=identity,
            type=f"conversation:message:delivery:{outcome}",
            created_at=to_moment(now),
            message_id=message_id,
            payload=json.dumps(payload),
        )

    def _add(self, table: str, *, plain: bool = False, **columns: Any) -> None:
        usual = {} if plain else _BOOKKEEPING
        here = {"app_id": self.talk.app_id, "conversation_id": self.conversation}
        self.tables.setdefault(table, []).append(usual | here | columns)
