from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.config import Settings
from pipeline.errors import CorruptLakeError, LakeError, LockedError
from pipeline.lake.layout import open_lake
from pipeline.lake.lock import writer_lock
from pipeline.warehouse.build import BuildSummary, build
from pipeline.warehouse.models import load_models
from tests.unit.warehouse.lakes import LakeFiles, at, message
from tests.unit.warehouse.model_folders import MODELS, write_models


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """A lake of three conversations on three days."""
    files = LakeFiles(tmp_path / "lake")
    for number in range(3):
        day = number * 86_400
        rows = [
            message(f"m{number}{index}", received_at=at(day + index), conversation=f"c{number}") for index in range(2)
        ]
        files.add("messages", *rows)
    return files


def _build(lake: LakeFiles, files: Mapping[str, str] = MODELS, **options: Any) -> BuildSummary:
    folder = Path(tempfile.mkdtemp(prefix="models", dir=lake.root.parent))
    models = load_models(write_models(folder, files))
    return build(Settings(lake=str(lake.root)), models=models, **options)


def _rows(lake: LakeFiles, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lake.root / "_sunlake" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _marts(lake: LakeFiles) -> dict[str, bytes]:
    root = lake.root / "marts"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}


def test_a_build_leaves_warehouse_and_marts(lake: LakeFiles) -> None:
    """The first build computes everything, and leaves tables with comments, Parquet by month, and its own record."""
    summary = _build(lake)
    assert (summary.exit_code, summary.conversations, summary.why_full) == (0, 3, "there is no warehouse yet")
    assert _rows(lake, "from marts.agg_total") == [(6,)]
    assert list(_marts(lake)) == [
        "agg_days/month=2026-03/agg_days.parquet",
        "agg_total/agg_total.parquet",
        "fct_talks/month=2026-03/fct_talks.parquet",
    ]
    assert _rows(lake, "select comment from duckdb_tables() where table_name = 'agg_days'") == [
        ("One row per day. Counts messages by day.",)
    ]
    assert _rows(lake, "select comment from duckdb_columns() where table_name = 'agg_total'") == [("Messages.",)]
    assert _rows(lake, "select is_full, is_whole, rebuilt_at is not null from meta.build") == [(True, True, True)]
    assert not (lake.root / "_sunlake" / "build").exists()


def test_passes_do_not_change_the_result(lake: LakeFiles) -> None:
    """However few messages a pass may have, the marts are the same bytes."""
    _build(lake)
    whole = _marts(lake)
    _build(lake, full=True, rows_per_pass=1)
    assert _marts(lake) == whole


def test_a_second_build_computes_what_changed(lake: LakeFiles) -> None:
    """Only the touched conversation is computed, the days it is on change, and a full build gives the same bytes."""
    _build(lake)
    lake.add("messages", message("m02", received_at=at(40), conversation="c0", exported=9))
    told = []
    summary = _build(lake, on_model=lambda tally, place: told.append((tally.name, tally.rows)))
    assert (summary.conversations, summary.why_full) == (1, None)
    assert told == [("staging.stg_messages", 3), ("marts.fct_talks", 1), ("marts.agg_days", 1), ("marts.agg_total", 1)]
    assert _rows(lake, "select n from marts.agg_days order by local_date") == [(3,), (2,), (2,)]
    incremental = _marts(lake)
    _build(lake, full=True)
    assert _marts(lake) == incremental


def test_nothing_new_computes_no_conversation(lake: LakeFiles) -> None:
    """A build over an unchanged lake leaves the same marts and computes no conversation."""
    _build(lake)
    before = _marts(lake)
    assert _build(lake).conversations == 0
    assert _marts(lake) == before


def test_a_merged_file_touches_nothing(lake: LakeFiles) -> None:
    """Compaction replaces files without changing what is true, so no conversation is computed for it."""
    _build(lake)
    rows = [message(f"m{number}{index}", received_at=at(number * 86_400 + index), conversation=f"c{number}")
            for number in range(3) for index in range(2)]  # fmt: skip
    for path in (lake.root / "messages").rglob("*.parquet"):
        path.unlink()
    lake.add("messages", *rows)
    assert _build(lake).conversations == 0


def test_a_lost_row_is_noticed(lake: LakeFiles) -> None:
    """Rows that an erasure took out of a file are gone from the marts after the next build, and so is an empty day."""
    _build(lake)
    sorted((lake.root / "messages").rglob("*.parquet"))[2].unlink()
    assert _build(lake).conversations == 1
    assert _rows(lake, "select n from marts.agg_days order by local_date") == [(2,), (2,)]
    assert _rows(lake, "from marts.agg_total") == [(4,)]


