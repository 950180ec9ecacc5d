"""A town of thirty people who ask to be erased and ten who stay, with everything that erasure has to part (T1-T10)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.integration.small_worlds import BEGINNING, HOUR, Json, SmallWorld, message, oid

LEAVERS = tuple(f"leaver{number:02}" for number in range(30))
STAYERS = tuple(f"stayer{number:02}" for number in range(10))
MERGED = "merged-into-leaver00"
FOREIGN = "https://pictures.example/cat-of-leaver01.png"
COLUMNS = ("request_ref", "user_id", "external_id", "email", "action", "received_at", "verified_by", "reason_code")


def town() -> SmallWorld:
    """Everybody has a default conversation and another; leavers and stayers share groups, quotes and mentions."""
    world = SmallWorld("town")
    for name in (*LEAVERS, *STAYERS, MERGED):
        _person(world, name)
    for number, name in enumerate(LEAVERS[:10]):
        _group(world, name, STAYERS[number])
    world.conversation("leavers-only", LEAVERS[10:13], messages=4)
    say(world, f"{LEAVERS[1]}-default", _image("foreign-picture", FOREIGN, author=LEAVERS[1]))
    return world


def say(world: SmallWorld, conversation: str, said: Json) -> None:
    """Put a message into a conversation."""
    world.lines.append(
        {"table": "messages", "app_id": world.app_id, "object": said, "conversation_id": oid(conversation)}
    )


def merge_change() -> Json:
    """The change that merges one more user into the first leaver."""
    return {"op": "merge_users", "survivor_id": oid(LEAVERS[0]), "discarded_id": oid(MERGED)}


def request_rows(names: Sequence[str] = LEAVERS, *, action: str = "erase") -> list[dict[str, str]]:
    """A request for each, by id, external id or e-mail in turn."""
    rows = []
    for number, name in enumerate(names):
        identifier = [("user_id", oid(name)), ("external_id", f"crm-{name}"), ("email", email_of(name))][number % 3]
        row = dict.fromkeys(COLUMNS, "")
        row |= {
            "request_ref": f"GDPR-{number + 1:04}",
            identifier[0]: identifier[1],
            "action": action,
            "received_at": datetime.now(UTC).strftime("%Y-%m-%dT00:00:00+00:00"),
            "verified_by": "desk-7",
            "reason_code": "request",
        }
        rows.append(row)
    return rows


def write_requests(file: Path, rows: Sequence[dict[str, str]]) -> Path:
    """A batch as CSV."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return file


def email_of(name: str) -> str:
    """The address of somebody."""
    return f"{name}@people.example"


def needles_of(name: str) -> list[str]:
    """What must not be found of a leaver any more."""
    return [
        oid(name),
        email_of(name),
        f"crm-{name}",
        oid(f"{name}-web"),
        oid(f"{name}-default"),
        oid(f"{name}-extra"),
        f"Surname{name}",
    ]


def _person(world: SmallWorld, name: str) -> None:
    profile = {"givenName": f"Given{name}", "surname": f"Surname{name}", "email": email_of(name)}
    identities = [{"type": "email", "value": email_of(name), "verification": None}]
    world.user(
        name, clients=[f"{name}-web"], externalId=f"crm-{name}", profile=profile, identities=identities, metadata={}
    )
    world.conversation(f"{name}-default", [name], messages=3, isDefault=True)
    world.conversation(f"{name}-extra", [name], messages=2)


def _group(world: SmallWorld, leaver: str, stayer: str) -> None:
    """A group in which both talk, the stayer quotes the leaver, and mentions nobody by a full name."""
    group = f"group-of-{leaver}"
    world.conversation(group, [leaver, stayer], messages=0)
    for number in range(3):
        for name in (leaver, stayer):
            at = BEGINNING + HOUR * number
            say(world, group, message(f"{group}/{name}/{number}", at, author=name, text=f"Words of {number}"))
    said = message(f"{group}/{leaver}/0", BEGINNING, author=leaver, text=f"Secret of {leaver}")
    quote = message(f"{group}/quote", BEGINNING + HOUR * 4, author=stayer, text="As was said")
    say(world, group, quote | {"quotedMessage": {"type": "message", "message": said}})


def _image(name: str, url: str, *, author: str) -> Json:
    content = {"type": "image", "mediaUrl": url, "mediaType": "image/png", "mediaSize": 9, "altText": "cat.png"}
    return message(name, BEGINNING, author=author) | {"content": content}
