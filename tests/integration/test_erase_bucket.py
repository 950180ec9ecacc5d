"""Erasure on a lake in a bucket: nothing of a person stays in any version of any object below the lake's prefix."""

from __future__ import annotations

import json

from tests.integration.erasure_town import request_rows
from tests.integration.s3_erase_bench import OUTSIDE, MakeErasing, needles

LEAVER = ("leaver",)


def test_nothing_of_a_person_stays_in_any_version(erasing: MakeErasing) -> None:
    """T1, T2: after exports and a compaction every version is gone that readers do not see, and only those.

    The stayer's rows are what they were; what lies beside the lake is not touched; a second batch rewrites nothing, and
    later exports bring nobody back.
    """
    bench = erasing()
    bench.keep_versions()
    bench.grow()
    beside, before = bench.versions(prefix="other/"), bench.rows()
    assert set(bench.older()) - set(bench.server.keys(bench.bucket)), "deleted objects are kept by the bucket"
    assert len(bench.saying(needles())) > len({*bench.saying(needles())} & {*bench.server.keys(bench.bucket)})
    bench.client.create_multipart_upload(Bucket=bench.bucket, Key="lake/messages/app_id=x/cut.parquet")
    plan = bench.plan_json(request_rows(LEAVER))
    old = [each for each in bench.versions() if "ETag" in each and not each["IsLatest"]]
    marks = [each for each in bench.versions() if "ETag" not in each]
    sizes = {"bytes": sum(each["Size"] for each in old)}
    assert plan["older"] == {"versions": len(old), "markers": len(marks), "uploads": 1} | sizes
    ended = bench.sunlake(*bench.apply_of(plan), "--remove-input")
    assert ended.output.splitlines()[-1].startswith("complete"), ended
    assert "scan: clean" in ended.output
    assert (bench.saying(needles()), bench.older(), bench.server.uploads(bench.bucket)) == ([], [], [OUTSIDE])
    assert bench.versions(prefix="other/") == beside
    theirs = [row for row in before if not any(needle in row[1] for needle in needles())]
    assert [row for row in bench.rows() if row in theirs] == theirs
    assert any("erased" in row for table, row in bench.rows() if table == "messages"), "the quote"
    assert not [key for key in bench.server.keys(bench.bucket) if "/marts/" in key or "/quarantine/" in key]
    etags = bench.server.keys(bench.bucket)
    assert bench.erase(request_rows(LEAVER)).output.splitlines()[-1].startswith("complete")
    tables = {key: etag for key, etag in etags.items() if "/app_id=" in key}
    assert {key: etag for key, etag in bench.server.keys(bench.bucket).items() if "/app_id=" in key} == tables
    for arguments in (("export",), ("export", "--sweep"), ("erase", "verify")):
        bench.sunlake(*arguments)
    assert bench.saying(needles()) == []
    report = json.loads((bench.batches()[0] / "report.json").read_bytes())
    assert any("backups" in text for text in report["not_proven"])


def test_what_has_expired_is_in_no_version_either(erasing: MakeErasing) -> None:
    """Retention: all messages are too old, and older versions of their files go with them."""
    bench = erasing()
    bench.keep_versions()
    bench.sunlake("export")
    bench.sunlake("export", "--sweep")
    assert "rows would go; nothing was changed" in bench.sunlake("erase", "expire", "--older-than", "1d").output
    assert bench.saying(["Text of group"])
    bench.sunlake("erase", "expire", "--older-than", "1d", "--apply")
    assert (bench.saying(["Text of group", "Secret of"]), bench.older()) == ([], [])
    bench.sunlake("export", "--sweep")
    assert bench.saying(["Text of group", "Secret of"]) == []
