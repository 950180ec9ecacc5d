"""Every form in which requests may come, through `sunlake erase plan` as a process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench
from tests.integration.erasure_town import COLUMNS, request_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import SmallWorld, oid

FORMS = ("csv", "jsonl", "ndjson", "parquet", "sql")
CANARY = "canary-77@people.example"
Rows = Sequence[dict[str, str]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[EraseBench]:
    """An exported lake of two people."""
    folder = tmp_path_factory.mktemp("inputs")
    world = SmallWorld("inputs").user("ann", externalId="crm-ann").user("bob").conversation("talk", ["ann"])
    with Sandbox(world.write(folder)) as server:
        bench = EraseBench(server, folder / "bench", launcher=launcher)
        bench.export()
        yield bench


@pytest.fixture(scope="module")
def plan_id(bench: EraseBench) -> str:
    """The plan of the requests as CSV."""
    said = bench.sunlake("erase", "plan", str(bench.requests(_rows())), "--offline", "--json").output
    return str(json.loads(said)["plan_id"])


@pytest.mark.parametrize("form", FORMS)
def test_requests_are_read_from(bench: EraseBench, plan_id: str, form: str) -> None:
    """Each form gives the same plan, id and all."""
    said = json.loads(
        bench.sunlake("erase", "plan", _source(bench.folder, form, _rows()), "--offline", "--json").output
    )
    assert said["confirmation"] == "ERASE-2"
    assert said["plan_id"] == plan_id


@pytest.mark.parametrize(
    ("form", "place"),
    [("csv", "line 3"), ("jsonl", "line 2"), ("ndjson", "line 2"), ("parquet", "row 2"), ("sql", "row 2")],
)
def test_a_wrong_row_is_named_by_its_place_and_never_by_its_value(bench: EraseBench, form: str, place: str) -> None:
    """Lines of a text count from its first, header included; rows of a table count from 1. Nothing is stored."""
    rows = _rows()
    rows[1] |= {"email": CANARY}
    before = sorted(bench.privacy.glob("batches/*"))
    ended = bench.sunlake("erase", "plan", _source(bench.folder, form, rows), "--offline", code=2)
    assert f"{place}: exactly one of" in ended.errors
    assert "1 wrong row" in ended.errors
    assert not any(value in ended.errors + ended.output for value in ("canary", "crm-ann", oid("ann")))
    assert sorted(bench.privacy.glob("batches/*")) == before


def test_a_query_that_fails_shows_neither_its_text_nor_its_data(bench: EraseBench) -> None:
    """An error of DuckDB may quote both."""
    query = f"select cast('{CANARY}' as integer) as request_ref"
    ended = bench.sunlake("erase", "plan", query, "--offline", code=2)
    assert "requests query" in ended.errors
    assert "canary" not in ended.errors + ended.output


def _rows() -> list[dict[str, str]]:
    rows = request_rows(["ann", "bob"])
    rows[0] |= {"user_id": oid("ann"), "external_id": "", "email": ""}
    rows[1] |= {"user_id": oid("bob"), "external_id": "", "email": ""}
    return rows


def _source(folder: Path, form: str, rows: Rows) -> str:
    """The rows in a form, as the argument of the command."""
    file = folder / f"given.{'parquet' if form == 'sql' else form}"
    if form in {"jsonl", "ndjson"}:
        file.write_text(
            "".join(json.dumps({name: value for name, value in row.items() if value}) + "\n" for row in rows)
        )
        return str(file)
    with duckdb.connect() as connection:
        values = ", ".join("(" + ", ".join(f"nullif('{row[name]}', '')" for name in COLUMNS) + ")" for row in rows)
        names = ", ".join(COLUMNS)
        connection.execute(f"create table given as select * from (values {values}) as given({names})")
        kind = "csv, header" if form == "csv" else "parquet"
        connection.execute(f"copy given to '{file}' (format {kind})")
    return f"select * from '{file}'" if form == "sql" else str(file)
