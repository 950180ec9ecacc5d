"""Copies for which upstream is asked once more, over real HTTP: what is newer, what is gone, what can't be asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.api.deletions import remove_attachment
from pipeline.api.resources import GET_APP
from pipeline.api.sent import Outcome
from pipeline.config import CallSettings
from pipeline.lake.layout import Lake
from pipeline.privacy.access.ask import ROUTES, open_upstream
from pipeline.privacy.access.register import list_copies
from pipeline.privacy.access.run import Access, run_access
from pipeline.privacy.access.told import Asked
from pipeline.privacy.applied import Applied
from pipeline.privacy.apply import carry_out
from pipeline.privacy.desk import open_client, open_desk
from pipeline.privacy.plan.confirm import confirm_plan
from pipeline.privacy.plan.run import plan_batch
from pipeline.privacy.requests.batch import read_batch
from pipeline.sandbox.media import MEDIA_BASE
from pipeline.suppression.keys import new_key_text
from tests.forked import Sandbox
from tests.integration.access_bench import Copied, copy, read_members, subject_of
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import raw_rows
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, moment, oid

COLUMNS = "request_ref,user_id,action,received_at,verified_by,reason_code"
KEYS = {name: new_key_text() for name in ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY")}
TABLES = ("users", "clients", "devices", "conversations", "participants", "messages", "events")
IMPATIENT = CallSettings(read_seconds=5.0, total_seconds=0.5)
MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that every desk needs."""
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


def _world() -> SmallWorld:
    world = SmallWorld("again").user("ann", clients=["phone"], externalId="ann-external").user("bob")
    return world.conversation("chat", ["ann"], messages=3).conversation("group", ["ann", "bob"], messages=2)


@pytest.fixture
def bench(serve: Serve) -> Bench:
    """An exported world: Ann alone, Ann and Bob in a group; what happens later is upstream only."""
    bench = serve(_world())
    bench.export()
    return bench


