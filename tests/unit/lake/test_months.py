from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipeline.lake.months import split_by_month
from pipeline.lake.tables import TABLES

MESSAGES = TABLES["messages"]


def rows_at(*moments: datetime | None) -> pa.Table:
    """Messages received at these moments."""
    rows = [
        dict.fromkeys(MESSAGES.schema.names) | {"message_id": str(number), "received_at": moment}
        for number, moment in enumerate(moments)
    ]
    return pa.Table.from_pylist(rows, schema=MESSAGES.schema)


def ids(parts: list[tuple[str, pa.Table]]) -> dict[str, list[str]]:
    """The ids of the rows by month, in the order of the parts."""
    return {month: part["message_id"].to_pylist() for month, part in parts}


def test_rows_of_one_month_are_handed_back_as_they_are() -> None:
    """The common case copies nothing."""
    rows = rows_at(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 28, 23, 59, 59, 999_000, UTC))
    [(month, part)] = split_by_month(MESSAGES, rows)
    assert month == "2026-02"
    assert part is rows


def test_rows_of_several_months_are_parted_in_order() -> None:
    """Months come in order, rows keep theirs, and years are told apart."""
    rows = rows_at(
        datetime(2026, 2, 1, tzinfo=UTC),
        None,
        datetime(2025, 12, 31, 23, 59, 59, 999_000, UTC),
        datetime(2026, 2, 2, tzinfo=UTC),
        datetime(2024, 2, 29, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    )
    parts = split_by_month(MESSAGES, rows)
    assert list(ids(parts).items()) == [
        ("0001-01", ["5"]),
        ("2024-02", ["4"]),
        ("2025-12", ["2"]),
        ("2026-02", ["0", "3"]),
        ("unknown", ["1"]),
    ]
    assert all(part.schema.equals(MESSAGES.schema, check_metadata=True) for _, part in parts)


@pytest.mark.parametrize(
    ("moments", "parts"),
    [
        ((), {}),
        ((None, None), {"unknown": ["0", "1"]}),
        ((None, datetime(2026, 2, 1, tzinfo=UTC)), {"2026-02": ["1"], "unknown": ["0"]}),
    ],
)
def test_rows_without_moments_lose_nothing(moments: tuple[datetime | None, ...], parts: dict[str, list[str]]) -> None:
    """No rows give no parts; rows without a moment are one part beside the others."""
    assert ids(split_by_month(MESSAGES, rows_at(*moments))) == parts
