"""The views: newest versions, tombstones, empty tables, comments."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake.tables import TABLES
from pipeline.warehouse.connection import connect
from tests.unit.warehouse.lakes import APP, OTHER_APP, LakeFiles, at, message


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """An empty lake."""
    return LakeFiles(tmp_path / "lake")


def test_only_the_newest_version_of_a_row_shows(lake: LakeFiles) -> None:
    """Of several versions in several files the one exported last is seen, wherever it lies."""
    lake.add("messages", message("m1", "second", exported=2), message("m2", "only"))
    lake.add("messages", message("m1", "first", exported=1))
    lake.add("messages", message("m1", "third", exported=3), month="2026-04")
    assert lake.ask("select message_id, text, month from messages order by 1") == [
        ("m1", "third", "2026-04"),
        ("m2", "only", "2026-03"),
    ]
    assert lake.ask("select count(*) from raw.messages") == [(4,)]


def test_ties_are_broken_the_same_way_each_time(lake: LakeFiles) -> None:
    """Versions of the same moment are ordered by run, then by file, then by place in the file; one remains."""
    lake.add("users", {"user_id": "u1", "locale": "a", "run_id": "r2"}, name="a")
    lake.add("users", {"user_id": "u1", "locale": "b", "run_id": "r1"}, name="b")
    lake.add("users", {"user_id": "u2", "locale": "a"}, name="c")
    lake.add("users", {"user_id": "u2", "locale": "b"}, name="d")
    lake.add("users", {"user_id": "u3", "locale": "a"}, {"user_id": "u3", "locale": "b"})
    assert lake.ask("select user_id, locale from users order by 1") == [("u1", "a"), ("u2", "b"), ("u3", "b")]


def test_apps_do_not_touch_each_other(lake: LakeFiles) -> None:
    """The same id in two apps is two rows, and a tombstone counts in its own app; ids stay texts."""
    lake.add("users", {"user_id": "u1"})
    lake.add("users", {"user_id": "u1"}, app_id=OTHER_APP)
    lake.add("apps", {"display_name": "old"}, app_id=OTHER_APP)
    lake.add("apps", {"display_name": "new", "exported_at": at(9)}, app_id=OTHER_APP)
    lake.bury("user", "u1", seen_at=5)
    assert lake.ask("select app_id, user_id from users") == [(OTHER_APP, "u1")]
    assert lake.ask("select app_id, display_name from apps") == [(OTHER_APP, "new")]


@pytest.mark.parametrize(
    ("reason", "seen_at", "shows"),
    [
        ("gone", 10, False),
        ("deleted", 10, False),
        ("merged", 10, False),
        ("retention", 10, True),
        ("gone", 5, False),
        ("gone", 4, True),
    ],
)
def test_a_tombstone_hides_what_was_exported_before_it(
    lake: LakeFiles, reason: str, seen_at: float, shows: bool
) -> None:
    """A row is hidden from the moment its absence was seen, unless it was only dropped for its age or came back."""
    lake.add("messages", message("m1", exported=1))
    lake.add("messages", message("m1", exported=5))
    lake.bury("message", "m1", seen_at=seen_at, reason=reason)
    assert lake.ask("select count(*) from messages") == [(int(shows),)]


def test_the_latest_tombstone_counts(lake: LakeFiles) -> None:
    """A row that came back and went again is gone, in whatever order the tombstones lie."""
    lake.add("users", {"user_id": "u1", "exported_at": at(5)})
    lake.bury("user", "u1", seen_at=9)
    lake.bury("user", "u1", seen_at=2)
    assert lake.ask("select count(*) from users") == [(0,)]
    assert lake.ask("select count(*) from tombstones") == [(1,)]


OWNED: list[tuple[str, str, Callable[[str], dict[str, Any]]]] = [
    ("messages", "conversation", lambda owner: message("x", conversation=owner)),
    ("participants", "conversation", lambda owner: {"participant_id": "x", "conversation_id": owner}),
    ("participants", "user", lambda owner: {"participant_id": "x", "user_id": owner}),
    ("clients", "user", lambda owner: {"client_id": "x", "user_id": owner}),
    ("devices", "user", lambda owner: {"device_id": "x", "user_id": owner}),
]


@pytest.mark.parametrize(("table", "entity", "row"), OWNED)
def test_what_belongs_to_something_gone_is_gone(
    lake: LakeFiles, table: str, entity: str, row: Callable[[str], dict[str, Any]]
) -> None:
    """A tombstone of a conversation or user hides its rows of before, and no others."""
    lake.add(table, row("o1"))
    lake.add(table, row("o2"), app_id=OTHER_APP)
    lake.bury(entity, "o1", seen_at=0)
    lake.bury(entity, "o1", seen_at=0, app_id=OTHER_APP)
    lake.bury("integration", "o2", seen_at=0, app_id=OTHER_APP)
    lake.bury(entity, "o2", seen_at=-1, app_id=OTHER_APP)
    assert lake.ask(f"select app_id from {table}") == [(OTHER_APP,)]


def test_a_conversation_outlives_its_user(lake: LakeFiles) -> None:
    """Conversations and messages of a user who is gone stay: others took part in them."""
    lake.add("conversations", {"conversation_id": "c1"})
    lake.add("messages", message("m1", author_user_id="u1"))
    lake.bury("user", "u1", seen_at=9)
    assert lake.ask("select (select count(*) from conversations), (select count(*) from messages)") == [(1, 1)]


def test_a_null_owner_hides_nothing(lake: LakeFiles) -> None:
    """A participant without a user is kept."""
    lake.add("participants", {"participant_id": "p1"})
    lake.bury("user", "u1", seen_at=9)
    assert lake.ask("select participant_id from participants") == [("p1",)]


@pytest.mark.parametrize("name", list(TABLES))
def test_an_empty_table_has_the_columns_of_a_full_one(lake: LakeFiles, name: str, tmp_path: Path) -> None:
    """A query that works on a full lake works on an empty one."""
    full = LakeFiles(tmp_path / "full")
    full.add(name, dict.fromkeys(TABLES[name].key, "x") if name != "apps" else {})
    for schema in ("main", "raw"):
        query = f"describe {schema}.{name}"
        assert lake.ask(query) == full.ask(query)
    assert lake.ask(f"select count(*) from {name}") == [(0,)]
    assert full.ask(f"select count(*) from {name}") == [(1,)]
    columns = [row[0] for row in full.ask(f"describe {name}")]
    assert columns == [*TABLES[name].partitions, *(column.name for column in TABLES[name].columns)]


def test_every_view_and_column_is_described(lake: LakeFiles) -> None:
    """The registry's sentences are comments in DuckDB, for the prompt, notebooks and other tools."""
    assert lake.ask("select view_name from duckdb_views() where not internal and comment is null") == []
    assert lake.ask("select table_name, column_name from duckdb_columns() where not internal and comment is null") == []
    assert lake.ask("select comment from duckdb_views() where view_name = 'messages' and schema_name = 'main'") == [
        ("One row per message, in its newest version.",)
    ]