@pytest.fixture(scope="module")
def still_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The same, for tests after which everything is as before."""
    folder = tmp_path_factory.mktemp("still")
    with Sandbox(_world().write(folder)) as sandbox:
        bench = Bench(sandbox, folder, calls=IMPATIENT)
        bench.export()
        yield bench


@pytest.fixture
def still(still_bench: Bench) -> Iterator[Bench]:
    """The still world without faults."""
    yield still_bench
    still_bench.sandbox.set_faults()


def test_a_person_who_stands_only_upstream_gets_everything(bench: Bench) -> None:
    """User, client, device, conversation, participant and messages come from upstream, and the lake stays as it is."""
    bench.sandbox.change(
        {
            "op": "add_user",
            "user": {"id": oid("new"), "externalId": "new-external", "profile": {"givenName": "Nora"}},
            "clients": [{"id": oid("new phone"), "type": "web", "status": "active"}],
            "devices": [{"id": oid("new device"), "type": "web", "guid": "guid-new", "clientId": oid("new phone")}],
        },
        _talk("first", "new", said="only upstream"),
    )
    before = {table: list(raw_rows(bench.lake, table, app_id=bench.app_id)) for table in TABLES}
    done = _run(bench, "new")
    assert done.exit_code == 0
    copied = _opened(done)
    counts = {table: len(copied.rows(table)) for table in TABLES}
    assert counts == dict.fromkeys(TABLES, 1) | {"events": 0}
    assert [row["text"] for row in copied.rows("messages")] == ["only upstream"]
    assert "Nora" in copied.page
    assert "only upstream" in copied.page
    manifest = _manifest(copied)
    assert manifest["upstream"]["state"] == "complete"
    assert manifest["upstream"]["new_or_changed"]["messages"] == 1
    assert {table: list(raw_rows(bench.lake, table, app_id=bench.app_id)) for table in TABLES} == before


def test_newer_messages_and_values_come_from_upstream_and_the_older_ones_from_the_lake(bench: Bench) -> None:
    """The newest version wins; JSON, Parquet and page say the same; a second asking gives the same bytes."""
    bench.sandbox.change(
        {
            "op": "add_messages",
            "conversation_id": oid("chat"),
            "messages": [message("late", BEGINNING + 9 * HOUR, author="ann", text="after the export")],
        },
        {"op": "edit", "kind": "user", "id": oid("ann"), "set": {"profile": {"givenName": "Anna"}}},
    )
    subject = subject_of(bench, oid("ann"))
    copied, again = (copy(bench, subject, out=out, asks=True) for out in ("one", "two"))
    chat = [row for row in copied.rows("messages") if row["conversation_id"] == oid("chat")]
    assert [row["text"] for row in chat] == [*(f"Text of chat#{n}" for n in range(3)), "after the export"]
    assert {row["copy_state"] for row in copied.rows("messages")} == {"current"}
    assert [row["given_name"] for row in copied.rows("users")] == ["Anna"]
    for table in TABLES:
        assert len(copied.parquet(table)) == len(copied.rows(table)) == _manifest(copied)["records"][table]
    assert all(row["text"] in copied.page for row in chat)
    assert copied.export.counts["fresh_messages"] == 1
    assert copied.export.counts["fresh_users"] == 1
    assert copied.export.path.read_bytes() == again.export.path.read_bytes()


def test_what_upstream_does_not_tell_any_more_is_kept_and_marked(bench: Bench) -> None:
    """A message, a conversation or a person that is gone since the last sweep stays in the copy, marked as gone."""
    subject = subject_of(bench, oid("ann"))
    bench.sandbox.change({"op": "delete_message", "conversation_id": oid("chat"), "message_id": oid("chat#0")})
    states = {row["message_id"]: row["copy_state"] for row in copy(bench, subject, asks=True).rows("messages")}
    assert [states[oid(f"chat#{number}")] for number in range(3)] == ["gone", "current", "current"]
    bench.sandbox.change({"op": "delete_user", "user_id": oid("ann")})
    copied = copy(bench, subject, asks=True)
    assert copied.export.asked is Asked.COMPLETE
    assert {row["copy_state"] for row in copied.rows("users") + copied.rows("clients")} == {"gone"}
    assert {row["copy_state"] for row in copied.rows("messages") if row["conversation_id"] == oid("chat")} == {"gone"}
    assert "no longer at the messaging service" in copied.page


def test_others_who_stand_only_upstream_are_not_told_of(bench: Bench) -> None:
    """A group that is new upstream keeps what its members said, and loses who they are, wherever it is written."""
    carl = {"givenName": "Carlo", "surname": "Secretname", "email": "carl@secret.example"}
    mine = message("mine", BEGINNING + HOUR, author="ann", text="from ann")
    mine["metadata"] = {"ref": "carl-external-77", "mail": "carl@secret.example", oid("carl"): "Carlo Secretname"}
    theirs = message("theirs", BEGINNING, author="carl", text="from carl")
    theirs["author"] |= {"displayName": "Carlo Secretname", "avatarUrl": "https://media.example.com/carl.png"}
    talk = _talk("club", "ann", "carl") | {"messages": [theirs, mine]}
    talk["participants"][1]["userExternalId"] = "carl-external-77"
    bench.sandbox.change(
        {"op": "add_user", "user": {"id": oid("carl"), "externalId": "carl-external-77", "profile": carl}}, talk
    )
    copied = _opened(_run(bench, "ann"))
    everything = "\x00".join(copied.texts())
    for canary in ("Secretname", "carl-external-77", "carl@secret", "carl.png", oid("carl")):
        assert canary not in everything
    said = [(row["author"], row["text"]) for row in copied.rows("messages") if row["conversation_id"] == oid("club")]
    assert said == [("Person 1", "from carl"), ("You", "from ann")]
    assert {row["user_id"] for row in copied.rows("participants")} == {oid("ann")}


def test_of_a_group_that_was_left_nothing_newer_is_taken_but_what_the_person_wrote(bench: Bench) -> None:
    """What others said after somebody left is not theirs to see, though upstream would tell it."""
    bench.sandbox.change(
        {
            "op": "add_messages",
            "conversation_id": oid("group"),
            "messages": [
                message("bye", BEGINNING + 8 * HOUR, author="ann", text="bye"),
                message("gossip", BEGINNING + 9 * HOUR, author="bob", text="about ann"),
            ],
        },
        {"op": "remove_participant", "conversation_id": oid("group"), "user_id": oid("ann")},
    )
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    group = [row["text"] for row in copied.rows("messages") if row["conversation_id"] == oid("group")]
    assert group == ["Text of group#0", "Text of group#1", "bye"]
    assert "about ann" not in "".join(copied.texts())


def test_somebody_merged_into_the_person_since_is_the_person(serve: Serve) -> None:
    """What was written under the other id is the person's own, though no export has heard of the merge."""
    world = SmallWorld("merged").user("old").user("ann").conversation("chat", ["old"], messages=1)
    bench = serve(world, behaviour={"merged_user": "survivor"})
    bench.export()
    bench.sandbox.change({"op": "merge_users", "discarded_id": oid("old"), "survivor_id": oid("ann")})
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    assert [(row["author"], row["author_user_id"]) for row in copied.rows("messages")] == [("You", oid("old"))]
    assert {row["user_id"]: row["copy_state"] for row in copied.rows("users")} == {
        oid("old"): "gone",
        oid("ann"): "current",
    }


