"""Copies of a person's data, made from lakes that were exported from the sandbox."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.suppression.subjects import Subject
from tests.forked import Sandbox
from tests.integration.access_bench import Copied, copy, own_messages, strings, subject_of
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import Row, raw_rows
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202eevil"
PEOPLE = 4


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A lake of a generated world with groups, quotes, merged histories and odd content."""
    with Sandbox("synthetic:seed=7,size=120,strangeness=0.3") as sandbox:
        found = Bench(sandbox, tmp_path_factory.mktemp("access"))
        found.export()
        yield found


@pytest.fixture(scope="module")
def copies(bench: Bench) -> list[tuple[Subject, Copied]]:
    """The copies of the people with most group conversations."""
    kinds = {row["conversation_id"]: row["type"] for row in _rows(bench, "conversations")}
    groups = Counter(
        row["user_id"] for row in _rows(bench, "participants") if kinds[row["conversation_id"]] == "sdkGroup"
    )
    subjects = [subject_of(bench, user) for user, _ in groups.most_common(PEOPLE)]
    return [(subject, copy(bench, subject, out=f"out{number}")) for number, subject in enumerate(subjects)]


def test_everything_of_the_subject_is_in_the_copy(bench: Bench, copies: list[tuple[Subject, Copied]]) -> None:
    """Profile, clients, devices, memberships, conversations and all messages in them; the own ones word for word."""
    for subject, copied in copies:
        for table in ("users", "clients", "devices", "participants"):
            key = f"{table[:-1]}_id"
            expected = {row[key] for row in _rows(bench, table) if row["user_id"] in subject.user_ids}
            assert {row[key] for row in copied.rows(table)} == expected
        chats = subject.personal_conversation_ids | subject.group_conversation_ids
        assert {row["conversation_id"] for row in copied.rows("conversations")} == chats
        shown = {row["message_id"]: row for row in copied.rows("messages")}
        assert shown.keys() == {
            row["message_id"] for row in _rows(bench, "messages") if row["conversation_id"] in chats
        }
        own = own_messages(bench, *subject.user_ids)
        assert own
        for row in own:
            found = shown[row["message_id"]]
            assert found["author"] == "You"
            assert found.get("content") == (None if row["content"] is None else json.loads(row["content"]))
            assert found.get("author_display_name") == row["author_display_name"]


def test_nothing_that_identifies_others_is_in_the_copy(bench: Bench, copies: list[tuple[Subject, Copied]]) -> None:
    """No id, name, address, picture or external id of any other user or agent is in any member, decoded or not."""
    for subject, copied in copies:
        canaries = _canaries(bench, subject)
        assert len(canaries) > 100
        everything = "\x00".join(copied.texts())
        assert [value for value in canaries if value in everything] == []


def test_texts_of_others_are_shown_under_made_up_names(bench: Bench, copies: list[tuple[Subject, Copied]]) -> None:
    """What others wrote in the conversation is part of it; who wrote it is Person, Agent, Bot or System, numbered."""
    texts = {row["message_id"]: row["text"] for row in _rows(bench, "messages")}
    labels = set()
    for _, copied in copies:
        for row in copied.rows("messages"):
            labels.add(row["author"].split()[0])
            assert row.get("text") == texts[row["message_id"]]
            if row["author"] != "You":
                assert not row.keys() & {
                    "author_user_id",
                    "author_display_name",
                    "author_avatar_url",
                    "metadata",
                    "extra",
                }
    assert labels == {"You", "Person", "Agent", "Bot", "System"}


def test_json_and_parquet_say_the_same(copies: list[tuple[Subject, Copied]]) -> None:
    """Every table is there twice with equally many rows in the same order, and the schema explains every column."""
    for _, copied in copies:
        schema = json.loads(copied.members["schema.json"])["tables"]
        for table, about in schema.items():
            rows = copied.parquet(table)
            assert [row.keys() - found.keys() for row, found in zip(rows, copied.rows(table), strict=True)] == [
                {name for name, value in row.items() if value is None} for row in rows
            ]
            assert all(row.keys() == about["columns"].keys() for row in rows)
            assert all(column["description"] for column in about["columns"].values())


def test_the_same_lake_gives_the_same_bytes(bench: Bench, copies: list[tuple[Subject, Copied]]) -> None:
    """A copy can be made again and compared; the manifest's checksums are those of the members, the mode is 0600."""
    subject, first = copies[0]
    second = copy(bench, subject, out="again")
    assert second.export.path.read_bytes() == first.export.path.read_bytes()
    assert second.export.sha256 == hashlib.sha256(second.export.path.read_bytes()).hexdigest()
    assert second.export.bytes == second.export.path.stat().st_size
    assert stat.S_IMODE(second.export.path.stat().st_mode) == 0o600
    assert second.export.path.name == "access-0123456789abcdef.zip"
    listed = {entry["name"]: entry["sha256"] for entry in json.loads(second.members["manifest.json"])["members"]}
    found = {name: hashlib.sha256(data).hexdigest() for name, data in second.members.items()}
    assert listed == {name: digest for name, digest in found.items() if name != "manifest.json"}
    assert list((bench.lake / "_sunlake" / "tmp").iterdir()) == []


def test_hostile_names_and_texts_are_shown_and_do_not_act(serve: Serve) -> None:
    """Markup in names, texts and titles is escaped, directional tricks are spelled out, a policy forbids all else."""
    world = SmallWorld("hostile").user("eve", profile={"givenName": HOSTILE, "email": "eve@example.com"})
    world.conversation("chat", ["eve"], messages=0, displayName=HOSTILE)
    world.lines.append(_line(world, "chat", message("m", BEGINNING, author="eve", text=HOSTILE)))
    bench = serve(world)
    bench.export()
    page = copy(bench, subject_of(bench, oid("eve"))).page
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>Ltd" not in page
    assert "\u202e" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert 'http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src' in page
    for loading in (" src=", ' href="http', "url(", "@import", "<link", "<iframe"):
        assert loading not in page.replace("&lt;img src=x", "")


