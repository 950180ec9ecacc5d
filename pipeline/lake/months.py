"""Which month a row belongs to: the second partition of `messages`."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake.schema import UNKNOWN_MONTH, Table


def split_by_month(table: Table, rows: pa.Table) -> list[tuple[str, pa.Table]]:
    """The rows by month (`YYYY-MM`, UTC) of the table's partition moment, in order of month; none is lost.

    Rows without that moment come last, as month `unknown`. Rows of a single month are handed back as they are.
    """
    moments = rows[table.partition_moment].cast(pa.timestamp("ms"))  # naive UTC: no time zone database is asked
    months = pc.add(pc.multiply(pc.year(moments), 12), pc.subtract(pc.month(moments), 1))
    bounds = pc.min_max(months).as_py()
    if moments.null_count == 0 and bounds["min"] == bounds["max"] is not None:
        return [(_name(bounds["min"]), rows)]
    found = sorted(month for month in pc.unique(months).to_pylist() if month is not None)
    parts = [(_name(month), rows.filter(pc.equal(months, month))) for month in found]
    if moments.null_count:
        parts.append((UNKNOWN_MONTH, rows.filter(pc.is_null(moments))))
    return parts


def _name(month: int) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}"
