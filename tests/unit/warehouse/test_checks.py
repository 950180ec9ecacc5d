from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Settings
from pipeline.errors import LakeError
from pipeline.warehouse.build import build
from pipeline.warehouse.checks import CheckResult, check
from pipeline.warehouse.models import load_models
from tests.unit.warehouse.lakes import APP, LakeFiles, message
from tests.unit.warehouse.model_folders import MODELS, write_models


def _failing(tmp_path: Path, files: Mapping[str, str], tests: Mapping[str, str], **options: Any) -> list[CheckResult]:
    """Build a lake of three messages with these models, and give the checks that fail."""
    lake = LakeFiles(tmp_path / "lake")
    lake.add("messages", *[message(f"m{number}", author_user_id="person") for number in range(3)])
    settings = Settings(lake=str(lake.root))
    models = load_models(write_models(tmp_path / "models", files))
    assert build(settings, models=models).exit_code == 0
    folder = write_models(tmp_path / "tests", tests)
    folder.mkdir(exist_ok=True)
    results = check(settings, models=models, tests=folder, **options)
    assert results
    return [result for result in results if not result.is_passed]


def test_sound_models_pass(tmp_path: Path) -> None:
    """Keys, nulls and checks that hold are all passed, and a file of checks that finds nothing as well."""
    files = MODELS | {"marts/agg_total.sql": "-- check: n = 3\n" + MODELS["marts/agg_total.sql"]}
    assert _failing(tmp_path, files, {"sums.sql": "-- Sums agree.\nselect n from marts.agg_total where n <> 3"}) == []


def test_a_broken_key_is_found_in_what_is_stored(tmp_path: Path) -> None:
    """A key that is not unique fails with the rows that share it."""
    twice = MODELS["marts/fct_talks.sql"].replace("group by all", "group by app_id, conversation_id, message_id")
    (found,) = _failing(tmp_path, MODELS | {"marts/fct_talks.sql": twice}, {})
    assert (found.name, found.failing) == ("fct_talks: key", 1)
    assert (found.columns, found.sample) == (["app_id", "conversation_id", "n"], [(APP, "c1", 3)])


def test_a_broken_key_is_found_in_what_is_not_stored(tmp_path: Path) -> None:
    """Models that are stored nowhere are computed for their checks, unless only a quick check is asked for."""
    staging = MODELS["staging/stg_messages.sql"]
    files = MODELS | {
        "staging/stg_messages.sql": staging.replace("app_id, message_id\n", "app_id, conversation_id\n", 1)
    }
    assert [result.name for result in _failing(tmp_path, files, {})] == ["stg_messages: key"]
    assert _failing(tmp_path / "again", files, {}, quick=True) == []


def test_a_failing_file_shows_a_sample_without_people(tmp_path: Path) -> None:
    """A check of `sql/tests` that finds rows fails with a sample; ids of users are masked."""
    tests = {"orphans.sql": "-- Nobody is alone.\nselect 'person' as user_key, n from marts.agg_total"}
    (found,) = _failing(tmp_path, MODELS, tests)
    assert (found.name, found.promise, found.failing) == ("orphans", "Nobody is alone.", 1)
    assert found.sample == [("***", 3)]


def test_a_check_that_cannot_run_fails(tmp_path: Path) -> None:
    """A check with an error is no passed check."""
    (found,) = _failing(tmp_path, MODELS, {"wrong.sql": "-- Wrong.\nselect nothing from marts.agg_total"})
    assert found.error is not None
    assert "nothing" in found.error


def test_without_a_warehouse_the_remedy_is_named(tmp_path: Path) -> None:
    """Checking before building says what to run."""
    lake = LakeFiles(tmp_path / "lake")
    with pytest.raises(LakeError, match="sunlake build"):
        check(Settings(lake=str(lake.root)))
