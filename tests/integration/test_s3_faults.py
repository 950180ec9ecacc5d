"""What a store may do to an export: be in trouble, be slow, say no."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest

from pipeline.errors import ConfigError, LockedError, StorageError
from pipeline.lake.layout import Lake
from pipeline.lake.lock import writer_lock
from pipeline.lake.s3.store import s3_store
from pipeline.places import S3Place, StorageSettings
from pipeline.warehouse.connection import connect
from pipeline.warehouse.query import run
from tests.integration.conftest import ServeS3
from tests.integration.export_bench import KILLED
from tests.integration.s3_bench import S3Bench
from tests.integration.s3_server import KEY, SECRET, Concerns, Fault
from tests.integration.small_worlds import SmallWorld, oid


@pytest.fixture
def bench(serve_s3: ServeS3) -> S3Bench:
    """A world of one conversation."""
    return serve_s3(SmallWorld("faults").user("anna").conversation("talk", ["anna"], messages=5))


def _is_staging(method: str, path: str, _: str) -> bool:
    return method == "PUT" and "/_sunlake/staging/" in path


def _is_final(method: str, path: str, _: str) -> bool:
    return method == "PUT" and "/_sunlake/" not in path


def test_a_store_in_trouble_is_asked_again(bench: S3Bench) -> None:
    """A few 503 and 500 cost time, not the run."""
    with bench.server.failing(Fault(_is_staging, times=2)) as fault:
        bench.export()
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("talk"), "count": 2})
    with bench.server.failing(Fault(_is_final, status=500, code="InternalError", times=2)) as other:
        bench.export()
    assert (fault.struck, other.struck) == (2, 2)
    bench.assert_finished()


def test_an_answer_that_breaks_off_is_asked_for_again(bench: S3Bench) -> None:
    """A query gets all bytes of a range, or fails with a sentence that names the store."""
    bench.export()

    def is_read(method: str, path: str, _: str) -> bool:
        return method == "GET" and path.endswith(".parquet")

    cut = Fault(is_read, times=1, is_cut=True)
    with closing(connect(bench.place)) as connection:
        with bench.server.failing(cut):
            rows = [row for result in run(connection, "select count(text) from messages") for row in result.batches()]
        with (
            bench.server.failing(Fault(is_read, is_cut=True)),
            pytest.raises(StorageError, match="can't be reached"),
        ):
            list(run(connection, "select max(text) from messages", root=bench.place))
    assert (rows, cut.struck) == ([[(5,)]], 1)


@pytest.mark.parametrize("concerns", [_is_staging, _is_final])
def test_a_store_that_stays_in_trouble_ends_the_run_and_the_next_one_goes_on(
    bench: S3Bench, concerns: Concerns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the decision nothing happened, after it the next run publishes: no message is lost or doubled."""
    monkeypatch.setattr("pipeline.lake.s3.bucket.ATTEMPTS", 2)
    with bench.server.failing(Fault(concerns, after=1)) as fault:
        summary = bench.export(expect="failed")
    assert fault.struck >= 2
    assert "the store is in trouble (HTTP 503); run the command again" in (summary.message or "")
    bench.export()
    bench.assert_finished()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(_is_staging, status=403, code="AccessDenied"), "permission denied; give the key the right s3:PutObject"),
        (Fault(_is_final, status=403, code="AccessDenied"), "s3:GetObject and s3:PutObject on this bucket"),
        (Fault(lambda *_: True, status=403, code="InvalidAccessKeyId"), "the access key is unknown"),
        (Fault(lambda *_: True, status=403, code="SignatureDoesNotMatch"), "the secret does not belong to"),
        (Fault(lambda *_: True, status=400, code="IllegalLocationConstraintException"), "set region in the section"),
    ],
    ids=["no staging", "no publishing", "wrong key", "wrong secret", "wrong region"],
)
def test_what_the_store_refuses_is_said_with_the_remedy(bench: S3Bench, fault: Fault, said: str) -> None:
    """The run fails, its message says what to do, and neither key nor the store's own words are in it."""
    with bench.server.failing(fault):
        message = bench.export(expect="failed").message or ""
    assert said in message
    assert KEY not in message
    assert SECRET not in message


def test_a_bucket_that_is_not_there_and_keys_that_are_not_set_have_exit_codes(bench: S3Bench) -> None:
    """1 for what the store refuses, 2 for a setting that is missing; each with a sentence."""
    ended = bench.driven("export", SUNLAKE_LAKE="s3://no-such-bucket/lake")
    assert (ended.code, "there is no such bucket" in ended.output) == (1, True), ended
    ended = bench.driven("status", SUNLAKE_LAKE=bench.url + "-elsewhere")
    assert (ended.code, "there is no lake in s3://" in ended.errors) == (1, True), ended
    ended = bench.driven("export", S3_SECRET="")
    assert (ended.code, "environment variable S3_SECRET is not set" in ended.output) == (2, True), ended
    ended = bench.driven("doctor")
    assert (ended.code, "can be read, written, listed and deleted from" in ended.output) == (0, True), ended


