from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.warehouse import mart_files
from pipeline.warehouse.mart_files import Part, bundles, plan_files

FIRST = date(2026, 1, 28)
DAYS = st.one_of(st.none(), st.integers(0, 40).map(lambda day: FIRST + timedelta(days=day)))
ROWS = st.dictionaries(DAYS, st.integers(1, 9), max_size=20)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A month has a file for each day as soon as it has more than 20 rows."""
    monkeypatch.setattr(mart_files, "SPLIT_ROWS", 20)


def _files(then: dict[date | None, int], now: dict[date | None, int]) -> dict[str, Counter[date | None]]:
    """The rows in each file after writing all of one state, and then only what changed."""
    files: dict[str, Counter[date | None]] = {}
    plan = plan_files("fct_a", then, changed=None, was_split=())
    changed = [day for day in then.keys() | now.keys() if then.get(day) != now.get(day)]
    for each, rows in ((plan, then), (plan_files("fct_a", now, changed=changed, was_split=plan.split), now)):
        files = {name: held for name, held in files.items() if not name.startswith(tuple(each.replaced))}
        for part in each.parts:
            files[part.name] = Counter({day: rows[day] for day in part.days})
            assert files[part.name].total() == part.rows
    return files


@given(then=ROWS, now=ROWS)
def test_writing_what_changed_leaves_the_files_of_writing_all(
    then: dict[date | None, int], now: dict[date | None, int]
) -> None:
    """Whatever rows come and go, the files are those of a full build, even where a month gets or loses files by day."""
    assert _files(then, now) == _files({}, now) == _files(now, now)


def test_only_the_days_that_changed_are_written_of_a_large_month() -> None:
    """Of a month with a file for each day, a change touches the file of its own day."""
    rows: dict[date | None, int] = {date(2026, 3, day): 5 for day in range(1, 8)}
    plan = plan_files("fct_a", rows, changed=[date(2026, 3, 2)], was_split=["2026-03"])
    assert [part.name for part in plan.parts] == ["month=2026-03/fct_a-2026-03-02.parquet"]
    assert plan.replaced == ["month=2026-03/fct_a-2026-03-02.parquet"]


def test_a_month_that_grew_large_is_written_whole() -> None:
    """A month that had one file so far gets those of all its days, and loses the one."""
    rows: dict[date | None, int] = {date(2026, 3, day): 5 for day in range(1, 8)}
    plan = plan_files("fct_a", rows, changed=[date(2026, 3, 2)], was_split=[])
    assert len(plan.parts) == len(rows)
    assert plan.replaced == ["month=2026-03/"]


def test_bundles_hold_no_more_rows_than_asked_for() -> None:
    """Parts go together as long as they fit; a larger one goes alone."""
    parts = [Part(str(number), (), rows) for number, rows in enumerate((3, 4, 2, 20, 1))]
    assert [[part.rows for part in bundle] for bundle in bundles(parts, rows=8)] == [[3, 4], [2], [20], [1]]
