from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.config import Settings
from pipeline.errors import LakeError
from pipeline.warehouse.build import build
from pipeline.warehouse.checks import check
from pipeline.warehouse.header_checks import CheckResult
from pipeline.warehouse.models import load_models
from tests.unit.warehouse.lakes import APP, LakeFiles, message
from tests.unit.warehouse.model_folders import MODELS, write_models

_BROKEN_KEY = MODELS["staging/stg_messages.sql"].replace("app_id, message_id\n", "app_id, conversation_id\n", 1)


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
    """Models that are stored nowhere are checked by the build; `check` tells what it found, with the rows."""
    (found,) = _failing(tmp_path, MODELS | {"staging/stg_messages.sql": _BROKEN_KEY}, {})
    assert (found.name, found.failing) == ("stg_messages: key", 1)
    assert (found.columns, found.sample) == (["app_id", "conversation_id", "n"], [(APP, "c1", 3)])


def test_a_view_is_proven_by_what_reads_it(tmp_path: Path) -> None:
    """A view's broken key is told of the model that proves it; of the view itself only where that is not computed."""
    view = _BROKEN_KEY.replace("unit: conversation", "unit: conversation\n-- view: yes")
    proven = view.replace("-- view: yes", "-- view: yes\n-- proven by: intermediate.int_seen")
    seen = (
        MODELS["staging/stg_messages.sql"]
        .split("select")[0]
        .replace("app_id, message_id\n", "app_id, conversation_id\n")
    )
    seen += "select * from staging.stg_messages"
    files = MODELS | {"staging/stg_messages.sql": proven, "intermediate/int_seen.sql": seen}
    # Nothing else reads int_seen, so that it is computed only where all models are.
    (found,) = _failing(tmp_path, files, {})
    assert (found.name, found.failing) == ("int_seen: key", 1)
    settings, models = Settings(lake=str(tmp_path / "lake")), load_models(tmp_path / "models")
    selected = build(settings, models=models, select=["fct_talks"])
    assert [result.name for result in selected.failed_checks] == ["stg_messages: key"]


def test_no_build_goes_on_from_one_whose_checks_failed(tmp_path: Path) -> None:
    """After a failed check everything is computed, so that the next result is that of all rows; then builds go on."""
    lake = LakeFiles(tmp_path / "lake")
    lake.add("messages", *[message(f"m{number}", author_user_id="person") for number in range(3)])
    settings = Settings(lake=str(lake.root))
    models = load_models(write_models(tmp_path / "models", MODELS | {"staging/stg_messages.sql": _BROKEN_KEY}))
    for why in ("there is no warehouse yet", "a check of the last build failed"):
        summary = build(settings, models=models)
        assert (summary.why_full, [result.name for result in summary.failed_checks]) == (why, ["stg_messages: key"])
        assert [
            result.failing for result in check(settings, models=models, tests=tmp_path) if not result.is_passed
        ] == [1]
    sound = load_models(write_models(tmp_path / "sound", MODELS))
    assert build(settings, models=sound).failed_checks == []
    assert build(settings, models=sound).why_full is None


def test_a_build_that_goes_on_checks_what_it_computes(tmp_path: Path) -> None:
    """A row that breaks a promise is found when it comes, though only its conversation is computed."""
    lake = LakeFiles(tmp_path / "lake")
    lake.add("messages", message("m1", author_user_id="person"))
    files = MODELS | {"staging/stg_messages.sql": "-- check: message_id <> 'm2'\n" + MODELS["staging/stg_messages.sql"]}
    settings, models = Settings(lake=str(lake.root)), load_models(write_models(tmp_path / "models", files))
    assert build(settings, models=models).failed_checks == []
    lake.add("messages", message("m2", conversation_id="c2", author_user_id="person"))
    summary = build(settings, models=models)
    assert summary.why_full is None
    (found,) = [result for result in check(settings, models=models, tests=tmp_path) if not result.is_passed]
    assert (found.name, found.failing) == ("stg_messages: message_id <> 'm2'", 1)


def test_a_warehouse_of_another_release_is_to_be_built_anew(tmp_path: Path) -> None:
    """A warehouse without what this release keeps in it is refused with the remedy."""
    lake = LakeFiles(tmp_path / "lake")
    lake.add("messages", message("m1", author_user_id="person"))
    settings = Settings(lake=str(lake.root))
    models = load_models(write_models(tmp_path / "models", MODELS))
    summary = build(settings, models=models)
    with duckdb.connect(str(summary.warehouse)) as warehouse:
        warehouse.execute("alter table meta.build drop column is_sound")
    with pytest.raises(LakeError, match="another release; build it anew: `sunlake build`"):
        check(settings, models=models)


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
