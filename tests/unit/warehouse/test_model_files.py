from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipeline.errors import ModelError, UsageError
from pipeline.warehouse.memory import run_in_memory
from pipeline.warehouse.model import Unit
from pipeline.warehouse.models import load_models
from tests.unit.warehouse.model_folders import write_models

STAGING = (
    "-- grain: one row per message\n-- key: app_id, message_id\n-- unit: conversation\nselect * from raw.messages\n"
)
MART = """-- grain: one row per app
-- key: app_id
-- column app_id: Id of the app.
-- column n: How many messages
--     it has.
-- check: n > 0
-- not null: n
-- Counts what was said, and
-- nothing else.
with counted as (
    select app_id, count(*) as n from intermediate.int_kept group by all
)

select * from counted
"""
KEPT = """-- grain: one row per message
-- key: app_id, message_id
-- unit: conversation
-- stored: yes
-- unsettled: message_id is null
-- moves: message_id
-- column app_id: Id of the app.
-- column conversation_id: Id of the conversation.
-- column message_id: Id of the message.
select app_id, conversation_id, message_id from staging.stg_messages
"""
FILES = {"staging/stg_messages.sql": STAGING, "intermediate/int_kept.sql": KEPT, "marts/agg_messages.sql": MART}


def test_a_header_is_read_whole(tmp_path: Path) -> None:
    """Grain, key, unit, columns, checks and prose of a header are the model's; its references come from the SELECT."""
    models = load_models(write_models(tmp_path, FILES))
    mart, kept = models.by_name["marts.agg_messages"], models.by_name["intermediate.int_kept"]
    assert (mart.grain, mart.key, mart.unit, mart.is_stored) == ("one row per app", ("app_id",), Unit.WHOLE, True)
    assert mart.columns == {"app_id": "Id of the app.", "n": "How many messages it has."}
    assert (mart.checks, mart.not_null) == (("n > 0",), ("n",))
    assert mart.description == "Counts what was said, and nothing else."
    assert mart.references == {"intermediate.int_kept"}
    assert (kept.unit, kept.is_stored, kept.unsettled) == (Unit.CONVERSATION, True, "message_id is null")
    assert (kept.moves, kept.is_view) == (("message_id",), False)


def test_models_come_after_what_they_read(tmp_path: Path) -> None:
    """The order follows from the references, and the phases from the units."""
    models = load_models(write_models(tmp_path, FILES))
    assert [model.table for model in models] == ["stg_messages", "int_kept", "agg_messages"]
    assert [model.table for model in models.conversation] == ["stg_messages", "int_kept"]
    assert [model.table for model in models.after] == ["agg_messages"]
    assert models.before == []


def test_patterns_select_families(tmp_path: Path) -> None:
    """A plus in front adds what a model reads, one behind adds what reads it."""
    models = load_models(write_models(tmp_path, FILES))
    assert models.select(["int_kept"]) == {"intermediate.int_kept"}
    assert models.select(["int_kept+"]) == {"intermediate.int_kept", "marts.agg_messages"}
    assert models.select(["+int_kept"]) == {"intermediate.int_kept", "staging.stg_messages"}
    assert models.select(["+marts.agg_messages"]) == set(models.by_name)
    with pytest.raises(UsageError, match="there is no model 'fct_nothing'; the marts are agg_messages"):
        models.select(["fct_nothing"])


