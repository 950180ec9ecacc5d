"""Checks of the models that are stored nowhere: made by the build while their rows are there, kept in `meta.checks`.

A build that goes on from the last one checks only the conversations that it computes. So it goes on only from one whose
checks all passed; then what it finds is all that there is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import duckdb
import pyarrow as pa

from pipeline.warehouse.header_checks import CheckResult, check_headers, joined
from pipeline.warehouse.model import Model


class UnstoredChecks:
    """What a build found in the rows of models that it does not store.

    Args:
        checked: names of the models that the build computes, and so checks.
    """

    def __init__(self, checked: Collection[str]) -> None:
        self._checked = checked
        self._found: dict[str, CheckResult] = {}

    def visit(self, connection: duckdb.DuckDBPyConnection, model: Model) -> None:
        """Check the rows of a model that are there now; what is found adds to earlier passes.

        Not those of a model that is stored, or that one which the same build checks proves.
        """
        if model.is_stored or model.proven_by in self._checked:
            return
        for result in check_headers(connection, model):
            earlier = self._found.get(result.name)
            self._found[result.name] = result if earlier is None else joined(earlier, result)

    @property
    def failed(self) -> list[CheckResult]:
        """Those that found rows, or could not be made."""
        return [result for result in self._found.values() if not result.is_passed]

    def write(self, connection: duckdb.DuckDBPyConnection, *, is_full: bool) -> None:
        """Keep the results in the warehouse: in place of all that are there, or only of those of the same names."""
        kept = {} if is_full else {result.name: result for result in read_unstored(connection)}
        results = list((kept | self._found).values())
        connection.register("found_checks", _table(results))
        connection.execute("create or replace table warehouse.meta.checks as from found_checks")
        connection.unregister("found_checks")


def read_unstored(connection: duckdb.DuckDBPyConnection) -> list[CheckResult]:
    """What the build of the attached warehouse found."""
    rows = connection.execute("""
        select name, promise, failing, found, error from warehouse.meta.checks order by number
    """).fetchall()
    return [
        CheckResult(name, promise, failing, *_from_json(found), error) for name, promise, failing, found, error in rows
    ]


def _table(results: Sequence[CheckResult]) -> pa.Table:
    return pa.table(
        {
            "number": pa.array(range(len(results)), pa.int32()),
            "name": pa.array([result.name for result in results], pa.string()),
            "promise": pa.array([result.promise for result in results], pa.string()),
            "failing": pa.array([result.failing for result in results], pa.int64()),
            "found": pa.array(map(_to_json, results), pa.string()),
            "error": pa.array([result.error for result in results], pa.string()),
        }
    )


def _to_json(result: CheckResult) -> str:
    return json.dumps([list(result.columns), [list(row) for row in result.sample]], default=str)


def _from_json(found: str) -> tuple[list[str], list[tuple[object, ...]]]:
    columns, sample = json.loads(found)
    return columns, [tuple(row) for row in sample]
