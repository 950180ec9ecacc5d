"""When schedules are due, and how `sunlake serve` refuses those that can't be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.cron import next_date
from pipeline.cli.frame import Frame
from pipeline.cli.serve import check_place, command
from pipeline.config import ScheduleSettings
from pipeline.errors import ConfigError

APP = """
lake = "lake"
[[apps]]
app_id = "5d8cff3cd55b040010928b5b"
base_url = "https://acme.zendesk.com/sc"
key_id_env = "NO_SUCH_KEY_ID"
"""


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "expected"),
    [
        ("0 3 * * *", "UTC", "2026-03-01T03:00", "2026-03-02T03:00:00+00:00"),
        ("0 3 * * *", "Europe/Paris", "2026-03-01T01:30", "2026-03-01T03:00:00+01:00"),
        ("  */15  *  * * * ", "UTC", "2026-03-01T03:01", "2026-03-01T03:15:00+00:00"),
        ("0 0 * * MON", "UTC", "2026-03-01T03:01", "2026-03-02T00:00:00+00:00"),
        ("0 0 29 2 *", "UTC", "2026-03-01T03:01", "2028-02-29T00:00:00+00:00"),
    ],
)
def test_the_next_date_is_told_in_the_schedules_zone(cron: str, timezone: str, after: str, expected: str) -> None:
    """Cron fields mean the clock on the wall of the schedule's zone."""
    schedule = ScheduleSettings(flow="export", cron=cron, timezone=timezone)
    found = next_date(schedule, datetime.fromisoformat(after).replace(tzinfo=UTC), at="schedules[0].cron")
    assert found.isoformat() == expected


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("0 3 * *", "has 4 fields, not 5"),
        ("0 0 3 * * *", "has 6 fields, not 5"),
        ("@daily", "has 1 fields, not 5"),
        ("", "has 0 fields, not 5"),
        ("61 * * * *", "bad minute"),
        ("0 3 * * often", "bad day-of-week"),
        ("0 0 31 2 *", "bad day-of-month"),
    ],
)
def test_a_cron_expression_that_can_not_be_is_refused(tmp_path: Path, cron: str, reason: str) -> None:
    """The message names the key, the expression, what is wrong with it, and the five fields."""
    with pytest.raises(ConfigError) as caught:
        _serve(tmp_path, f'{APP}[[schedules]]\nflow = "export"\ncron = "0 3 * * *"\n', f'cron = "{cron}"')
    said = str(caught.value)
    assert said.startswith(f"schedules[1].cron {cron!r}")
    assert reason in said
    assert "minute, hour, day of month, month, day of week" in said


def test_without_schedules_the_settings_are_explained(tmp_path: Path) -> None:
    """The message can be pasted into sunlake.toml."""
    with pytest.raises(ConfigError, match=r"no schedules; add one to sunlake.toml") as caught:
        _serve(tmp_path, APP)
    example = str(caught.value).partition("\n\n")[2]
    with pytest.raises(ConfigError, match="NO_SUCH_KEY_ID"):  # the schedule is fine, what comes next is not
        _serve(tmp_path, f"{APP}\n{example}\n")


def test_what_comes_next_is_shown_before_anything_starts(tmp_path: Path) -> None:
    """The flows are listed by the time of their next run, each in its own zone."""
    frame = Frame(config=tmp_path / "my.toml")
    (tmp_path / "my.toml").write_text(
        f'{APP}[[schedules]]\nflow = "sweep"\ncron = "0 3 1 1 *"\n'
        '[[schedules]]\nflow = "export"\ncron = "* * * * *"\ntimezone = "Asia/Kolkata"\n'
    )
    lines = CliRunner().invoke(command, [], obj=frame).output.splitlines()
    assert lines[0].split() == ["flow", "cron", "next", "run"]
    assert lines[1].startswith("export  * * * * *")
    assert lines[1].endswith("IST")
    assert lines[2].split()[-3:-1][1] == "03:00"
    assert lines[2].endswith("UTC")


def test_a_folder_that_hides_the_flows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect would import the user's `flows` instead of ours."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    check_place()  # a folder without __init__.py hides nothing
    (tmp_path / "flows" / "__init__.py").touch()
    with pytest.raises(ConfigError, match="flows in this folder hides"):
        check_place()


def test_the_checkout_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving from a checkout of sunlake itself is fine."""
    monkeypatch.chdir(Path(__file__).parents[3])
    check_place()


def _serve(folder: Path, text: str, last: str = "") -> None:
    file = folder / "sunlake.toml"
    file.write_text(text + (f'[[schedules]]\nflow = "nightly"\n{last}\n' if last else ""))
    CliRunner().invoke(command, [], obj=Frame(config=file), catch_exceptions=False)
