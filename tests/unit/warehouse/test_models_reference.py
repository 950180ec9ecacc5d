"""The models against a second computation of the same metrics in plain Python, over made-up histories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.comparison import differences
from tests.sql.over_histories import over_histories
from tests.sql.reference.history import History
from tests.sql.reference.marts import Reference, known_marts
from tests.sql.reference.written_settings import read_settings
from tests.sql.warehouse import Warehouse

pytestmark = pytest.mark.slow

# Names that a model gives as it likes.
_FREE = {"fct_sla": {"pair_id"}}


@over_histories(36)
def test_models_agree_with_the_reference(tables: dict[str, list[dict[str, Any]]], written: dict[str, Any]) -> None:
    """Every mart has just the rows that the reference works out, in every column."""
    reference = Reference(History(tables, read_settings(written)))
    warehouse = Warehouse(tables, written).run()
    try:
        found = [line for mart in known_marts() for line in _disagreements(warehouse, reference, mart)]
    finally:
        warehouse.close()
    assert not found, "\n".join(found)


def _disagreements(warehouse: Warehouse, reference: Reference, mart: str) -> list[str]:
    expected = reference.rows(mart)
    columns = [name for name in warehouse.columns(warehouse.relation(mart)) if name not in _FREE.get(mart, ())]
    known = {name for row in expected[:1] for name in row} or set(columns)
    assert mart.startswith("int_") or known >= set(columns), f"the reference does not know {set(columns) - known}"
    columns = [name for name in columns if name in known]
    lines = differences(expected, warehouse.rows(mart), columns)
    return [f"{mart} (+ as the model has it, - as the reference has it)", *lines] if lines else []
