"""Every folder of given and expected rows, asked of the models and of the reference; see `cases.py` for their form.

Cases with the same settings are computed together, each as an app of its own: that takes a quarter of the time, and
would show if the rows of one app reached another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake.tables import TABLES
from tests.sql.cases import ROOT, Case, CaseError, case_folders, expected_columns, read_case
from tests.sql.comparison import differences, typed
from tests.sql.reference.history import History
from tests.sql.reference.marts import Reference, known_marts
from tests.sql.reference.written_settings import read_settings
from tests.sql.warehouse import APP, Warehouse

FOLDERS = case_folders()


def test_there_are_cases() -> None:
    """The folders are found, so that a wrong path can't make all of them pass."""
    assert len(FOLDERS) > 60


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_models_give_the_expected_rows(folder: Path) -> None:
    """The models compute just the rows that the folder expects."""
    case = read_case(folder)
    warehouse = _computed(json.dumps(case.settings))
    found = list(_disagreements(case, warehouse, {model: _of_case(warehouse, case, model) for model in case.expected}))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_reference_gives_the_expected_rows(folder: Path) -> None:
    """The reference, which judges models elsewhere, computes just the rows that the folder expects."""
    case = read_case(folder)
    reference = Reference(History(case.tables, read_settings(case.settings)))
    answers = {model: reference.rows(model) for model in case.expected if model in known_marts()}
    found = list(_disagreements(case, _computed(json.dumps(case.settings)), answers))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("given/mesages.csv", "message_id\n1\n", "there is no source mesages"),
        ("given/messages.csv", "message_id,receivd_at\n1,2025-03-03\n", "messages has no column receivd_at"),
        ("given/app_as_of.csv", "as_off\n1\n", "app_as_of has no column as_off"),
        ("expect/fct_turn.csv", "turn_no\n1\n", "there is no model fct_turn"),
        ("expect/fct_turns.csv", "turn_number\n1\n", "fct_turns has no column turn_number"),
        ("given/messages.csv", "message_id,received_at\n1,2025-03-03\n", "expects nothing"),
    ],
)
def test_a_folder_that_is_wrong_fails(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    """A table or column that is not there fails the case, as does a case that expects nothing."""
    (tmp_path / "given").mkdir()
    (tmp_path / "expect").mkdir()
    if "expects nothing" not in complaint:
        (tmp_path / "expect" / "fct_sessions.csv").write_text("session_id\n")
    (tmp_path / file).write_text(text)
    with pytest.raises(CaseError, match=complaint):
        list(_disagreements(read_case(tmp_path), _computed("{}"), {"fct_turns": [], "fct_turn": []}))


def test_sources_are_named_as_in_the_lake() -> None:
    """The harness makes every table of the lake, so that a model can't be starved of one."""
    assert set(TABLES) < _computed("{}").tables_of("raw")


@cache
def _computed(settings: str) -> Warehouse:
    tables: dict[str, list[dict[str, Any]]] = {}
    for folder in FOLDERS:
        case = read_case(folder)
        if json.dumps(case.settings) == settings:
            for name, rows in case.tables.items():
                tables.setdefault(name, []).extend(row | {"app_id": _app(case, row["app_id"])} for row in rows)
    return Warehouse(tables, json.loads(settings)).run()


def _app(case: Case, app_id: str) -> str:
    return f"{case.path.relative_to(ROOT)} {app_id}"


def _of_case(warehouse: Warehouse, case: Case, model: str) -> list[dict[str, Any]]:
    try:
        rows = warehouse.rows(model)
    except KeyError:
        raise CaseError(f"there is no model {model}") from None
    prefix = _app(case, "")
    mine = [row for row in rows if row.get("app_id", prefix).startswith(prefix)]  # schedules belong to no app
    return [row | {"app_id": row.get("app_id", APP).removeprefix(prefix)} for row in mine]


def _disagreements(case: Case, warehouse: Warehouse, answers: Mapping[str, Sequence[dict[str, Any]]]) -> Iterator[str]:
    for model, found in answers.items():
        if model not in case.expected:
            continue
        columns = expected_columns(case.path, model)
        expected = _typed(warehouse, model, case.expected[model], columns)
        lines = differences(expected, found, columns)
        yield from [f"{model} (+ as it is, - as it should be)", *lines] if lines else []


def _typed(
    warehouse: Warehouse, model: str, rows: Sequence[dict[str, Any]], columns: Sequence[str]
) -> list[dict[str, Any]]:
    try:
        types = warehouse.columns(warehouse.relation(model))
    except KeyError:
        raise CaseError(f"there is no model {model}") from None
    for name in columns:
        if name not in types:
            raise CaseError(f"{model} has no column {name}")
    return [{name: typed(row.get(name), types[name]) for name in columns} for row in rows]
