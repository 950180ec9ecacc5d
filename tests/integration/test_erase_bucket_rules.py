"""Rules of a bucket, and rights of its key, that decide whether anybody can be erased from it for good."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from pipeline.lake.s3.store import s3_store
from tests.integration.erasure_town import request_rows
from tests.integration.s3_erase_bench import OUTSIDE, MakeErasing, S3EraseBench, needles
from tests.integration.s3_server import Fault

LEAVER = ("leaver",)


def asks_for(word: str, method: str = "GET") -> Any:
    """Whether a request is of this method and names such a thing in its query."""

    def concerns(asked: str, _: str, query: str) -> bool:
        return asked == method and word in query

    return concerns


def test_a_bucket_without_versions_is_asked_for_none(erasing: MakeErasing) -> None:
    """T7: the key needs no right to list or read versions, and nothing of the person stays.

    Who comes back with a backup of the bucket is found, and erased again.
    """
    bench = erasing()
    bench.sunlake("export")
    backup = bench.get()
    listed = Fault(asks_for("versions"), status=403, code="AccessDenied")
    with bench.server.failing(listed):
        ended = bench.erase(request_rows(LEAVER))
    assert (ended.output.splitlines()[-1].startswith("complete"), listed.struck) == (True, 0), ended
    assert bench.saying(needles()) == []
    bench.put({key: data for key, data in backup.items() if "/_sunlake/" not in key} | bench.own())
    assert bench.saying(needles())
    assert "ids of people who were erased" in bench.sunlake("erase", "verify", code=1).output
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert bench.saying(needles()) == []


def test_a_store_that_has_never_heard_of_versions_is_told_of(erasing: MakeErasing) -> None:
    """What it may keep is not proven: the plan and the report say so."""
    bench = erasing()
    bench.sunlake("export")

    def is_new(_: str, __: str, query: str) -> bool:
        return any(word in query for word in ("versioning", "versions", "object-lock", "replication", "uploads"))

    with bench.server.failing(Fault(is_new, status=501, code="NotImplemented")):
        plan = bench.plan_json(request_rows(LEAVER))
        bench.sunlake(*bench.apply_of(plan), "--remove-input")
    assert ["older versions of objects" in note for note in plan["notes"]] == [True]
    report = json.loads((bench.batches()[-1] / "report.json").read_bytes())
    assert any("this store does not list them" in text for text in report["not_proven"])
    assert any("this store does not list them" in text for text in report["unreached"])
    assert bench.saying(needles()) == []


RIGHTS = {
    "s3:ListBucketVersions": asks_for("versions"),
    "s3:GetObjectVersion": asks_for("versionId="),
    "s3:DeleteObjectVersion": asks_for("versionId=", "DELETE"),
    "s3:ListBucketMultipartUploads": asks_for("uploads"),
}


def test_a_right_that_is_missing_ends_the_plan_and_one_that_was_taken_away_ends_it_all(erasing: MakeErasing) -> None:
    """Nothing is planned that would have to stop in the middle, and nothing is begun; the message names the right.

    Neither upstream nor the lake is touched.
    """
    bench = erasing()
    bench.keep_versions()
    bench.sunlake("export")
    before = bench.server.keys(bench.bucket, prefix="lake/messages")
    for right, concerns in RIGHTS.items():
        with bench.server.failing(Fault(concerns, status=403, code="AccessDenied")):
            said = plan_of(bench, code=1)
        assert right in said
        assert "nobody can be erased for good" in said
    assert not list(bench.privacy.glob("batches/*"))
    apply = bench.plan(request_rows(LEAVER))
    with bench.server.failing(Fault(RIGHTS["s3:DeleteObjectVersion"], status=403, code="AccessDenied")):
        bench.sunlake(*apply, code=1)
    assert bench.server.keys(bench.bucket, prefix="lake/messages") == before
    assert not bench.sandbox.destroying()


def test_a_bucket_that_locks_every_version_ends_the_plan(erasing: MakeErasing) -> None:
    """Whatever was erased would stay for the days that its rule says."""
    bench = erasing(is_lockable=True)
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
    bench.client.put_object_lock_configuration(Bucket=bench.bucket, ObjectLockConfiguration=lock)
    bench.driven("export")  # the test's store copies nothing into such a bucket; the lake is there
    assert "object lock keeps every version for 3 days" in plan_of(bench, code=1)


def test_a_legal_hold_on_an_object_of_the_lake_ends_the_plan(erasing: MakeErasing) -> None:
    """On one beside the lake it does not matter."""
    bench = erasing(is_lockable=True)
    bench.sunlake("export")
    bench.client.put_object(Bucket=bench.bucket, Key="other/locked", Body=b"locked")
    for key, code in (("other/locked", 0), (next(iter(bench.server.keys(bench.bucket))), 1)):
        bench.client.put_object_legal_hold(Bucket=bench.bucket, Key=key, LegalHold={"Status": "ON"})
        said = plan_of(bench, code=code)
    assert "a legal hold keeps 1 versions" in said


def test_where_a_bucket_is_replicated_is_said(erasing: MakeErasing) -> None:
    """No deletion of a version reaches a replica: plan and report name it."""
    bench = erasing()
    bench.keep_versions()
    bench.client.create_bucket(Bucket=f"{bench.bucket}-copy")
    kept = {"Status": "Enabled"}
    bench.client.put_bucket_versioning(Bucket=f"{bench.bucket}-copy", VersioningConfiguration=kept)
    rule = {"Destination": {"Bucket": f"arn:aws:s3:::{bench.bucket}-copy"}, "Status": "Enabled", "Prefix": ""}
    configuration = {"Role": "arn:aws:iam::123456789012:role/copies", "Rules": [rule]}
    bench.client.put_bucket_replication(Bucket=bench.bucket, ReplicationConfiguration=configuration)
    bench.sunlake("export")
    assert f"! not reached: replicas in {bench.bucket}-copy" in plan_of(bench)
    assert f"replicas in {bench.bucket}-copy" in bench.sunlake("doctor").output


def test_a_lake_that_is_the_whole_bucket_cleans_up_only_what_is_its_own(erasing: MakeErasing) -> None:
    """What others keep beside its tables stays, with all versions, marks and uploads."""
    bench = erasing()
    bench.keep_versions()
    for key in ("messages/app_id=x/a.parquet", "_sunlake/staging/x/y/a.parquet"):
        for data in (b"one", b"another"):
            bench.client.put_object(Bucket=bench.bucket, Key=key, Body=data)
        bench.client.create_multipart_upload(Bucket=bench.bucket, Key=key)
    bench.client.delete_object(Bucket=bench.bucket, Key="_sunlake/staging/x/y/a.parquet")
    beside = bench.versions(prefix="other/")
    history = s3_store(msgspec.structs.replace(bench.place, prefix="")).history
    found = history.survey()
    assert (found.versions, found.markers, found.uploads, found.bytes) == (3, 1, 2, 13)
    assert history.purge() == found
    assert history.survey().is_empty
    assert (bench.versions(prefix="other/"), bench.server.uploads(bench.bucket)) == (beside, [OUTSIDE])
    assert list(bench.server.keys(bench.bucket, prefix="messages")) == ["messages/app_id=x/a.parquet"]


def plan_of(bench: S3EraseBench, *, code: int = 0) -> str:
    """What a plan for the leaver says."""
    ended = bench.sunlake("erase", "plan", str(bench.requests(request_rows(LEAVER))), code=code)
    return ended.output + ended.errors
