from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.report.figure import Figure
from pipeline.report.report import Report, make_report
from pipeline.report.scope import Wish
from tests.unit.report.warehouses import NOTHING, ONE, YEAR, write_warehouse


def figures(report: Report) -> dict[str, Figure]:
    """The figures of a report by the names of their tables."""
    return {figure.table.name: figure for section in report.sections for figure in section.figures}


def test_every_figure_of_a_full_warehouse_has_numbers_and_a_definition(year_report: Report) -> None:
    """Nothing is empty where there are data, and every chart says its n."""
    for name, figure in figures(year_report).items():
        assert figure.empty is None, name
        assert figure.table, name
        assert figure.definition.endswith("."), name
        assert figure.chart is None or any("n " in fact for fact in figure.facts), name


def test_every_figure_of_an_empty_warehouse_says_why_it_is_empty(tmp_path: Path) -> None:
    """Where there is nothing to show, a sentence says so, and what to do where something can be done."""
    write_warehouse(tmp_path, NOTHING)
    found = figures(make_report(tmp_path))
    assert all(figure.empty for figure in found.values())
    assert "[[warehouse.sla]]" in str(found["sla"].empty)
    assert "webhook" in str(found["deliveries"].empty)


def test_a_single_conversation_makes_a_report(tmp_path: Path) -> None:
    """One session with a bot is enough for charts, and missing business hours are told."""
    write_warehouse(tmp_path, ONE)
    found = figures(make_report(tmp_path))
    assert found["first_reply_bot"].chart is not None
    assert found["first_reply_human"].empty
    assert "[[warehouse.schedules]]" in found["response_times"].definition


def test_the_top_says_how_much_is_covered_and_until_when(year_report: Report) -> None:
    """Coverage, freshness and what rates are of stand in one sentence."""
    sentence = year_report.coverage_sentence.replace("\N{NO-BREAK SPACE}", " ")
    expected = "of known conversations, up to 2026-11-22 02:10 UTC; rates are of exported conversations only."
    assert sentence.startswith("Covers 99.")
    assert sentence.endswith(expected)


def test_an_app_that_was_never_read_to_its_end_is_told(tmp_path: Path) -> None:
    """Without a moment up to which all was read, the sentence says that messages may be missing."""
    path = write_warehouse(tmp_path, replace(YEAR, first=date(2026, 11, 15)))
    with duckdb.connect(path) as connection:
        connection.execute("update marts.dim_coverage set as_of = null where app_id = '7d2e9b'")
    assert "newer messages may be missing" in make_report(tmp_path).coverage_sentence
    assert "newer messages may be missing" not in make_report(tmp_path, Wish(apps=["5f0c1a"])).coverage_sentence


def test_a_last_day_that_was_not_over_is_told(tmp_path: Path) -> None:
    """The day of the export may be asked for, and is marked as unfinished."""
    write_warehouse(tmp_path, replace(YEAR, first=date(2026, 11, 15)))
    assert "not over at the export" in make_report(tmp_path, Wish(last=date(2026, 11, 22))).freshness_sentence
    assert "not over" not in make_report(tmp_path).freshness_sentence


def test_key_figures_are_compared_with_the_period_before(year_lake: Path, year_report: Report) -> None:
    """The numbers before are those that a report on the days before gives."""
    before = year_report.scope.before
    assert before is not None
    earlier = make_report(year_lake, Wish(before.first, before.last))
    shown = {figure.label: figure.before for figure in year_report.key_figures}
    assert shown == {figure.label: figure.value for figure in earlier.key_figures}


def test_faster_is_better_and_more_is_not_judged(year_report: Report) -> None:
    """Times, backlog and targets get a verdict; volumes and bots' shares do not."""
    judged = {figure.label for figure in year_report.key_figures if figure.verdict}
    assert judged <= {
        "First reply by a human, median",
        "Wait for a human, median",
        "Waiting for a human at the end",
        "Targets met",
    }
    for figure in year_report.key_figures:
        if "slower" in figure.change:
            assert figure.verdict == "worse"


