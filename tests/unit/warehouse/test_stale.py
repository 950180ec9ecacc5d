"""Of the models after the conversations, an incremental build computes those whose inputs changed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.warehouse.build import BuildSummary, build
from pipeline.warehouse.models import load_models
from tests.unit.warehouse.lakes import LakeFiles, at, message
from tests.unit.warehouse.model_folders import MODELS, write_models

DAY = 86_400
_BY_DAY = "-- grain: one row per day\n-- key: local_date\n-- unit: local_date\n"
_DESCRIBED = "-- column local_date: Day.\n-- column n: Number.\n"
_NUMBER = "-- grain: one row\n-- key: n\n-- column n: Number.\n"
FILES = {
    "staging/stg_messages.sql": MODELS["staging/stg_messages.sql"].replace(
        "unit: conversation", "unit: conversation\n-- view: yes"
    ),
    "marts/fct_talks.sql": MODELS["marts/fct_talks.sql"],
    "marts/fct_texts.sql": MODELS["marts/fct_talks.sql"].replace("count(*) as n", "sum(length(text))::bigint as n"),
    # Not stored, and so computed for the same days as what reads it.
    "intermediate/int_talk_days.sql": f"{_BY_DAY}select local_date, count(*) as n from marts.fct_talks group by all",
    "marts/agg_both.sql": f"""{_BY_DAY}{_DESCRIBED}
select texts.local_date, sum(texts.n)::bigint + any_value(talks.n) as n
from marts.fct_texts as texts inner join intermediate.int_talk_days as talks on texts.local_date = talks.local_date
group by all
""",
    "marts/agg_texts.sql": f"""{_BY_DAY}{_DESCRIBED}
select local_date, sum(n)::bigint as n from marts.fct_texts group by all
""",
    "marts/agg_talks.sql": f"{_NUMBER}select count(*) as n from marts.fct_talks",
    "marts/agg_walked.sql": f"{_NUMBER}select count(*) as n from raw.coverage cross join marts.fct_talks",
}


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """A lake of three conversations on three days, built."""
    files = LakeFiles(tmp_path / "lake")
    rows = [message(f"m{day}", "hello", received_at=at(day * DAY), conversation=f"c{day}") for day in range(3)]
    files.add("messages", *rows)
    assert _build(files).exit_code == 0
    return files


def _build(lake: LakeFiles, *, full: bool = False) -> BuildSummary:
    folder = lake.root.parent / f"models{len(list(lake.root.parent.iterdir()))}"
    return build(Settings(lake=str(lake.root)), models=load_models(write_models(folder, FILES)), full=full)


def _computed(summary: BuildSummary) -> dict[str, int]:
    after = {"int_talk_days", "agg_both", "agg_texts", "agg_talks", "agg_walked"}
    names = {model.name.partition(".")[2]: model for model in summary.models}
    return {name: names[name].rows for name in sorted(after) if names[name].outcome == "built"}


def _marts(lake: LakeFiles) -> dict[str, bytes]:
    root = lake.root / "marts"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}


def test_nothing_is_computed_of_what_did_not_change(lake: LakeFiles) -> None:
    """With no change, only what reads a source whose changes are not noted is computed."""
    before = _marts(lake)
    assert _computed(_build(lake)) == {"agg_walked": 1}
    assert _marts(lake) == before


def test_a_change_reaches_who_reads_it(lake: LakeFiles) -> None:
    """Another text changes one mart of two: its readers are computed for that day, with what they need for it."""
    lake.add("messages", message("m1", "hello!", received_at=at(DAY), conversation="c1", exported=9))
    assert _computed(_build(lake)) == {"agg_both": 1, "agg_texts": 1, "agg_walked": 1, "int_talk_days": 1}
    incremental = _marts(lake)
    _build(lake, full=True)
    assert _marts(lake) == incremental


def test_a_change_of_day_touches_both_days(lake: LakeFiles) -> None:
    """A conversation that moves to another day counts there and no longer on the old one; a total stays as it is."""
    lake.add("messages", message("m1", "hello", received_at=at(2 * DAY), conversation="c1", exported=9))
    computed = _computed(_build(lake))
    assert (computed["agg_texts"], computed["agg_both"]) == (1, 1)
    assert "agg_talks" not in computed
    incremental = _marts(lake)
    _build(lake, full=True)
    assert _marts(lake) == incremental
