"""Checks: queries that return failing rows. Those of the models' headers, and the files of `sql/tests`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from pipeline.config import Settings
from pipeline.errors import LakeError
from pipeline.lake.layout import open_lake
from pipeline.warehouse.failures import translated
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models, load_models
from pipeline.warehouse.passes import ROWS_PER_PASS, compute_all
from pipeline.warehouse.session import MEMORY_LIMIT, compute_before, fill_sources, open_session
from pipeline.warehouse.snapshot import take_snapshot
from pipeline.warehouse.sources import Restricted
from pipeline.warehouse.sql_files import sql_folder
from pipeline.warehouse.stored import warehouse_file
from pipeline.warehouse.tally import Tally

SAMPLE_ROWS: Final = 5
# Ids of people are not printed, wherever a key holds one.
MASKED_COLUMNS: Final = ("user_key", "user_id")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found. `sample` holds the first failing rows: keys and figures, never who or what was said."""

    name: str
    promise: str
    failing: int
    columns: Sequence[str] = ()
    sample: Sequence[tuple[Any, ...]] = ()
    error: str | None = None

    @property
    def is_passed(self) -> bool:
        """Whether it ran and found nothing."""
        return self.failing == 0 and self.error is None


OnCheck = Callable[[CheckResult], None]


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    promise: str
    sql: str


def check(
    settings: Settings,
    *,
    quick: bool = False,
    memory_limit: str = MEMORY_LIMIT,
    rows_per_pass: int = ROWS_PER_PASS,
    models: Models | None = None,
    tests: Path | None = None,
    on_check: OnCheck | None = None,
    restricted: Restricted = (),
) -> list[CheckResult]:
    """Check the warehouse against what its models promise, and the lake against what the ledger says.

    Args:
        settings: the lake, the ledger, and `[warehouse]`.
        quick: leave out the models that are not stored, which have to be computed for it.
        memory_limit: for DuckDB, such as "2GB".
        rows_per_pass: how many messages are computed at a time.
        models: by default those that come with sunlake.
        tests: folder of checks, one query a file; by default sunlake's own.
        on_check: told of each result.
        restricted: as the warehouse was built with; the lake's list is asked in any case.

    Raises:
        LakeError: there is no lake or no warehouse.
        ModelError: a model's file is wrong.
        PrivacyKeyError: somebody is restricted, and the key that tells who is missing.
    """
    lake = open_lake(settings.place, create=False)
    warehouse = warehouse_file(lake)
    if not warehouse.exists():
        raise LakeError(f"there is no warehouse in {lake.place}; make it with `sunlake build`")
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
        if not quick:
            for result in _check_unstored(connection, chosen, rows_per_pass):
                note(result)
        _show(connection, stored)
        for model in stored:
            for entry in _header_checks(model):
                note(_run(connection, entry))
        for path in sorted((tests or sql_folder() / "tests").glob("*.sql")):
            note(_run(connection, _from_file(path)))
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


def _check_unstored(connection: duckdb.DuckDBPyConnection, models: Models, rows_per_pass: int) -> Iterator[CheckResult]:
    """Compute the models that are stored nowhere, pass by pass, and check their rows while they are there."""
    unstored = {model.name for model in models.conversation if not model.is_stored}
    needed = models.needs(unstored) | {model.name for model in models.before}
    tally = Tally(models, wanted=set(), needed=needed)
    found: dict[str, CheckResult] = {}

    def visit(connection: duckdb.DuckDBPyConnection, model: Model, _number: int) -> None:
        for entry in _header_checks(model) if model.name in unstored else ():
            result = _run(connection, entry)
            earlier = found.get(entry.name)
            found[entry.name] = result if earlier is None else _joined(earlier, result)

    compute_before(connection, tally)
    compute_all(connection, tally, visit, rows_per_pass=rows_per_pass)
    yield from found.values()
    for broken in tally.broken:
        yield CheckResult(broken.name, "the model can be computed", 0, error=broken.message)


def _joined(one: CheckResult, other: CheckResult) -> CheckResult:
    sample = [*one.sample, *other.sample][:SAMPLE_ROWS]
    columns = one.columns or other.columns
    return CheckResult(one.name, one.promise, one.failing + other.failing, columns, sample, one.error or other.error)


def _header_checks(model: Model) -> Iterator[_Check]:
    key = ", ".join(model.key)
    yield _Check(
        f"{model.table}: key",
        f"{key} is unique",
        f"select {key}, count(*) as n from {model.name} group by all having count(*) > 1",
    )
    for name in dict.fromkeys((*model.key, *model.not_null)):
        yield _Check(
            f"{model.table}: {name}", f"{name} is not null", f"select {key} from {model.name} where {name} is null"
        )
    for expression in model.checks:
        yield _Check(
            f"{model.table}: {expression}", expression, f"select {key} from {model.name} where not ({expression})"
        )


def _from_file(path: Path) -> _Check:
    sql = path.read_text("utf-8")
    promise = sql.partition("\n")[0].removeprefix("--").strip()
    return _Check(path.stem, promise, sql)


def _run(connection: duckdb.DuckDBPyConnection, entry: _Check) -> CheckResult:
    try:
        connection.execute(f"create or replace temp table failing as {entry.sql}")
        columns = [row[0] for row in connection.execute("describe failing").fetchall()]
        shown = ", ".join("'***' as " + name if name in MASKED_COLUMNS else f'"{name}"' for name in columns)
        sample = connection.execute(f"select {shown} from failing order by all limit {SAMPLE_ROWS}").fetchall()
        (failing,) = connection.execute("select count(*) from failing").fetchone() or (0,)
    except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        return CheckResult(entry.name, entry.promise, 0, error=str(error))
    return CheckResult(entry.name, entry.promise, int(failing), columns, sample)
