from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import LakeError, QueryError, UsageError
from pipeline.lake.layout import open_lake
from pipeline.report.connection import open_warehouse
from pipeline.report.period import Period
from pipeline.report.scope import Scope, Wish, choose_scope
from tests.unit.report.warehouses import NOTHING, ONE, YEAR, write_warehouse


def choose(root: Path, wish: Wish | None = None) -> Scope:
    """The scope that a wish leads to."""
    with open_warehouse(root) as connection:
        return choose_scope(connection, wish or Wish())


def test_by_default_the_last_28_whole_days_are_covered(year_lake: Path) -> None:
    """The day of the export is left out, since it is not over; the days before can be compared with."""
    scope = choose(year_lake)
    assert scope.period == Period(date(2026, 10, 25), date(2026, 11, 21))
    assert scope.before == Period(date(2026, 9, 27), date(2026, 10, 24))
    assert (scope.apps, scope.channels, scope.zone) == (YEAR.apps, None, "Europe/Paris")


def test_both_days_that_are_given_are_included(year_lake: Path) -> None:
    """--from and --to name the first and the last day, and one of them is enough."""
    first, last = date(2026, 3, 1), date(2026, 3, 31)
    assert choose(year_lake, Wish(first=first, last=last)).period == Period(first, last)
    assert choose(year_lake, Wish(last=last)).period == Period(date(2026, 3, 4), last)
    assert choose(year_lake, Wish(first=first)).period == Period(first, date(2026, 11, 21))


def test_days_that_no_export_has_reached_are_cut(year_lake: Path) -> None:
    """A period ends with the day of the last export at the latest."""
    wish = Wish(first=date(2026, 11, 1), last=date(2027, 5, 1))
    assert choose(year_lake, wish).period.last == date(2026, 11, 22)


def test_a_period_before_the_data_is_no_basis_for_comparison(year_lake: Path) -> None:
    """Where the data do not reach back over the whole period before, no change is told."""
    assert choose(year_lake, Wish(first=date(2025, 12, 1), last=date(2025, 12, 31))).before is None


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(first=date(2026, 2, 1), last=date(2026, 1, 1)), "--from 2026-02-01 is after --to 2026-01-01"),
        (Wish(first=date(2020, 2, 1), last=date(2020, 3, 1)), "messages from 2025-11-22 to 2026-11-21"),
        (Wish(first=date(2027, 2, 1)), "messages from 2025-11-22 to 2026-11-21"),
        (Wish(apps=["nix"]), "--app: the warehouse has no app of that name; it has 5f0c1a, 7d2e9b"),
        (Wish(channels=["web", "fax"]), "--channel: the warehouse has no channel of that name; it has messenger, web"),
    ],
)
def test_a_wish_that_can_not_be_met_is_refused_with_what_there_is(year_lake: Path, wish: Wish, words: str) -> None:
    """The message says which days, apps or channels there are."""
    with pytest.raises(UsageError) as caught:
        choose(year_lake, wish)
    assert words in str(caught.value)


def test_names_in_a_message_can_not_act_on_the_terminal(tmp_path: Path) -> None:
    """A channel's name may hold escape sequences; a message shows them escaped."""
    write_warehouse(tmp_path, replace(ONE, channels=("\x1b[2Jweb",)))
    with pytest.raises(UsageError) as caught:
        choose(tmp_path, Wish(channels=["other"]))
    assert "\x1b" not in str(caught.value)


def test_an_empty_warehouse_has_days_to_report_on_all_the_same(tmp_path: Path) -> None:
    """Before the first message a report covers the last days, so that a schedule does not fail."""
    write_warehouse(tmp_path, NOTHING)
    scope = choose(tmp_path)
    assert scope.data is None
    assert scope.period.days == 28
    assert scope.before is None


def test_a_lake_without_a_warehouse_says_how_to_build_it(tmp_path: Path) -> None:
    """The message names the command."""
    open_lake(tmp_path, create=True)
    with pytest.raises(LakeError, match="no warehouse yet; run `sunlake build`"):
        choose(tmp_path)


def test_a_damaged_warehouse_says_how_to_mend_it(tmp_path: Path) -> None:
    """A file that is no database is disposable."""
    (open_lake(tmp_path, create=True).private / "warehouse.duckdb").write_text("no database")
    with pytest.raises(LakeError, match="run `sunlake build`"):
        choose(tmp_path)


def test_a_warehouse_of_another_version_says_how_to_mend_it(tmp_path: Path) -> None:
    """A table that is not there means that the models have changed since the build."""
    path = write_warehouse(tmp_path, ONE)
    with duckdb.connect(path) as connection:
        connection.execute("drop table marts.agg_channel_daily")
    with pytest.raises(QueryError, match="another version of sunlake; run `sunlake build`"):
        choose(tmp_path)


def test_nothing_can_be_written_through_the_connection(year_lake: Path, tmp_path: Path) -> None:
    """The warehouse is attached for reading, and files are out of reach."""
    with open_warehouse(year_lake) as connection:
        with pytest.raises(duckdb.Error):
            connection.execute("delete from marts.fct_turns")
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"copy (select 1) to '{tmp_path}/out.csv'")