def test_somebody_who_joined_since_makes_a_group_of_a_personal_conversation(bench: Bench) -> None:
    """What was the person's alone in the lake is redacted like a group once upstream shows another member."""
    bench.sandbox.change(
        {
            "op": "add_participants",
            "conversation_id": oid("chat"),
            "participants": [{"userId": oid("bob"), "userExternalId": "bob-external-5"}],
        },
        {"op": "edit", "kind": "conversation", "id": oid("chat"), "set": {"metadata": {"about": "bob"}}},
    )
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    (chat,) = (row for row in copied.rows("conversations") if row["conversation_id"] == oid("chat"))
    assert "metadata" not in chat


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 503, "route": MESSAGES}, "503"),
        ({"kind": "revoked", "route": MESSAGES}, "401"),
        ({"kind": "truncate", "route": MESSAGES}, "200"),
    ],
)
def test_a_copy_says_that_upstream_did_not_tell_everything(still: Bench, fault: dict[str, Any], status: str) -> None:
    """What the lake holds is in the copy, unmarked; manifest, page and exit code call it partial."""
    still.sandbox.set_faults(fault)
    done = _run(still, "ann")
    copied = _opened(done)
    assert done.exit_code == 3
    upstream = _manifest(copied)["upstream"]
    assert upstream["state"] == "partial"
    assert {"table": "messages", "status": status} in [
        {name: failure[name] for name in ("table", "status")} for failure in upstream["failures"]
    ]
    assert "This copy may be incomplete" in copied.page
    assert "messages" in copied.page.split('role="note"')[1].split("</p>")[0]
    assert len(copied.rows("messages")) == 5
    assert {row["copy_state"] for row in copied.rows("messages")} == {"current"}


def test_an_upstream_that_fails_half_way_gives_the_half_it_told(serve: Serve) -> None:
    """A second page that fails leaves the first page's messages in the copy, and marks none of the lake's as gone."""
    world = SmallWorld("long").user("ann").conversation("chat", ["ann"], messages=150)
    bench = serve(world, calls=IMPATIENT)
    bench.export()
    late = message("late", BEGINNING + 900 * HOUR, author="ann", text="after the export")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("chat"), "messages": [late]})
    bench.sandbox.set_faults({"kind": "status", "status": 500, "route": MESSAGES, "after": 1})
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    assert copied.export.asked is Asked.PARTIAL
    assert [row["text"] for row in copied.rows("messages")][-1] == "after the export"
    assert {row["copy_state"] for row in copied.rows("messages")} == {"current"}
    assert len(copied.rows("messages")) == 151


