"""Checks that stand in a model's header, in one look at its rows; only for those that fail are rows looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from pipeline.warehouse.model import Model

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


@dataclass(frozen=True, slots=True)
class Check:
    """A query that returns failing rows, and what it proves when there are none."""

    name: str
    promise: str
    sql: str


def check_headers(connection: duckdb.DuckDBPyConnection, model: Model) -> list[CheckResult]:
    """Check the rows in the table or view of a model's name: keys, `not null` and `check` lines, in this order.

    Raises:
        duckdb.OutOfMemoryException, duckdb.IOException: not the checks' fault.
    """
    checks = list(_checks(model))
    try:
        are_kept = _look(connection, model)
    except duckdb.Error:
        # One of the expressions is wrong: each is tried by itself, which tells it.
        are_kept = [False] * len(checks)
    return [
        CheckResult(check.name, check.promise, 0) if is_kept else run_check(connection, check)
        for check, is_kept in zip(checks, are_kept, strict=True)
    ]


def run_check(connection: duckdb.DuckDBPyConnection, check: Check) -> CheckResult:
    """Run one check by itself.

    Raises:
        duckdb.OutOfMemoryException, duckdb.IOException: not the check's fault.
    """
    try:
        connection.execute(f"create or replace temp table failing as {check.sql}")
        columns = [row[0] for row in connection.execute("describe failing").fetchall()]
        shown = ", ".join("'***' as " + name if name in MASKED_COLUMNS else f'"{name}"' for name in columns)
        sample = connection.execute(f"select {shown} from failing order by all limit {SAMPLE_ROWS}").fetchall()
        (failing,) = connection.execute("select count(*) from failing").fetchone() or (0,)
    except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        return CheckResult(check.name, check.promise, 0, error=str(error))
    return CheckResult(check.name, check.promise, int(failing), columns, sample)


def joined(one: CheckResult, other: CheckResult) -> CheckResult:
    """The results of one check over two parts of a model's rows, as that over both."""
    sample = [*one.sample, *other.sample][:SAMPLE_ROWS]
    columns = one.columns or other.columns
    return CheckResult(one.name, one.promise, one.failing + other.failing, columns, sample, one.error or other.error)


def _checks(model: Model) -> Iterator[Check]:
    key, rows = ", ".join(model.key), model.name
    yield Check(
        f"{model.table}: key",
        f"{key} is unique",
        f"select {key}, count(*) as n from {rows} group by all having count(*) > 1",
    )
    for name in _never_null(model):
        yield Check(f"{model.table}: {name}", f"{name} is not null", f"select {key} from {rows} where {name} is null")
    for expression in model.checks:
        yield Check(f"{model.table}: {expression}", expression, f"select {key} from {rows} where not ({expression})")


def _look(connection: duckdb.DuckDBPyConnection, model: Model) -> list[bool]:
    """For each check, in order, whether no row fails; one that does not know whether its key is unique says no."""
    # Rows of equal keys have equal hashes: as many hashes as rows prove a key, and hashes are quicker to count.
    kept = [f"count(distinct hash({', '.join(model.key)})) = count(*)"]
    kept += [f"count(*) = count({name})" for name in _never_null(model)]
    kept += [f"count(*) filter (where not ({expression})) = 0" for expression in model.checks]
    return list(connection.execute(f"select {', '.join(kept)} from {model.name}").fetchone() or ())


def _never_null(model: Model) -> list[str]:
    return list(dict.fromkeys((*model.key, *model.not_null)))
