"""Files that a copy holds: fetched where they lie at the messaging service, told of where they lie elsewhere."""

from __future__ import annotations

import asyncio

from pipeline.api.deletions import remove_attachment
from pipeline.api.sent import Outcome
from pipeline.privacy.access.told import Asked
from pipeline.privacy.desk import open_client
from pipeline.sandbox.media import MEDIA_BASE
from tests.integration.access_bench import copy, subject_of
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid
from tests.integration.upstream_copies import (
    IMPATIENT,
    manifest_of,
)


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
    bench = serve(world)
    bench.export()
    bench.calls = IMPATIENT
    bench.sandbox.set_faults({"kind": "status", "status": 502, "route": "GET /media/{appId}/{file}"})
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    assert copied.export.asked is Asked.PARTIAL
    assert manifest_of(copied)["upstream"]["failures"] == [{"table": "attachments", "status": "502", "count": 1}]
    assert [row["state"] for row in copied.rows("attachments")] == ["failed"]
    assert "the file could not be fetched" in copied.page


async def _remove_upload(bench: Bench, name: str) -> None:
    async with open_client(bench.settings(), bench.app_id) as client:
        url = f"{bench.sandbox.base_url}/media/{bench.app_id}/{name}"
        assert (await client.send(remove_attachment(bench.app_id, url))).outcome is Outcome.DONE
