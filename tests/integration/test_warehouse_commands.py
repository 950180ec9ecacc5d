"""`sunlake build`, `check` and `sql` over the marts, as processes on one lake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.unit.warehouse.lakes import LakeFiles, at, talk

PROJECT = Path(__file__).parents[2]
CANARY = "canary-4711"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of two conversations, built."""
    folder = tmp_path_factory.mktemp("place")
    lake = LakeFiles(folder / "lake")
    rows = [
        *talk("c1", [(0, "user", "web"), (60, "business", "zd:agentWorkspace")]),
        *talk("c2", [(0, "user", "whatsapp"), (30, "business", "zd:agentWorkspace"), (90, "user", "whatsapp")]),
    ]
    people = [row | {"text": CANARY, "author_user_id": CANARY} for row in rows]
    lake.add("messages", *people)
    lake.add("conversations", *({"conversation_id": name, "created_at": at(0)} for name in ("c1", "c2")))
    for command in ("repair", "build"):  # repair makes the ledger that an export would have made
        done = _sunlake(folder, command)
        assert done.returncode == 0, done.stderr
    return folder


def _sunlake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-P", "-m", "pipeline.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_a_build_says_what_it_computed(place: Path) -> None:
    """A full build names each model with its rows; one over an unchanged lake says that it computed no conversation."""
    full = _sunlake(place, "build", "--full")
    assert full.returncode == 0, full.stderr
    assert "computed all 2 conversations (all was asked for)" in full.stdout
    turns = next(line.split() for line in full.stdout.splitlines() if line.startswith("marts.fct_turns"))
    assert turns[1:3] == ["built", "3"]
    again = _sunlake(place, "build")
    assert again.returncode == 0, again.stderr
    assert "conversations that changed or are still open" in again.stdout


def test_a_selected_family_is_built(place: Path) -> None:
    """--select builds what it names, and an unknown name is wrong use."""
    chosen = _sunlake(place, "build", "--select", "agg_session_daily")
    assert chosen.returncode == 0, chosen.stderr
    assert [line.split()[0] for line in chosen.stdout.splitlines() if " built " in line and "marts." in line] == [
        "marts.agg_session_daily"
    ]
    wrong = _sunlake(place, "build", "--select", "fct_nothing")
    assert wrong.returncode == 2
    assert "there is no model 'fct_nothing'" in wrong.stderr


@pytest.mark.parametrize(
    ("size", "code", "told"),
    [("800MB", 0, ""), ("much", 2, "write it like 2GB or 800MB"), ("8MB", 2, "give at least 256MiB")],
)
def test_memory_is_bounded_as_it_is_told(place: Path, size: str, code: int, told: str) -> None:
    """An amount of memory is taken as DuckDB takes it; what is none, or too little, is wrong use."""
    for command in ("build", "check"):
        done = _sunlake(place, command, "--memory-limit", size)
        assert done.returncode == code, done.stderr
        assert told in done.stderr


def test_checks_pass_and_broken_promises_are_shown(place: Path) -> None:
    """All checks pass over a sound warehouse; a row that breaks one fails with a sample and without personal data."""
    assert _sunlake(place, "build", "--full").returncode == 0
    sound = _sunlake(place, "check")
    assert sound.returncode == 0, sound.stdout
    assert " checks, 0 failed" in sound.stdout
    named = _sunlake(place, "check", "--all")
    assert "ok      fct_turns: n_user_msgs > 0: n_user_msgs > 0" in named.stdout
    assert named.stdout.count("ok      ") == int(named.stdout.splitlines()[-1].split()[0]) > 400
    with duckdb.connect(str(place / "lake" / "_sunlake" / "warehouse.duckdb")) as warehouse:
        warehouse.execute("update marts.fct_turns set n_user_msgs = n_user_msgs + 1 where turn_no = 1")
    broken = _sunlake(place, "check")
    assert broken.returncode == 1
    assert "FAILED  turns_hold_every_user_message" in broken.stdout
    assert CANARY not in broken.stdout + broken.stderr
    assert _sunlake(place, "build", "--full").returncode == 0


def test_sql_knows_the_marts(place: Path) -> None:
    """Marts are found with and without their schema, beside the lake's tables, and listed with their columns."""
    query = (
        "select status, count(*) as n from fct_turns join marts.fct_sessions using (session_id) group by all order by 1"
    )
    answer = _sunlake(place, "sql", query, "--format", "json")
    assert json.loads(answer.stdout) == [{"status": "answered", "n": 2}, {"status": "open", "n": 1}]
    both = "select count(*) as n from messages join fct_sessions using (app_id, conversation_id)"
    assert json.loads(_sunlake(place, "sql", both, "--format", "json").stdout) == [{"n": 5}]
    listed = _sunlake(place, "sql", "--list").stdout
    assert "fct_turns: One row per" in listed
    assert "messages: One row per message" in listed
    assert "reply_from_last_ms" in listed


def test_a_mart_is_written_by_no_query(place: Path) -> None:
    """The warehouse is as read-only as the lake."""
    refused = _sunlake(place, "sql", "delete from marts.fct_turns")
    assert refused.returncode == 1
    assert "read-only" in refused.stderr


def test_without_a_warehouse_the_remedy_is_named(tmp_path: Path) -> None:
    """Asking for marts, checks or a report before a build says what to run; without a lake, that there is none."""
    LakeFiles(tmp_path / "lake")
    for arguments in (["sql", "from fct_turns"], ["check"], ["report"]):
        failed = _sunlake(tmp_path, *arguments)
        assert failed.returncode == 1
        assert "sunlake build" in failed.stderr, arguments
    (tmp_path / "empty").mkdir()
    for command in ("build", "check", "report"):
        failed = _sunlake(tmp_path / "empty", command)
        assert failed.returncode == 1
        assert "there is no lake" in failed.stderr