WRONG = {
    "no grain": ({"marts/agg_a.sql": "-- key: n\nselect 1 as n"}, r"agg_a\.sql:1: the header lacks its grain"),
    "no key": ({"marts/agg_a.sql": "-- grain: x\nselect 1 as n"}, r"agg_a\.sql:1: the header lacks its key"),
    "twice": (
        {"marts/agg_a.sql": "-- grain: x\n-- grain: y\n-- key: n\nselect 1 as n"},
        r"agg_a\.sql:2: grain stands twice",
    ),
    "unit": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\n-- unit: week\nselect 1 as n"},
        r"stg_a\.sql:3: unit is conversation, local_date, channel_date or user",
    ),
    "stored view": (
        {"intermediate/int_a.sql": "-- grain: x\n-- key: n\n-- stored: yes\n-- view: yes\nselect 1 as n"},
        r"int_a\.sql:4: view is yes, or left out, and what is stored is no view",
    ),
    "proof of no view": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\n-- proven by: staging.stg_b\nselect 1 as n"},
        r"stg_a\.sql:3: proven by is for views that promise nothing but their key",
    ),
    "proof by nobody who reads it": (
        {
            "staging/stg_a.sql": "-- grain: x\n-- key: n\n-- view: yes\n-- proven by: staging.stg_b\nselect 1 as n",
            "staging/stg_b.sql": "-- grain: x\n-- key: n\nselect 1 as n",
        },
        r"stg_a\.sql:4: staging\.stg_b can't prove what stg_a promises; name a model that is no view and reads",
    ),
    "moves without column": (
        {"marts/agg_a.sql": "-- grain: x\n-- key: n\n-- moves: m\n-- column n: N.\nselect 1 as n"},
        r"agg_a\.sql:1: m is in the key, moves or not null",
    ),
    "no columns": ({"marts/agg_a.sql": "-- grain: x\n-- key: n\nselect 1 as n"}, "describes all its columns"),
    "key without column": (
        {"marts/agg_a.sql": "-- grain: x\n-- key: m\n-- column n: N.\nselect 1 as n"},
        r"agg_a\.sql:1: m is in the key",
    ),
    "syntax": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\nselect 1 as n,\nfrom from x"},
        r"stg_a\.sql:4: syntax error.*one SELECT",
    ),
    "two statements": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\nselect 1 as n; select 2 as n"},
        r"stg_a\.sql:1: a model is exactly one SELECT; it has 2",
    ),
    "not a select": ({"staging/stg_a.sql": "-- grain: x\n-- key: n\ncreate table a (n int)"}, "Only SELECT"),
    "bare name": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\nselect n\nfrom messages"},
        r"stg_a\.sql:4: messages is no CTE of this file",
    ),
    "unknown model": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\nselect n\nfrom staging.stg_b"},
        r"stg_a\.sql:4: there is no model staging\.stg_b; its file would be staging/stg_b\.sql",
    ),
    "unknown source": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\nselect n\nfrom raw.mesages"},
        r"stg_a\.sql:4: there is no raw\.mesages; raw has app_as_of",
    ),
    "circle": (
        {
            "staging/stg_a.sql": "-- grain: x\n-- key: n\nselect n from staging.stg_b",
            "staging/stg_b.sql": "-- grain: x\n-- key: n\nselect n from staging.stg_a",
        },
        r"stg_\w -> stg_\w -> stg_\w read each other in a circle",
    ),
    "same name": (
        {
            "staging/stg_a.sql": "-- grain: x\n-- key: n\nselect 1 as n",
            "intermediate/stg_a.sql": "-- grain: x\n-- key: n\nselect 1 as n",
        },
        "a model in intermediate/ is named int_",
    ),
    "prefix": ({"marts/turns.sql": "select 1"}, "a model in marts/ is named fct_ or dim_"),
    "odd name": ({"marts/fct_a; drop.sql": "select 1"}, "a-z, 0-9 and _"),
    "encoding": ({"marts/fct_a.sql": b"-- grain: \xff"}, "not UTF-8"),
    "unstored": (
        {
            "staging/stg_a.sql": "-- grain: x\n-- key: n\n-- unit: conversation\nselect n from raw.messages",
            "marts/fct_a.sql": "-- grain: x\n-- key: n\n-- column n: N.\nselect n\nfrom staging.stg_a",
        },
        r"fct_a\.sql:5: staging\.stg_a is not stored, so only conversation models can read it",
    ),
    "backwards": (
        FILES
        | {
            "marts/fct_b.sql": "-- grain: x\n-- key: n\n-- unit: conversation\n-- column n: N.\n"
            "select n from marts.agg_messages"
        },
        r"fct_b\.sql:5: a conversation model can't read what is computed after all conversations",
    ),
    "apps per conversation": (
        {"staging/stg_a.sql": "-- grain: x\n-- key: n\n-- unit: conversation\nselect n from raw.apps"},
        r"stg_a\.sql:4: raw\.apps does not belong to one conversation; read it through a staging model",
    ),
    "in a folder of a schema": (
        {**FILES, "marts/more/fct_a.sql": "-- grain: x\n-- key: n\n-- column n: N.\nselect 1 as n"},
        r"more/fct_a\.sql: models lie in marts/ itself, not in folders of it; move this file up",
    ),
    "nothing": ({}, "holds no model"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named_with_line_and_remedy(tmp_path: Path, name: str) -> None:
    """Whatever is wrong with a model's file, the message says where and what to do."""
    files, message = WRONG[name]
    with pytest.raises(ModelError, match=message):
        load_models(write_models(tmp_path, files))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("-- column n: N.\nselect 1 as n,\n    2 as m", r"gives m, which has no `-- column m:` line"),
        ("-- column n: N.\n-- column m: M.\nselect 1 as n", "describes m, which the SELECT does not give"),
        ("-- column n: N.\n-- column m: M.\nselect 1 as m, 2 as n", "in another order"),
        ("-- column n: N.\nselect\n    'x'::int as n", r"fct_a\.sql:\d+: Conversion Error"),
        ("-- column n: N.\nselect\n    nothing as n", r"fct_a\.sql:5: Binder Error"),
    ],
)
def test_a_failing_select_is_named_with_its_line(tmp_path: Path, sql: str, message: str) -> None:
    """A SELECT that fails, or gives other columns than described, raises with the file and the line in it."""
    models = load_models(write_models(tmp_path, {"marts/fct_a.sql": f"-- grain: x\n-- key: n\n{sql}"}))
    with duckdb.connect() as connection, pytest.raises(ModelError, match=message):
        run_in_memory(connection, models)


def test_the_models_that_come_with_sunlake_are_sound() -> None:
    """All files of `sql/` load, and each mart says what it answers."""
    marts = [model for model in load_models() if model.schema == "marts"]
    assert len(marts) > 20
    assert [model.path for model in marts if not model.description] == []