def test_an_emptied_month_loses_its_file(lake: LakeFiles) -> None:
    """A month of a mart that has no row any more has no file either."""
    _build(lake)
    for path in (lake.root / "messages").rglob("*.parquet"):
        path.unlink()
    _build(lake)
    assert list(_marts(lake)) == ["agg_total/agg_total.parquet"]


def test_a_tombstone_touches_its_conversation(lake: LakeFiles) -> None:
    """A tombstone for a conversation or a message has its conversation computed again."""
    _build(lake)
    lake.bury("conversation", "c1", seen_at=50)
    assert _build(lake).conversations == 1
    lake.bury("message", "m20", seen_at=50)
    assert _build(lake).conversations == 1


def test_a_failed_model_stops_only_what_depends_on_it(lake: LakeFiles) -> None:
    """A failing model and those that read it are left out and named; the rest is built; the next build is full."""
    _build(lake)
    broken = MODELS | {"marts/agg_days.sql": MODELS["marts/agg_days.sql"].replace("sum(n)", "sum('x'::int)")}
    summary = _build(lake, broken)
    outcomes = {tally.name: tally.outcome for tally in summary.models}
    assert summary.exit_code == 3
    assert outcomes == {
        "staging.stg_messages": "built",
        "marts.fct_talks": "built",
        "marts.agg_days": "failed",
        "marts.agg_total": "skipped",
    }
    message = next(tally.message for tally in summary.models if tally.outcome == "failed")
    assert message is not None
    assert "agg_days.sql:" in message
    assert _rows(lake, "select table_name from duckdb_tables() where schema_name = 'marts'") == [("fct_talks",)]
    assert _build(lake).why_full == "the last build left models out"


def test_a_selected_model_is_built_alone(lake: LakeFiles) -> None:
    """Only what is selected is stored anew, and the next build, which can't go on from it, computes everything."""
    _build(lake)
    lake.add("messages", message("m02", received_at=at(40), conversation="c0", exported=9))
    summary = _build(lake, select=["fct_talks"])
    assert {tally.name: tally.outcome for tally in summary.models} == {
        "staging.stg_messages": "built",
        "marts.fct_talks": "built",
        "marts.agg_days": "kept",
        "marts.agg_total": "kept",
    }
    assert _rows(lake, "select sum(n) from marts.fct_talks") == [(7,)]
    assert _rows(lake, "from marts.agg_total") == [(6,)]
    _build(lake, select=["agg_days+"])
    assert _rows(lake, "from marts.agg_total") == [(7,)]
    assert _build(lake).why_full == "the last build left models out"


def test_a_changed_model_computes_everything(lake: LakeFiles) -> None:
    """What was computed by another SELECT is not mixed with what is computed by this one."""
    _build(lake)
    changed = MODELS | {"marts/fct_talks.sql": MODELS["marts/fct_talks.sql"].replace("count(*)", "count(*) + 1")}
    assert _build(lake, changed).why_full == "a model or DuckDB changed"
    assert _rows(lake, "from marts.agg_total") == [(9,)]


def test_a_reader_of_the_old_warehouse_goes_on(lake: LakeFiles) -> None:
    """Who has the old warehouse open reads it to the end, while the new one takes its place."""
    _build(lake)
    with duckdb.connect(str(lake.root / "_sunlake" / "warehouse.duckdb"), read_only=True) as reader:
        lake.add("messages", message("m02", received_at=at(40), conversation="c0", exported=9))
        _build(lake)
        assert reader.execute("from marts.agg_total").fetchall() == [(6,)]
    assert _rows(lake, "from marts.agg_total") == [(7,)]


def test_a_damaged_warehouse_is_replaced(lake: LakeFiles) -> None:
    """The warehouse is disposable: what can't be read is made anew."""
    _build(lake)
    (lake.root / "_sunlake" / "warehouse.duckdb").write_bytes(b"torn")
    assert _build(lake).why_full == "there is no warehouse yet"


def test_an_empty_lake_gives_an_empty_warehouse(tmp_path: Path) -> None:
    """A lake without a row can be built, and the marts are there, empty."""
    lake = LakeFiles(tmp_path / "lake")
    assert _build(lake).exit_code == 0
    assert _rows(lake, "from marts.agg_days") == []


def test_wrong_places_and_times_are_named(lake: LakeFiles, tmp_path: Path) -> None:
    """No lake, a damaged file, and a second build at the same time each give an error that says what to do."""
    with pytest.raises(LakeError, match="there is no lake"):
        build(Settings(lake=str(tmp_path / "nothing")))
    with (
        writer_lock(open_lake(lake.root, create=False), "warehouse", what="build"),
        pytest.raises(LockedError, match="sunlake build"),
    ):
        _build(lake)
    lake.add("messages", message("m9")).write_bytes(b"PAR1 torn PAR1")
    with pytest.raises(CorruptLakeError, match="messages/"):
        _build(lake)
