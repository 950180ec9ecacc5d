"""Objects that follow no schema survive the lake: any JSON under the very names that the columns take."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake.rows import decode, encode
from pipeline.lake.schema import Origin, Table
from pipeline.lake.tables import TABLES
from tests.unit.lake.json_texts import objects, strings, tag, tagged, values

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTEXT = dict.fromkeys(
    ("app_id", "switchboard_id", "integration_id", "user_id", "conversation_id", "webhook_id"), "p1"
)
WHOLE = [name for name in TABLES if name not in ("integrations", "webhooks", "tombstones")]  # the others drop fields


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_object_with_an_id_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    """Whatever stands under whatever names, repeated keys and odd spellings included, the same value is rebuilt."""
    table = TABLES[name]
    text = data.draw(fuzzed(table)).rstrip()[:-1].rstrip(" ,\n\t")
    text += ("" if text == "{" else ",") + f'"id":"{data.draw(st.sampled_from(("p1", "x")))}"}}'
    rows = encode(table, [text.encode()], parents=CONTEXT, exported_at=NOW, run_id="run")
    rows.validate(full=True)
    assert tag(decode(table, rows.to_pylist()[0] | {"app_id": "p1"})) == tagged(text)


@cache
def fuzzed(table: Table) -> st.SearchStrategy[str]:
    """Objects whose keys are often those that columns are made of, at both levels."""
    paths = [column.paths[0] for column in table.fields if column.origin is Origin.FIELD]
    inner = objects(st.tuples(keys(sorted({path[-1] for path in paths})), values()), max_size=3)
    return objects(st.tuples(keys(sorted({path[0] for path in paths})), st.one_of(values(), inner)))


def keys(names: list[str]) -> st.SearchStrategy[str]:
    """Mostly these names, as texts."""
    return st.one_of(st.sampled_from([json.dumps(name) for name in names]), st.sampled_from(('"id"', '"x"')), strings())
