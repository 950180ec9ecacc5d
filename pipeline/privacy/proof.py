"""Proof that a rewritten file holds just what it should: every other row of the old one, to the last value.

Sums of 64-bit hashes do not depend on an order: the old rows, less those taken, with those given, must sum up to what a
fresh reading of the new file sums up to.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.lake.corruption import corruption
from pipeline.lake.tables import Table
from pipeline.suppression.redact import Redacted

MEMORY_LIMIT = "256MB"


class Proof:
    """Hashes rows. One database in memory serves for all files."""

    def __init__(self) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY_LIMIT, "threads": 2}
        self._duck = duckdb.connect(config=config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._duck.close()

    def account(self, table: Table) -> Account:
        """A new account of one file."""
        return Account(self, table)

    def of_rows(self, table: Table, rows: pa.Table) -> int:
        """The sum of the hashes of rows."""
        if not rows.num_rows:
            return 0
        self._duck.register("hashed", rows)
        try:
            return self._sum(table, "hashed")
        finally:
            self._duck.unregister("hashed")

    def of_file(self, table: Table, file: Path) -> int:
        """The sum of the hashes of a file's rows, by a reader that is not the writer's."""
        with corruption([str(file)]):
            self._duck.read_parquet(str(file)).create_view("hashed", replace=True)
            try:
                return self._sum(table, "hashed")
            finally:
                self._duck.execute("drop view if exists hashed")

    def _sum(self, table: Table, source: str) -> int:
        columns = ", ".join(f'"{name}"' for name in table.schema.names)
        ((found,),) = self._duck.execute(f"select sum(hash({columns})::hugeint) from {source}").fetchall()
        return int(found or 0)


class Account:
    """What one file should hold."""

    def __init__(self, proof: Proof, table: Table) -> None:
        self._proof = proof
        self._table = table
        self._rows = 0
        self._hash = 0

    def add(self, rows: pa.Table, result: Redacted) -> None:
        """Take up rows of the old file and what becomes of them."""
        self._rows += rows.num_rows - result.removed
        self._hash += (
            self._proof.of_rows(self._table, rows)
            - self._proof.of_rows(self._table, result.taken)
            + self._proof.of_rows(self._table, result.given)
        )

    def check(self, before: Path, after: Path) -> None:
        """Compare the new file with the account.

        Raises:
            LakeError: it differs. The message says in what, and nothing of a row.
        """
        with pq.ParquetFile(before) as old, pq.ParquetFile(after) as new:
            if not new.schema_arrow.equals(old.schema_arrow, check_metadata=True):
                raise _unproven("schema", before)
            if new.metadata.num_rows != self._rows:
                raise _unproven("number of rows", before)
        if self._proof.of_file(self._table, after) != self._hash:
            raise _unproven("content", before)


def _unproven(what: str, file: Path) -> LakeError:
    return LakeError(
        f"the {what} of {file.name} after its rewrite is not what it should be, so the old file stays; "
        "check the disk and memory of this machine, then run the command again"
    )
