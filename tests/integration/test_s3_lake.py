"""A lake in a bucket is the same lake as one in a folder, whatever is done with it."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.config import CommitSettings
from pipeline.errors import QueryError
from pipeline.lake.layout import Lake
from pipeline.places import Place
from pipeline.warehouse.build import build
from pipeline.warehouse.checks import check
from pipeline.warehouse.connection import connect
from pipeline.warehouse.failures import ReplacedError, translated
from pipeline.warehouse.query import run
from tests.integration.conftest import Serve, ServeS3
from tests.integration.lake_truth import data_files, read_lake
from tests.integration.s3_bench import S3Bench
from tests.integration.small_worlds import SmallWorld, oid

QUERIES = (
    "select count(*), count(distinct message_id), min(received_at), max(text) from messages",
    "select month, count(*) from raw.messages group by all order by all",
    "select * exclude (exported_at, run_id) from messages where month = '2026-02' order by message_id limit 20",
    "select local_date, metric, count(*), sum(n) from agg_response_daily group by all order by all",
)


def _world() -> SmallWorld:
    """Two people whose histories take two pages and lie in two months."""
    world = SmallWorld("bucket")
    for name in ("anna", "ben"):
        world.user(name, clients=[f"client of {name}"])
        world.conversation(f"talk of {name}", [name], messages=120, every=timedelta(hours=5))
    return world


def _answers(place: Place, *queries: str) -> list[list[Any]]:
    with closing(connect(place)) as connection:
        return [
            [row for result in run(connection, query, root=place) for batch in result.batches() for row in batch]
            for query in queries
        ]


def test_an_export_into_a_bucket_makes_the_lake_that_one_into_a_folder_makes(serve: Serve, serve_s3: ServeS3) -> None:
    """Rows, queries, warehouse and checks are equal; a further export and a sweep write no object."""
    remote, local = serve_s3(_world()), serve(_world())
    for bench in (remote, local):
        bench.export()
    remote.assert_finished()
    mirror = remote.mirror()
    assert read_lake(mirror, app_id=remote.app_id) == read_lake(local.lake, app_id=local.app_id)
    before = remote.server.keys(remote.bucket)
    remote.export()
    remote.sweep()
    assert remote.server.keys(remote.bucket) == before
    for bench in (remote, local):
        assert build(bench.settings()).exit_code == 0
    assert all(result.is_passed for result in check(remote.settings()))
    assert _answers(remote.place, *QUERIES) == _answers(local.lake, *QUERIES)
    marts = [file.relative_to(local.lake) for file in data_files(local.lake) if "marts" in file.parts]
    assert marts
    assert marts == [file.relative_to(mirror) for file in data_files(remote.mirror()) if "marts" in file.parts]


def test_a_query_reaches_nothing_of_the_store_but_tables(serve_s3: ServeS3) -> None:
    """Neither what the lake keeps for itself nor another prefix can be read, and nothing can be written."""
    bench = serve_s3(_world())
    bench.export()
    with closing(connect(bench.place)) as connection:
        for file in (f"{bench.url}/_sunlake/lake.json", f"s3://{bench.bucket}/other.parquet", "/etc/passwd"):
            with pytest.raises(QueryError, match="can read the tables of the lake and nothing else"):
                list(run(connection, f"from read_text('{file}')", root=bench.place))
        with pytest.raises(duckdb.Error):
            connection.execute(f"copy (select 1) to '{bench.url}/messages/x.parquet'")
    assert not [key for key in bench.server.keys(bench.bucket) if key.endswith("x.parquet")]


def test_a_query_that_meets_a_replaced_object_starts_again(serve_s3: ServeS3) -> None:
    """Bytes of two versions of an object never meet in one answer: what was replaced is refused, then read anew."""
    bench = serve_s3(_world())
    bench.export()
    key, data = next((key, data) for key, data in bench.get().items() if "month=2026-01" in key)
    file = f"read_parquet('s3://{bench.bucket}/{key}')"
    texts = f"select count(distinct text) from {file}"
    with closing(connect(bench.place)) as connection:
        connection.execute(f"select count(distinct message_id) from {file}")
        _rewrite(bench, key, data)
        with pytest.raises(ReplacedError), translated(bench.place):
            connection.execute(texts).fetchall()
        _rewrite(bench, key, data, row_group_size=20)
        results = [batch for result in run(connection, texts, root=bench.place) for batch in result.batches()]
    assert results == [[(pq.ParquetFile(io.BytesIO(data)).metadata.num_rows,)]]


def test_compaction_leaves_one_object_a_partition_in_place_of_the_oldest(serve_s3: ServeS3) -> None:
    """The merged object takes the key of the first; the lake shows the same before and after."""
    bench = serve_s3(_world(), commit=CommitSettings(seconds=600, pages=3), max_concurrency=1)
    bench.export()
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("talk of ben"), "count": 2})
    bench.export()
    before = bench.server.keys(bench.bucket)
    assert bench.driven("compact").code == 0
    after = bench.server.keys(bench.bucket)
    folders = [key.rpartition("/")[0] for key in after if key.endswith(".parquet")]
    assert len(folders) == len(set(folders))
    assert after.keys() < before.keys()
    assert any(after[key] != before[key] for key in after)
    bench.assert_finished()
    bench.sweep()
    bench.export()
    bench.assert_finished()


def test_repair_puts_a_damaged_object_aside_and_the_next_export_fills_the_gap(serve_s3: ServeS3) -> None:
    """The ledger is made anew from the bucket, and what can't be read is kept in quarantine."""
    bench = serve_s3(_world())
    bench.export()
    objects = bench.get()
    damaged = next(key for key in objects if "/messages/" in key)
    bench.put(objects | {damaged: objects[damaged][:-100]})
    with pytest.raises(Exception, match=f"{damaged.removeprefix('lake/')} is damaged"):
        _answers(bench.place, "select count(text) from messages")
    (Lake(bench.place).private / "ledger.db").write_text("no database")
    repaired = bench.driven("repair")
    assert repaired.code == 3, repaired
    assert "damaged" in repaired.output
    assert [key for key in bench.server.keys(bench.bucket) if key.startswith("lake/_sunlake/quarantine/")]
    bench.export()
    bench.assert_finished()


def _rewrite(bench: S3Bench, key: str, data: bytes, *, row_group_size: int = 50) -> None:
    """Write the same rows in other bytes."""
    file = io.BytesIO()
    pq.write_table(pq.ParquetFile(io.BytesIO(data)).read(), file, compression="gzip", row_group_size=row_group_size)
    bench.server.client().put_object(Bucket=bench.bucket, Key=key, Body=file.getvalue())
