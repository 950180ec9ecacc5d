"""Proof that a rewritten file holds just what it should: every other row of the old one, to the last value.

Row groups of which nothing was taken are compared byte by byte. For the others, sums of 64-bit hashes do not depend on
an order: the old rows, less those taken, with those given, must sum up to what a fresh reading of the new ones does.
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
from pipeline.privacy.rewrite.splice import same_bytes
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

    def rows_of(self, file: Path) -> int:
        """How many rows a file has, by a reader that had no part in its writing."""
        with corruption([str(file)]):
            ((found,),) = self._duck.read_parquet(str(file)).count("*").fetchall()
        return int(found)

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

    def check(self, before: Path, after: Path, origins: list[int]) -> None:
        """Compare the new file with the account.

        Args:
            before: the old file.
            after: the new one.
            origins: for each row group of the new file its number in the old one; -1 if it was written anew.

        Raises:
            LakeError: it differs. The message says in what, and nothing of a row.
        """
        kept = 0
        found = 0
        with pq.ParquetFile(before) as old, pq.ParquetFile(after, page_checksum_verification=True) as new:
            if not new.schema_arrow.equals(old.schema_arrow, check_metadata=True):
                raise _unproven("schema", before)
            for place, number in enumerate(origins):
                if number >= 0:
                    kept += old.metadata.row_group(number).num_rows
                else:
                    found += self._proof.of_rows(self._table, new.read_row_group(place))
            if new.metadata.num_rows != self._rows + kept or self._proof.rows_of(after) != self._rows + kept:
                raise _unproven("number of rows", before)
        if found != self._hash or not same_bytes(before, after, origins):
            raise _unproven("content", before)


def _unproven(what: str, file: Path) -> LakeError:
    return LakeError(
        f"the {what} of {file.name} after its rewrite is not what it should be, so the old file stays; "
        "check the disk and memory of this machine, then run the command again"
    )
