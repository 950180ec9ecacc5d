"""`sunlake access` on a lake in a bucket, which it only reads."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.lake.layout import Lake
from pipeline.privacy.access.register import list_copies
from pipeline.suppression.keys import new_key_text
from tests.integration.access_bench import read_members
from tests.integration.conftest import ServeS3
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid


def test_a_copy_is_made_of_a_lake_in_a_bucket(serve_s3: ServeS3) -> None:
    """Rows of the bucket and newer ones of upstream are in the copy; the bucket stays as it is."""
    bench = serve_s3(SmallWorld("bucket").user("ann").conversation("chat", ["ann"], messages=2))
    bench.export()
    late = message("late", BEGINNING + 9 * HOUR, author="ann", text="after the export")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("chat"), "messages": [late]})
    before = bench.get()
    requests = bench.folder / "requests.csv"
    columns = "request_ref,user_id,action,received_at,verified_by,reason_code"
    requests.write_text(f"{columns}\nT-1,{oid('ann')},access,2026-02-01T10:00:00Z,desk,access\n")
    keys = {name: new_key_text() for name in ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY")}
    ended = bench.driven("access", str(requests), "--out", str(bench.folder / "copies"), **keys)
    assert ended.code == 0, ended
    (copy,) = list_copies(Lake(bench.place))
    members = read_members(Path(copy.path))
    texts = [row["text"] for row in json.loads(members["data/messages.json"])]
    assert texts == ["Text of chat#0", "Text of chat#1", "after the export"]
    assert bench.get() == before
