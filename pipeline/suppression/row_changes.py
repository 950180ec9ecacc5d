"""Rows of which single values change, and which of them did."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class Changes:
    """Rows with single values changed, and the numbers of the rows that were."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows
        self.numbers: set[int] = set()

    def put(self, name: str, values: dict[int, str | None]) -> None:
        """Set the values of some rows in a string column."""
        if not values:
            return
        order = sorted(values)
        mask = marks(self.rows.num_rows, order)
        column = self.rows[name].combine_chunks()
        replaced = pc.replace_with_mask(column, mask, pa.array([values[number] for number in order], column.type))
        self._set(name, replaced)
        self.numbers.update(order)

    def null(self, name: str, mask: pa.ChunkedArray) -> None:
        """Null the values of the rows in the mask."""
        column = self.rows[name]
        hit = pc.and_(mask, pc.is_valid(column))
        if pc.any(hit).as_py():
            self._set(name, pc.if_else(hit, pa.scalar(None, column.type), column))
            self.numbers.update(pc.indices_nonzero(hit).to_pylist())

    def _set(self, name: str, column: pa.ChunkedArray | pa.Array) -> None:
        index = self.rows.schema.get_field_index(name)
        self.rows = self.rows.set_column(index, self.rows.schema.field(index), column)


def marks(count: int, numbers: list[int]) -> pa.Array:
    """A mask of so many rows that is true at the numbers."""
    return pc.is_in(pa.array(range(count), pa.int64()), value_set=pa.array(numbers, pa.int64()))