def test_totals_of_figures_agree_with_the_marts(year_lake: Path, year_report: Report) -> None:
    """Messages, sessions and users of the page are those that SQL over the marts gives."""
    period = year_report.scope.period
    with duckdb.connect(year_lake / "_sunlake/warehouse.duckdb", read_only=True) as connection:
        counts = connection.execute(
            """
            select
                (select sum(n_in) from marts.agg_channel_daily where local_date between $first and $last),
                (select count(*) from marts.fct_sessions where local_date between $first and $last),
                (
                    select count(distinct (app_id, user_key)) from intermediate.int_conversation_hours
                    where class = 'user' and local_date between $first and $last
                )
            """,
            {"first": period.first, "last": period.last},
        ).fetchone()
    assert counts is not None
    messages, sessions, users = counts
    found = figures(year_report)
    assert sum(record["n_in"] for record in found["volume"].table.records()) == messages
    assert sum(record["n_in"] for record in found["channels"].table.records()) == messages
    assert sum(record["n_in"] for record in found["volume_by_channel"].table.records()) == messages
    assert sum(record["n_sessions"] for record in found["sessions"].table.records()) == sessions
    assert year_report.key_figures[1].value == str(users)


def test_the_heat_map_divides_by_the_days_of_each_weekday(tmp_path: Path) -> None:
    """In ten days two weekdays come once more than the others, which must not make them look busier."""
    write_warehouse(tmp_path, NOTHING)
    with duckdb.connect(tmp_path / "_sunlake/warehouse.duckdb") as connection:
        connection.execute(
            """
            insert into marts.agg_volume_hourly
            select '5f0c1a', day::date, 9, isodow(day), 'web', 6, 0, 0, 0
            from generate_series(date '2026-11-02', date '2026-11-12', interval 1 day) as days (day)
            """
        )
        connection.execute(
            "insert into marts.agg_channel_daily by name "
            "select '5f0c1a' as app_id, date '2026-11-02' as local_date, 'web' as channel, 1 as n_in"
        )
    report = make_report(tmp_path, Wish(date(2026, 11, 2), date(2026, 11, 12)))
    assert [record["hour_09"] for record in figures(report)["volume_by_hour"].table.records()] == [6.0] * 7


def test_backlog_of_the_end_counts_at_the_last_full_hour(year_lake: Path, year_report: Report) -> None:
    """The ages at the end add up to the open turns of that hour, in the zone's last hour of the period."""
    table = figures(year_report)["backlog_ages"].table
    with duckdb.connect(year_lake / "_sunlake/warehouse.duckdb", read_only=True) as connection:
        (expected,) = connection.execute(
            "select sum(open_turns) from marts.agg_backlog_hourly where hour = timestamp '2026-11-21 22:00'"
        ).fetchone() or (None,)
    assert sum(record["n"] for record in table.records()) == expected


def test_a_choice_of_channels_is_told_where_it_can_not_narrow(year_lake: Path) -> None:
    """Content, cohorts and deliveries are not kept by channel, and say so."""
    report = make_report(year_lake, Wish(channels=["web"]))
    found = figures(report)
    assert "All channels" in found["content"].definition
    assert "All channels" in found["cohorts"].definition
    assert [record["channel"] for record in found["channels"].table.records()] == ["web"]
    assert [record["channel"] for record in found["first_reply_by_channel"].table.records()].count("messenger") == 0


@pytest.mark.parametrize("days", [1, 62, 366])
def test_any_length_of_period_makes_a_report(year_lake: Path, days: int) -> None:
    """A day, two months or a year: no chart fails."""
    last = date(2026, 11, 20)
    first = date.fromordinal(max(last.toordinal() - days + 1, YEAR.first.toordinal()))
    report = make_report(year_lake, Wish(first, last))
    assert figures(report)["volume"].chart is not None


def test_no_id_of_a_person_or_conversation_is_in_any_table(year_report: Report) -> None:
    """Tables hold totals by app, channel and day."""
    names = {column.name for table in year_report.tables() for column in table.columns}
    assert not {name for name in names if name.endswith(("_id", "_key")) and name not in {"app_id", "target_id"}}


def test_tables_have_names_of_their_own(year_report: Report) -> None:
    """A table's name is its file's and its anchor's."""
    names = [table.name for table in year_report.tables()]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalnum() for name in names)