def test_values_survive(lake: LakeFiles) -> None:
    """Lists, moments, booleans and texts of all kinds come out as they went in."""
    lake.add("messages", message("m1", "grüß\n'\"\\", author_subtypes=["AI", "bot"], deleted=True, received_at=at(0.5)))
    assert lake.ask("select text, author_subtypes, deleted, received_at, content from messages") == [
        ("grüß\n'\"\\", ["AI", "bot"], True, at(0.5), None)
    ]


@pytest.mark.parametrize("name", ["a b", "it's", "x[1]", "what?", "st*r", 'qu"ote', "ünï"])
def test_a_lake_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Characters that mean something in SQL or patterns are taken as they are."""
    lake = LakeFiles(tmp_path / name)
    lake.add("users", {"user_id": "u1"})
    assert lake.ask("select user_id from users") == [("u1",)]


def test_private_files_are_no_data(lake: LakeFiles) -> None:
    """What lies in staging, or in a folder of another name, is not read."""
    staged = lake.add("users", {"user_id": "u1"})
    folder = lake.root / "_sunlake" / "users" / f"app_id={APP}"
    folder.mkdir(parents=True)
    staged.rename(folder / staged.name)
    assert lake.ask("select count(*) from users") == [(0,)]


def test_new_files_show_in_an_open_connection(lake: LakeFiles) -> None:
    """A reader sees what a commit adds and supersedes without connecting again."""
    lake.add("users", {"user_id": "u1", "locale": "a"})
    with closing(connect(lake.root)) as connection:
        lake.add("users", {"user_id": "u1", "locale": "b", "exported_at": at(1)}, {"user_id": "u2"})
        assert connection.execute("select user_id, locale from users order by 1").fetchall() == [
            ("u1", "b"),
            ("u2", None),
        ]


VERSIONS = st.tuples(
    st.sampled_from(["m1", "m2", "m3"]), st.sampled_from(["c1", "c2"]), st.integers(0, 3), st.sampled_from(["r1", "r2"])
)
TOMBSTONES = st.tuples(
    st.sampled_from([("message", "m1"), ("message", "m2"), ("conversation", "c1"), ("user", "m1")]),
    st.integers(0, 3),
    st.sampled_from(["gone", "retention", "deleted"]),
)


@given(
    files=st.lists(st.lists(VERSIONS, min_size=1, max_size=4), max_size=4), tombstones=st.lists(TOMBSTONES, max_size=3)
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_view_agrees_with_its_definition(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[tuple[str, str, int, str]]],
    tombstones: list[tuple[tuple[str, str], int, str]],
) -> None:
    """Whatever versions and tombstones there are, the view shows what the rules in words say."""
    lake = LakeFiles(tmp_path_factory.mktemp("any") / "lake")
    newest: dict[str, tuple[tuple[int, str, int, int], str]] = {}
    for number, rows in enumerate(files):
        lake.add(
            "messages",
            *(
                message(key, f"{number}.{place}", exported=when, conversation=conversation, run_id=run_id)
                for place, (key, conversation, when, run_id) in enumerate(rows)
            ),
            name=f"{number}",
        )
        for place, (key, conversation, when, run_id) in enumerate(rows):
            rank = (when, run_id, number, place)
            if key not in newest or newest[key][0] < rank:
                newest[key] = (rank, conversation)
    for (entity, entity_id), seen_at, reason in tombstones:
        lake.bury(entity, entity_id, seen_at=seen_at, reason=reason)
    expected = {
        (key, f"{rank[2]}.{rank[3]}")
        for key, (rank, conversation) in newest.items()
        if not any(
            subject in {("message", key), ("conversation", conversation)}
            and seen_at >= rank[0]
            and reason != "retention"
            for subject, seen_at, reason in tombstones
        )
    }
    assert set(lake.ask("select message_id, text from messages")) == expected
    assert lake.ask("select count(*) from messages") == [(len(expected),)]
