"""The README against the program: what it names must exist."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.cli.main import PLACES
from pipeline.lake.tables import TABLES
from pipeline.warehouse.models import load_models

README = Path(__file__).parents[2] / "README.md"


def test_every_table_and_column_is_documented() -> None:
    """The README's table of tables is that of the registry, column by column."""
    found = {
        cells[0]: (cells[1], cells[2])
        for line in README.read_text("utf-8").splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3 and cells[0] in TABLES
    }
    expected = {
        table.name: (
            ", ".join(table.key),
            ", ".join(column.name for column in table.fields if column.name not in table.key),
        )
        for table in TABLES.values()
    }
    assert found == expected


def test_every_mart_is_documented() -> None:
    """The README names each mart with the question that it answers, and no other."""
    rows = re.findall(r"^\| ((?:fct|agg|dim)_\w+) \| (.+) \|$", README.read_text("utf-8"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(model.table for model in load_models() if model.schema == "marts")
    assert all("?" in question for _, question in rows)


def test_every_command_in_the_readme_exists() -> None:
    """No example calls a command that the program lacks."""
    named = set(
        re.findall(r"(?:^|[`/ ])sunlake (?!-)([a-z]+)\b(?= |`|$)", _code(README.read_text("utf-8")), re.MULTILINE)
    )
    assert {"doctor", "export", "status"} <= named
    assert named <= set(PLACES)


def test_local_links_lead_somewhere() -> None:
    """Relative links of the README name files of the repository."""
    links = re.findall(r"\]\((?!https?://|#)([^)]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def _code(text: str) -> str:
    """Fenced blocks and inline code, where commands stand."""
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`[^`\n]+`", rest)])
