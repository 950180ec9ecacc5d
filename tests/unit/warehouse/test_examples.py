"""The example queries, each on a small lake with known answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import UsageError
from pipeline.warehouse.build import build
from pipeline.warehouse.examples import example_names, example_sql
from tests.unit.warehouse.lakes import LakeFiles, at, talk


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """An empty lake."""
    return LakeFiles(tmp_path / "lake")


@pytest.mark.parametrize("name", example_names())
def test_an_example_says_what_a_row_is_and_runs_on_an_empty_lake(lake: LakeFiles, name: str) -> None:
    """Each example begins with its grain and needs no data, but marts need a build."""
    assert build(Settings(lake=str(lake.root))).exit_code == 0
    assert example_sql(name).startswith("-- grain: one row per ")
    assert lake.ask(example_sql(name)) == []


def test_the_three_examples_are_there() -> None:
    """They are found in a checkout."""
    assert example_names() == ["conversations_per_month", "messages_per_channel", "reply_times"]
    with pytest.raises(UsageError, match="there are conversations_per_month"):
        example_sql("../../README")


def test_messages_per_channel(lake: LakeFiles) -> None:
    """Messages and conversations are counted by channel and author."""
    lake.add(
        "messages",
        *talk("c1", [(0, "user", "web"), (1, "user", "web"), (2, "business", "zd:agentWorkspace")]),
        *talk("c2", [(9, "user", "web")]),
    )
    assert lake.ask(example_sql("messages_per_channel")) == [
        ("web", "user", 3, 2, at(0), at(9)),
        ("zd:agentWorkspace", "business", 1, 1, at(2), at(2)),
    ]


def test_conversations_per_month(lake: LakeFiles) -> None:
    """A conversation counts in the month, in UTC, of its first message."""
    lake.add(
        "messages",
        *talk("c1", [(-1, "user", "web"), (1, "business", "api")]),
        *talk("c2", [(0, "user", "web")]),
        *talk("c3", [(5, "user", "web"), (6, "user", "web"), (7, "business", "api")]),
    )
    assert lake.ask(example_sql("conversations_per_month")) == [("2026-02", 1, 1, 2.0, 2), ("2026-03", 2, 1, 2.0, 3)]


def test_reply_times(lake: LakeFiles) -> None:
    """A turn waits from its first message to the reply, on its channel; unanswered ones count, but have no time."""
    lake.add(
        "messages",
        # Two turns: 0 to 10 (its second message, on another channel, begins none), 30 to 32.
        *talk("c1", [(0, "user", "web"), (5, "user", "whatsapp"), (10, "business", "api"), (11, "business", "api"),
                     (30, "user", "web"), (32, "business", "api")]),
        # The business begins, and the last turn is not answered.
        *talk("c2", [(0, "business", "api"), (7, "user", "web"), (11, "business", "api"), (50, "user", "web")]),
        *talk("c3", [(0, "user", "sms")]),
    )  # fmt: skip
    for name in ("c1", "c2", "c3"):
        lake.add("conversations", {"conversation_id": name, "created_at": at(0)})
    assert build(Settings(lake=str(lake.root))).exit_code == 0
    assert lake.ask(example_sql("reply_times")) == [("web", 4, 25.0, 4.0, 8.8), ("sms", 1, 100.0, None, None)]