def test_files_are_in_the_copy_under_names_of_its_own(serve: Serve) -> None:
    """Uploads of the person and the business are fetched once each; links elsewhere, or to a call, are only told."""
    world = SmallWorld("files").user("ann").user("bob").conversation("group", ["ann", "bob"], messages=0)
    own, gone = (f"{MEDIA_BASE}{world.app_id}/{name}" for name in ("my photo.png", "gone.pdf"))
    linked = [
        ("ann", own, "one"),
        ("", own, "again"),
        ("ann", gone, "gone"),
        ("ann", "https://elsewhere.example/f.png?id=7&token=hush", "foreign"),
        ("bob", f"{MEDIA_BASE}{world.app_id}/private.png", "of bob"),
    ]
    for number, (author, url, name) in enumerate(linked):
        item = message(name, BEGINNING + number * HOUR, author=author)
        item["content"] = {"type": "file", "mediaUrl": url}
        world.lines.append(
            {"table": "messages", "app_id": world.app_id, "object": item, "conversation_id": oid("group")}
        )
    bench = serve(world)
    bench.export()
    trap = message("a call", BEGINNING + 9 * HOUR, author="ann")
    trap["content"] = {
        "type": "file",
        "mediaUrl": f"{bench.sandbox.base_url}/v2/apps/{world.app_id}/users/{oid('bob')}",
    }
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("group"), "messages": [trap]})
    asyncio.run(_remove_upload(bench, "gone.pdf"))
    subject = subject_of(bench, oid("ann"))
    bench.sandbox.reset_stats()
    copied, again = (copy(bench, subject, out=out, asks=True) for out in ("one", "two"))
    files = {row["message_id"]: (row["state"], row.get("file")) for row in copied.rows("attachments")}
    assert files == {
        oid("one"): ("included", "attachments/0001.png"),
        oid("again"): ("included", "attachments/0001.png"),
        oid("gone"): ("gone", None),
        oid("foreign"): ("elsewhere", None),
        oid("a call"): ("elsewhere", None),
    }
    assert bench.sandbox.stats()["routes"]["GET /media/{appId}/{file}"] == 4  # two for each copy
    assert len(copied.members["attachments/0001.png"]) == 64
    assert copied.page.count('<a href="attachments/0001.png">') == 2
    assert "the file is no longer at the messaging service" in copied.page
    assert "hush" not in "".join(copied.texts())
    assert copied.export.asked is Asked.COMPLETE
    assert copied.export.path.read_bytes() == again.export.path.read_bytes()


def test_files_that_cannot_be_fetched_make_a_copy_partial(serve: Serve) -> None:
    """The rest of the copy is there, and the file's row says that it failed."""
    world = SmallWorld("broken").user("ann").conversation("chat", ["ann"], messages=0)
    item = message("one", BEGINNING, author="ann")
    item["content"] = {"type": "image", "mediaUrl": f"{MEDIA_BASE}{world.app_id}/a.png"}
    world.lines.append({"table": "messages", "app_id": world.app_id, "object": item, "conversation_id": oid("chat")})
    bench = serve(world, calls=IMPATIENT)
    bench.export()
    bench.sandbox.set_faults({"kind": "status", "status": 502, "route": "GET /media/{appId}/{file}"})
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    assert copied.export.asked is Asked.PARTIAL
    assert _manifest(copied)["upstream"]["failures"] == [{"table": "attachments", "status": "502", "count": 1}]
    assert [row["state"] for row in copied.rows("attachments")] == ["failed"]
    assert "the file could not be fetched" in copied.page


def test_passing_faults_are_outlasted(bench: Bench) -> None:
    """The one client's retries make a complete copy of an upstream that stumbles."""
    bench.sandbox.set_faults({"kind": "status", "status": 503, "times": 3})
    done = _run(bench, "ann")
    assert done.exit_code == 0
    assert _manifest(_opened(done))["upstream"]["state"] == "complete"


def test_only_reading_routes_are_called(still: Bench) -> None:
    """Nothing is sent but GETs of the allow-list, nothing destroying; another route is refused before it is sent."""
    still.sandbox.reset_stats()
    copy(still, subject_of(still, oid("ann")), asks=True)
    called = set(still.sandbox.stats()["routes"])
    assert called
    assert called <= {route.name for route in ROUTES}
    assert all(route.method == "GET" for route in ROUTES)
    assert still.sandbox.destroying() == []

    async def ask_for_the_app() -> None:
        async with open_upstream(still.settings(), still.app_id, is_offline=False) as upstream:
            assert not isinstance(upstream, Asked)
            await upstream.record(GET_APP, {})

    with pytest.raises(ValueError, match="none of the routes"):
        asyncio.run(ask_for_the_app())


