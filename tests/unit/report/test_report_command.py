from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.frame import Frame
from pipeline.cli.report import command
from pipeline.errors import LakeError, SunlakeError, UsageError
from pipeline.lake.layout import open_lake
from tests.unit.report.warehouses import NOTHING, ONE, write_warehouse


def run(root: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Run the command on a lake; errors of sunlake are raised."""
    monkeypatch.setenv("SUNLAKE_LAKE", str(root))
    result = CliRunner().invoke(command, list(arguments), obj=Frame())
    if isinstance(result.exception, SunlakeError):
        raise result.exception
    return result


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with a warehouse of one conversation."""
    root = tmp_path / "lake"
    write_warehouse(root, ONE)
    return root


def test_the_page_is_written_into_the_private_part_of_the_lake(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options it stands where nobody looks for tables; the command says where, and what is covered."""
    result = run(lake, monkeypatch=monkeypatch)
    path = lake / "_sunlake" / "report" / "index.html"
    assert result.exit_code == 0
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert f"wrote {path} (" in result.output
    assert "of known conversations, up to 2026-11-22 02:10 UTC" in result.output


@pytest.mark.parametrize(("name", "begins"), [("page.html", "<!doctype"), ("page.md", "# Messaging report")])
def test_the_ending_of_the_file_chooses_the_format(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, begins: str
) -> None:
    """`.md` gives Markdown, everything else a page."""
    run(lake, "--output", str(tmp_path / name), monkeypatch=monkeypatch)
    assert (tmp_path / name).read_text("utf-8").startswith(begins)


def test_markdown_goes_to_standard_output(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be piped, so nothing else is printed."""
    result = run(lake, "--format", "markdown", monkeypatch=monkeypatch)
    assert result.stdout.startswith("# Messaging report")
    assert "wrote /" not in result.stdout
    assert not (lake / "_sunlake" / "report").exists()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_are_written_into_a_folder(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Into the one that is named, else into one beside the page."""
    run(lake, "--format", form, "--output", str(tmp_path / "tables"), monkeypatch=monkeypatch)
    assert (tmp_path / "tables" / f"coverage.{form}").exists()
    result = run(lake, "--format", form, monkeypatch=monkeypatch)
    assert (lake / "_sunlake" / "report" / form / f"coverage.{form}").exists()
    assert "32 tables" in result.output


def test_open_shows_the_page_in_a_browser(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser gets the file's address; without a browser the command says so and succeeds all the same."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    result = run(lake, "--open", monkeypatch=monkeypatch)
    assert opened == [(lake / "_sunlake" / "report" / "index.html").absolute().as_uri()]
    assert result.exit_code == 0
    assert "open the file elsewhere" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--open", "--format", "csv"], "--open shows the page"),
        (["--output", "{lake}/messages/report.html"], "lies inside the lake"),
        (["--format", "csv", "--output", "{file}"], "is a file"),
        (["--output", "{folder}"], "is a folder"),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "swap them"),
        (["--from", "2020-01-01", "--to", "2020-02-01"], "messages from 2026-11-21 to 2026-11-21"),
        (["--app", "nix"], "it has 5f0c1a"),
        (["--channel", "fax"], "it has web"),
    ],
)
def test_wrong_use_is_refused_and_says_what_would_be_right(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    """Nothing is written, and the message names the option."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    names = {"lake": lake, "file": tmp_path / "file", "folder": tmp_path / "folder"}
    with pytest.raises(UsageError, match=words):
        run(lake, *(argument.format(**names) for argument in arguments), monkeypatch=monkeypatch)
    assert not (lake / "_sunlake" / "report").exists()


def test_a_day_that_is_none_is_wrong_use(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the option and the format."""
    result = run(lake, "--from", "2026-13-01", monkeypatch=monkeypatch)
    assert result.exit_code == 2
    assert "--from" in result.output


def test_a_lake_without_a_warehouse_names_the_command_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sunlake build` comes first."""
    open_lake(tmp_path, create=True)
    with pytest.raises(LakeError, match="run `sunlake build`"):
        run(tmp_path, monkeypatch=monkeypatch)


def test_an_empty_warehouse_makes_a_page_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that runs before the first message does not fail."""
    write_warehouse(tmp_path, NOTHING)
    assert run(tmp_path, monkeypatch=monkeypatch).exit_code == 0