def test_a_store_that_knows_neither_conditions_nor_lists_of_uploads_will_do(bench: S3Bench) -> None:
    """What a plain store lacks is done without: the lake's owner is read back, and its own rule cleans up uploads."""

    def is_claim(method: str, path: str, _: str) -> bool:
        return method == "PUT" and path.endswith("owner.json")

    def is_list(method: str, _: str, query: str) -> bool:
        return method == "GET" and "uploads" in query

    lake = Lake(bench.place)
    once = Fault(is_claim, status=501, code="NotImplemented", times=1)
    with bench.server.failing(once), writer_lock(lake, bench.app_id, what="export"):
        lake.store.stage(bench.app_id, "commit", [])
    with bench.server.failing(Fault(is_list, status=501, code="NotImplemented")) as always:
        bench.export()
    assert (once.struck, always.struck) == (1, 1)
    bench.assert_finished()


def test_keys_that_are_nowhere_are_asked_for(bench: S3Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without names of variables AWS's own chain is followed; where it ends, the message says what to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = msgspec.structs.replace(bench.place, storage=StorageSettings(endpoint=bench.server.endpoint))
    with pytest.raises(ConfigError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        Lake(place).store.read_marker()


def test_a_store_that_does_not_answer_is_given_up(bench: S3Bench) -> None:
    """A read that hangs ends with a message that names the endpoint."""
    impatient = bench.server.storage(lease_seconds=1.0)
    place = msgspec.structs.replace(bench.place, storage=impatient)
    with bench.server.failing(Fault(lambda *_: True, seconds=0.5)), pytest.raises(StorageError, match=r"127\.0\.0\.1"):
        Lake(place).store.read_marker()


def test_a_lake_belongs_to_one_ledger_until_another_takes_it_over(bench: S3Bench) -> None:
    """A second machine with a ledger of its own is refused, and so is the first after the second took over."""
    bench.export()
    first = bench.place
    bench.machine = "two"
    assert "belongs to the ledger" in (bench.export(expect="failed").message or "")
    refused = bench.driven("repair")
    assert (refused.code, "--take-over" in refused.errors) == (1, True), refused
    shutil.copy(bench.folder / "state-one" / first.private.name / "ledger.db", bench.folder / "old.db")
    assert bench.driven("repair", "--take-over").code == 0
    bench.export()
    bench.assert_finished()
    bench.machine = "one"
    assert "belongs to the ledger" in (bench.export(expect="failed").message or "")
    bench.assert_finished()


def test_a_writer_whose_lake_is_taken_over_decides_nothing_more(bench: S3Bench) -> None:
    """The lake's owner is looked at before every commit, not only at the start."""
    bench.export()
    first = Lake(bench.place)
    with writer_lock(first, bench.app_id, what="export"):
        Lake(msgspec.structs.replace(bench.place, private=bench.folder / "another")).store.take_over()
        with pytest.raises(LockedError, match="belongs to the ledger"):
            first.store.stage(bench.app_id, "commit", [])


def test_a_staged_object_that_somebody_else_deleted_costs_no_row(bench: S3Bench) -> None:
    """A compaction that can't be finished removes nothing; repair and export make the lake whole."""
    bench.export()
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("talk"), "count": 2})
    bench.export()
    assert bench.driven("compact", DRIVER_KILL_AT="before bucket copy#1").code == KILLED
    kept = {key: data for key, data in bench.get().items() if "/staging/" not in key}
    bench.put(kept)
    assert "is not staged; run `sunlake repair`" in (bench.export(expect="failed").message or "")
    assert bench.get() == kept
    assert bench.driven("repair").code == 0
    bench.export()
    bench.assert_finished()


@pytest.fixture
def small_parts(bench: S3Bench) -> Iterator[S3Place]:
    """A place whose store is written in parts of 5 MB, the least there is."""
    bucket = s3_store(bench.place).bucket
    bucket.part_bytes = bucket.copy_bytes = 5 << 20
    yield bench.place
    del bucket.part_bytes, bucket.copy_bytes


def test_large_files_are_sent_and_copied_in_parts(bench: S3Bench, small_parts: S3Place) -> None:
    """The bytes are the same; an upload that is cut leaves no object, and its parts go with the next recovery."""
    store = s3_store(small_parts)
    data = bytes(range(256)) * (43 << 10)
    file = small_parts.private / "staging" / bench.app_id / "commit" / "x.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    path = f"messages/app_id={bench.app_id}/month=2026-01/x.parquet"
    store.stage(bench.app_id, "commit", [path])
    store.publish(bench.app_id, "commit", [path])
    assert bench.get()[f"lake/{path}"] == data
    client = bench.server.client()
    for key in (path, f"_sunlake/staging/{bench.app_id}/cut/x.parquet", "messages/app_id=other/x.parquet"):
        client.create_multipart_upload(Bucket=bench.bucket, Key=f"lake/{key}")
    store.drop_staging(bench.app_id)
    assert bench.server.uploads(bench.bucket) == ["lake/messages/app_id=other/x.parquet"]
    assert list(bench.get()) == [f"lake/{path}"]
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    third = Fault(lambda _method, _path, query: "partNumber=3" in query, status=403, code="AccessDenied")
    with bench.server.failing(third), pytest.raises(StorageError):
        store.stage(bench.app_id, "commit", [path])
    assert len(bench.server.uploads(bench.bucket)) == 1, "what failed was thrown away"
    assert list(bench.get()) == [f"lake/{path}"]
