"""A world of people to be erased, the ways to erase them over real HTTP, and a journal in memory that may crash."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.deletions import DELETIONS
from pipeline.api.limiter import Limiter
from pipeline.api.retry import RetryPolicy
from pipeline.privacy.upstream.erase import erase_upstream
from pipeline.privacy.upstream.types import UpstreamPolicy, UpstreamResult
from pipeline.sandbox.process import Sandbox
from pipeline.suppression.subjects import Action, Subject
from tests.integration.small_worlds import BEGINNING, HOUR, Json, SmallWorld, message, oid

T = TypeVar("T")

QUICK = RetryPolicy(first_wait_seconds=0.005, max_wait_seconds=0.02)
PATIENT = UpstreamPolicy(poll_seconds=0.5, first_poll_seconds=0.005, most_poll_seconds=0.02)
FOREIGN = "https://pictures.example/cat.png"
ID = "[0-9a-f]{24}"

_ALLOWED = [re.compile(re.sub(r"\{\w+\}", ID, f"{route.method} {route.template}")) for route in DELETIONS]


class Crash(BaseException):
    """The process dies."""


@dataclass
class MemoryJournal:
    """A journal that keeps what it is told, and may crash before it does.

    Args:
        crash_at: the number of the line that is never written.
    """

    crash_at: int | None = None
    lines: list[tuple[str, str, str, dict[str, int]]] = field(default_factory=list)
    last: dict[tuple[str, str], str] = field(default_factory=dict)
    _written: int = 0

    def begin(self, step: str, tag: str, **counts: int) -> None:
        """A call begins."""
        self._write("repeat" if self.last.get((step, tag)) == "begun" else "begin", step, "", counts)
        self.last[step, tag] = "begun"

    def end(self, step: str, tag: str, status: str, **counts: int) -> None:
        """A call or step ended."""
        self._write("end", step, status, counts)
        self.last[step, tag] = status

    def done(self, step: str, tag: str) -> bool:
        """Whether a step is through."""
        return self.last.get((step, tag)) in {"done", "already"}

    def statuses(self) -> dict[str, str]:
        """How each step ended."""
        return {step: str(status) for (step, _), status in self.last.items()}

    def total(self, name: str) -> int:
        """The sum of a count over the ends of calls and steps."""
        return sum(counts.get(name, 0) for _, _, _, counts in self.lines)

    def _write(self, event: str, step: str, status: str, counts: dict[str, int]) -> None:
        if self._written == self.crash_at:
            self.crash_at = None
            raise Crash
        self._written += 1
        self.lines.append((event, str(step), str(status), counts))


def erasure_world() -> SmallWorld:
    """Ann, her default and another conversation, a club that she shares with Bob, and Bob's and Cara's own talks."""
    world = SmallWorld("erasure")
    upload = f"https://sandbox.invalid/media/{world.app_id}/"
    world.user("ann", clients=["ann-web"], externalId="crm-ann", metadata={"vip": True}, identities=[_email("ann")])
    world.user("bob", clients=["bob-web"], externalId="crm-bob", identities=[_email("bob")])
    world.user("cara")
    world.conversation("ann-default", ["ann"], messages=3, isDefault=True)
    world.conversation("ann-extra", ["ann"], messages=2)
    world.conversation("bob-default", ["bob"], messages=2, isDefault=True)
    world.conversation("club", ["ann", "bob"], messages=0)
    say(world, "ann-default", _image("ann-photo", f"{upload}ann.png", author="ann"))
    say(world, "ann-extra", _image("agent-file", f"{upload}for ann.pdf"))
    say(world, "club", _image("club-foreign", FOREIGN, author="ann"))
    for number in range(3):
        say(world, "club", message(f"club-ann-{number}", BEGINNING, author="ann"))
        say(world, "club", message(f"club-bob-{number}", BEGINNING, author="bob"))
    say(world, "club", message("club-agent", BEGINNING))
    say(world, "club", _image("club-photo", f"{upload}club.png", author="ann"))
    quoted = {"type": "message", "message": message("club-ann-0", BEGINNING, author="ann")}
    say(world, "club", message("club-quote", BEGINNING + HOUR, author="bob") | {"quotedMessage": quoted})
    return world


def say(world: SmallWorld, conversation: str, said: Json) -> None:
    """Put a message into a conversation."""
    line = {"table": "messages", "app_id": world.app_id, "object": said, "conversation_id": oid(conversation)}
    world.lines.append(line)


def ann(sandbox: Sandbox, **fields: Any) -> Subject:
    """Ann as a plan knows her."""
    ours = ["club-ann-0", "club-ann-1", "club-ann-2", "club-foreign", "club-photo"]
    known = Subject(
        app_id=sandbox.app_id,
        tag="0123456789abcdef",
        action=Action.ERASE,
        user_ids=ids("ann"),
        personal_conversation_ids=ids("ann-default", "ann-extra"),
        default_conversation_ids=ids("ann-default"),
        group_conversation_ids=ids("club"),
        message_ids=ids(*ours),
        external_ids=frozenset({("crm-ann", None)}),
        participant_ids=ids("ann-default/ann", "ann-extra/ann", "club/ann"),
        media_urls=frozenset({FOREIGN, *(f"{sandbox.base_url}/media/{sandbox.app_id}/{name}" for name in _UPLOADS)}),
    )
    return replace(known, **fields)


_UPLOADS = ("ann.png", "for ann.pdf", "club.png")


def ids(*names: str) -> frozenset[str]:
    """The ids that names stand for."""
    return frozenset(map(oid, names))


def erase(
    sandbox: Sandbox,
    subject: Subject,
    *,
    journal: MemoryJournal | None = None,
    policy: UpstreamPolicy = PATIENT,
    **client: Any,
) -> UpstreamResult:
    """Erase a subject."""

    async def run(opened: ApiClient) -> UpstreamResult:
        return await erase_upstream(opened, subject, policy=policy, journal=journal or MemoryJournal())

    return with_client(sandbox, run, **client)


def with_client(
    sandbox: Sandbox,
    use: Callable[[ApiClient], Awaitable[T]],
    *,
    scope: str = "app",
    said_scope: Any = "app",
    app_id: str | None = None,
    read_timeout: float = 5.0,
    max_call_seconds: float = 5.0,
) -> T:
    """Do something with a client of the sandbox that waits as little as it can."""
    key = sandbox.key(scope, app_id=app_id)

    async def run() -> T:
        client = ApiClient(
            sandbox.base_url,
            Credential(key.id, key.secret, scope=said_scope),
            limiter=Limiter(start_rate=10_000.0),
            retry=QUICK,
            read_timeout=read_timeout,
            max_call_seconds=max_call_seconds,
        )
        async with client:
            return await use(client)

    return asyncio.run(run())


def state(sandbox: Sandbox) -> list[str]:
    """All that is true now, without lastUpdatedAt, in an order of its own."""
    return sorted(map(repr, sandbox.world()))


def assert_only_allowed(calls: Sequence[Json]) -> None:
    """No destroying call is outside of the allow-list, byte for byte, and none was a route that the server lacks."""
    for call in calls:
        assert any(pattern.fullmatch(call["target"]) for pattern in _ALLOWED), call["target"]
        assert call["route"] != "unknown"


def destroyed(sandbox: Sandbox) -> Counter[str]:
    """Destroying calls by method and the path below the app, ids replaced: `DELETE users/ID`."""
    targets = (re.sub(ID, "ID", call["target"]) for call in sandbox.destroying())
    return Counter(target.replace("/v2/apps/ID/", "") for target in targets)


def _email(name: str) -> Json:
    return {"type": "email", "value": f"{name}@example.org"}


def _image(name: str, url: str, *, author: str = "") -> Json:
    return message(name, BEGINNING + HOUR, author=author) | {"content": {"type": "image", "mediaUrl": url}}
