"""What the tests of the report share: a warehouse of a year, and the report on its last days."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.report import Report, make_report
from tests.unit.report.warehouses import write_warehouse


@pytest.fixture(scope="session")
def year_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a warehouse of a year; tests only read it."""
    root = tmp_path_factory.mktemp("year")
    write_warehouse(root)
    return root


@pytest.fixture(scope="session")
def year_report(year_lake: Path) -> Report:
    """The report on the last 28 days of that year."""
    return make_report(year_lake)