def test_a_former_member_sees_what_was_said_until_the_end_of_the_membership(serve: Serve) -> None:
    """Later messages of a group are other people's data; without any trace of a membership only the own time counts."""
    world = SmallWorld("left").user("ann").user("bob")
    world.conversation("group", ["ann", "bob"], messages=0)
    world.lines = [line for line in world.lines if line["object"]["id"] != oid("group/ann")]
    for hour, author in enumerate(("bob", "ann", "bob", "")):
        at = BEGINNING + hour * HOUR
        world.lines.append(_line(world, "group", message(f"m{hour}", at, author=author, text=f"said {hour}")))
    bench = serve(world)
    bench.export()
    subject = replace(subject_of(bench, oid("ann")), group_conversation_ids=frozenset({oid("group")}))
    copied = copy(bench, subject)
    assert [row["text"] for row in copied.rows("messages")] == ["said 0", "said 1"]
    assert copied.export.counts["withheld"] == 2
    assert "said 2" not in "".join(copied.texts())


def test_quotes_are_redacted_like_what_they_quote(serve: Serve) -> None:
    """A quote of another member keeps the text and loses the person; a quote of the subject stays whole."""
    world = SmallWorld("quotes").user("ann").user("bob", externalId="bob-external-7")
    world.conversation("group", ["ann", "bob"], messages=0)
    bobs = message("b", BEGINNING, author="bob", text="from bob")
    bobs["author"] |= {"displayName": "Bob Secretname", "avatarUrl": "https://media.example.com/bob.png"}
    bobs["metadata"] = {"hidden": "bobs metadata"}
    anns = message("a", BEGINNING + HOUR, author="ann", text="from ann")
    anns["author"]["displayName"] = "Ann"
    anns["quotedMessage"] = {"type": "message", "message": bobs}
    anns["metadata"] = {"ref": "bob-external-7", oid("bob"): [oid("ann")]}
    reply = message("r", BEGINNING + 2 * HOUR, author="bob") | {"quotedMessage": {"type": "message", "message": anns}}
    for item in (bobs, anns, reply):
        world.lines.append(_line(world, "group", item))
    bench = serve(world)
    bench.export()
    copied = copy(bench, subject_of(bench, oid("ann")))
    everything = "\x00".join(copied.texts())
    for canary in ("Secretname", "bob.png", "bobs metadata", "bob-external-7", oid("bob")):
        assert canary not in everything
    first, second, third = copied.rows("messages")
    assert first["text"] == "from bob"
    assert second["quoted_message"]["message"]["author"] == {"type": "user", "label": "Person 1"}
    assert second["quoted_message"]["message"]["content"] == {"type": "text", "text": "from bob"}
    assert second["metadata"] == {"ref": "Person 1", "Person 1": [oid("ann")]}
    inner = third["quoted_message"]["message"]
    assert inner["author"]["displayName"] == "Ann"
    assert inner["quotedMessage"]["message"]["author"]["label"] == "Person 1"


def test_what_upstream_deleted_is_in_the_copy_and_marked(serve: Serve) -> None:
    """The lake still holds it, so the person gets it; the page says that the service has it no longer."""
    world = SmallWorld("deleted").user("ann", clients=["phone"]).conversation("chat", ["ann"], messages=3)
    bench = serve(world)
    bench.export()
    subject = subject_of(bench, oid("ann"))
    bench.sandbox.change({"op": "delete_message", "conversation_id": oid("chat"), "message_id": oid("chat#0")})
    bench.sweep()
    copied = copy(bench, subject)
    states = {row["message_id"]: row["copy_state"] for row in copied.rows("messages")}
    assert states == {oid("chat#0"): "deleted", oid("chat#1"): "current", oid("chat#2"): "current"}
    assert "deleted at the messaging service" in copied.page


def _rows(bench: Bench, table: str) -> Iterator[Row]:
    return raw_rows(bench.lake, table, app_id=bench.app_id)


def _line(world: SmallWorld, conversation: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"table": "messages", "app_id": world.app_id, "object": item, "conversation_id": oid(conversation)}


def _canaries(bench: Bench, subject: Subject) -> set[str]:
    """What identifies others and neither the subject nor, by chance, occurs in what anybody said or in the schema."""
    found: set[str] = set()
    mine: set[str] = set()
    identifying = {
        "users": ("user_id", "external_id", "zendesk_id", "email", "avatar_url", "surname"),
        "clients": ("client_id", "external_id", "display_name", "avatar_url"),
        "devices": ("device_id", "guid"),
        "participants": ("participant_id", "user_id", "user_external_id"),
        "messages": ("author_user_id", "author_display_name", "author_avatar_url", "source_original_message_id"),
    }
    for table, columns in identifying.items():
        for row in _rows(bench, table):
            owner = row["author_user_id"] if table == "messages" else row["user_id"]
            values = {row[name] for name in columns if row[name]}
            (mine if owner in subject.user_ids else found).update(values)
            if owner in subject.user_ids:
                mine.update(strings([row]))
    said = "\x00".join(text for row in _rows(bench, "messages") for text in strings(json.loads(row["content"] or "{}")))
    fixed = {"Support", "Bot", "Gone", "Kim"}  # words of the page, or of every second text
    own = "\x00".join(mine)  # the subject is `User 61`, so that `User 6` is no canary
    return {value for value in found - fixed if len(value) >= 5 and value not in said and value not in own}