@pytest.mark.parametrize(("is_offline", "state", "code"), [(True, "offline", 0), (False, "no_key", 3)])
def test_without_asking_the_copy_says_so_and_as_of_when_the_lake_is(
    still: Bench, monkeypatch: pytest.MonkeyPatch, is_offline: bool, state: str, code: int
) -> None:
    """Manifest and page name the beginning of the last complete export; no call is made."""
    still.settings()
    still.sandbox.reset_stats()
    done = _run(still, "ann", is_offline=is_offline, without_key=None if is_offline else monkeypatch)
    copied = _opened(done)
    assert done.exit_code == code
    manifest = _manifest(copied)
    as_of = datetime.fromisoformat(manifest["lake_as_of"])
    assert BEGINNING < as_of <= datetime.now(UTC)
    assert manifest["upstream"] == {"state": state, "asked_at": None, "failures": [], "new_or_changed": {}}
    assert "was not asked again" in copied.page
    assert f"{as_of:%Y-%m-%d %H:%M} UTC" in copied.page.split('role="note"')[1].split("</p>")[0]
    assert still.sandbox.stats()["calls"] == 0


def test_a_copy_within_a_batch_of_erasure_is_written_anew_until_upstream_tells_everything(bench: Bench) -> None:
    """While upstream fails the batch is partial and stays open; the next run completes the copy, and the batch."""
    bench.calls = IMPATIENT
    bench.sandbox.set_faults({"kind": "status", "status": 503, "route": MESSAGES, "after": 0})

    async def twice() -> tuple[Applied, Applied]:
        with open_desk(bench.settings()) as desk:
            file = _requests(bench, "ann")
            requests = read_batch(str(file), app_ids=[bench.app_id]).requests
            plan = (await plan_batch(desk, requests, source=str(file))).plan
            batch = await confirm_plan(desk, plan.plan_id, plan.confirmation)
            first = await carry_out(desk, batch.batch_id)
            bench.sandbox.set_faults()
            return first, await carry_out(desk, batch.batch_id)

    first, second = asyncio.run(twice())
    assert (first.exit_code, second.exit_code) == (3, 0)
    assert "may be incomplete" in first.problems[0]
    (registered,) = list_copies(Lake(bench.lake))
    manifest = json.loads(read_members(Path(registered.path))["manifest.json"])
    assert manifest["upstream"]["state"] == "complete"


async def _remove_upload(bench: Bench, name: str) -> None:
    async with open_client(bench.settings(), bench.app_id) as client:
        url = f"{bench.sandbox.base_url}/media/{bench.app_id}/{name}"
        assert (await client.send(remove_attachment(bench.app_id, url))).outcome is Outcome.DONE


def _run(bench: Bench, name: str, *, is_offline: bool = False, without_key: pytest.MonkeyPatch | None = None) -> Access:
    settings = bench.settings()
    if without_key is not None:
        without_key.delenv(settings.apps[0].secret_env)
    with open_desk(settings) as desk:
        batch = str(_requests(bench, name))
        return asyncio.run(run_access(desk, batch, out=bench.folder / "copies", is_offline=is_offline))


def _requests(bench: Bench, name: str) -> Path:
    file = bench.folder / "requests.csv"
    file.write_text(f"{COLUMNS}\nT-1,{oid(name)},access,2026-02-01T10:00:00Z,desk,access\n")
    return file


def _opened(done: Access) -> Copied:
    (made,) = done.copies
    return Copied(made.export, read_members(made.export.path))


def _manifest(copied: Copied) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(copied.members["manifest.json"])
    return found


def _talk(name: str, *users: str, said: str = "hello") -> dict[str, Any]:
    """A conversation that comes into being upstream."""
    head = {
        "id": oid(name),
        "type": "personal" if len(users) == 1 else "sdkGroup",
        "metadata": {},
        "isDefault": False,
        "createdAt": moment(BEGINNING),
    }
    return {
        "op": "add_conversation",
        "conversation": head,
        "participants": [{"id": oid(f"{name}/{user}"), "userId": oid(user)} for user in users],
        "messages": [message(f"{name}#0", BEGINNING, author=users[0], text=said)],
    }
