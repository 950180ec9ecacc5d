"""Checks of a warehouse: the headers of its models, and the files of `sql/tests`.

Models that are stored nowhere are checked by the build, while their rows are there (`unstored_checks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from pipeline.config import Settings
from pipeline.errors import LakeError
from pipeline.lake.layout import open_lake
from pipeline.warehouse.failures import translated
from pipeline.warehouse.header_checks import Check, CheckResult, check_headers, run_check
from pipeline.warehouse.meta import last_build
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models, load_models
from pipeline.warehouse.session import MEMORY_LIMIT, fill_sources, open_session
from pipeline.warehouse.snapshot import take_snapshot
from pipeline.warehouse.sources import Restricted
from pipeline.warehouse.sql_files import sql_folder
from pipeline.warehouse.stored import warehouse_file
from pipeline.warehouse.unstored_checks import read_unstored

OnCheck = Callable[[CheckResult], None]


def check(
    settings: Settings,
    *,
    memory_limit: str = MEMORY_LIMIT,
    models: Models | None = None,
    tests: Path | None = None,
    on_check: OnCheck | None = None,
    restricted: Restricted = (),
) -> list[CheckResult]:
    """Check the warehouse against what its models promise, and the lake against what the ledger says.

    Args:
        settings: the lake, the ledger, and `[warehouse]`.
        memory_limit: for DuckDB, such as "2GB".
        models: by default those that come with sunlake.
        tests: folder of checks, one query a file; by default sunlake's own.
        on_check: told of each result.
        restricted: as the warehouse was built with; the lake's list is asked in any case.

    Raises:
        LakeError: there is no lake or no warehouse, or another release of sunlake built it.
        ModelError: a model's file is wrong.
        PrivacyKeyError: somebody is restricted, and the key that tells who is missing.
    """
    lake = open_lake(settings.place, create=False)
    warehouse = warehouse_file(lake)
    if not warehouse.exists():
        raise LakeError(f"there is no warehouse in {lake.place}; make it with `sunlake build`")
    if last_build(warehouse) is None:
        raise LakeError(f"the warehouse in {lake.place} was built by another release; build it anew: `sunlake build`")
    chosen = models or load_models()
    results: list[CheckResult] = []

    def note(result: CheckResult) -> None:
        results.append(result)
        if on_check is not None:
            on_check(result)

    with (
        translated(lake.place),
        open_session(lake, warehouse, memory_limit=memory_limit, read_only=True) as connection,
    ):
        stored = _stored(connection, chosen)
        fill_sources(connection, lake, settings, take_snapshot(lake), with_walked=True, restricted=restricted)
        for result in read_unstored(connection):
            note(result)
        _show(connection, stored)
        for model in stored:
            for result in check_headers(connection, model):
                note(result)
        for path in sorted((tests or sql_folder() / "tests").glob("*.sql")):
            note(run_check(connection, _from_file(path)))
    return results


def _stored(connection: duckdb.DuckDBPyConnection, models: Models) -> list[Model]:
    """The models that the last build stored; those that failed were named by it."""
    rows = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'warehouse'"
    ).fetchall()
    there = {name for (name,) in rows}
    return [model for model in models if model.name in there]


def _show(connection: duckdb.DuckDBPyConnection, stored: Sequence[Model]) -> None:
    for model in stored:
        connection.execute(f"drop table if exists {model.name}")
        connection.execute(f"create view {model.name} as from warehouse.{model.name}")


def _from_file(path: Path) -> Check:
    sql = path.read_text("utf-8")
    promise = sql.partition("\n")[0].removeprefix("--").strip()
    return Check(path.stem, promise, sql)
