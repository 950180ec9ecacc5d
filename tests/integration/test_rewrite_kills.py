"""SIGKILL at each step of a rewrite: each file is the old or the new one, and a repeat ends where no kill would."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from pipeline.suppression.subjects import encode_subjects
from pipeline.walk import ledger as tables
from tests.integration.lake_truth import assert_all_files_whole
from tests.unit.privacy.erased_lakes import APP, AnnasLake, subject
from tests.unit.suppression.people import oid

PROJECT = Path(__file__).parents[2]
KILLED = "-9"
STEADY = ("rename", "sync_file")
OPERATIONS = (*STEADY, "sync_folder", "transaction", "its commit")
OTHERS = [oid(name) for name in "35678"]


def test_a_kill_at_any_step_of_a_rewrite_is_made_good_by_a_repeat(tmp_path: Path) -> None:
    """No row of anybody else is ever missing or doubled, and in the end the lake is that of an undisturbed rewrite.

    Every run is killed one operation further than the one before it, so that each operation of a kind is met by a kill.
    """
    template = tmp_path / "template"
    filled = AnnasLake(template)
    filled.fill()
    filled.ledger.close()
    people = tmp_path / "subjects"
    people.write_bytes(encode_subjects([subject()]))
    lake, trace = tmp_path / "lake", tmp_path / "trace"
    with _driver(people) as driver:
        assert _run(driver, "0", _copy(template, lake), trace) == "0"
        expected = _state(lake)
        points = trace.read_text().splitlines()
        for operation in OPERATIONS:
            _copy(template, lake)
            # A repeat does what the run before it was about to do, and is killed when it is about to go on.
            wanted = points.count(f"before {operation}")
            kills, at = 0, f"before {operation}#1"
            while (code := _run(driver, at, lake)) == KILLED:
                _assert_others_are_there(lake)
                kills += 1
                # Every run removes and forgets again what another may have left, before it comes to files of its own.
                at = f"before {operation}#{2 if operation in STEADY else kills + 1}"
                assert kills <= 2 * wanted, f"no run comes further than another {operation}"
            assert code == "0", at
            assert _state(lake) == expected, operation
            assert kills >= (wanted if operation in STEADY else 3), (operation, kills, wanted)
        # A repeat begins with what was not unlinked, so each needs a lake of its own.
        for number in range(1, points.count("before unlink") + 1):
            _copy(template, lake)
            assert _run(driver, f"before unlink#{number}", lake) == KILLED
            _assert_others_are_there(lake)
            assert _run(driver, "0", lake) == "0"
            assert _state(lake) == expected, number
    assert points.count("before rename") >= 3
    assert points.count("before unlink") >= 3


def _assert_others_are_there(root: Path) -> None:
    assert_all_files_whole(root)
    messages = AnnasLake(root).rows("messages")
    found = [key for key in messages["message_id"].to_pylist() if key in OTHERS]
    assert sorted(found) == sorted(OTHERS)


def _state(root: Path) -> object:
    """All rows by file, and what the ledger says."""
    annas = AnnasLake(root)
    rows = annas.files()
    with annas.ledger.read() as connection:
        known = [
            sorted(tuple(row) for row in connection.execute(sa.select(table)))
            for table in (tables.files, tables.aliases, tables.sets)
        ]
        roster = [
            sorted(str(tuple(row)) for row in connection.execute(sa.select(table)))
            for table in (tables.users, tables.conversations)
        ]
    annas.ledger.close()
    left = sorted(str(path.relative_to(root)) for path in (root / "_sunlake" / "staging").rglob("*.parquet"))
    return rows, known, roster, left


def _copy(template: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template, target)
    return target


@contextmanager
def _driver(people: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.integration.rewrite_driver", str(people), APP]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.communicate()


def _run(driver: subprocess.Popen[str], kill_at: str, root: Path, trace: Path | None = None) -> str:
    assert driver.stdin is not None
    assert driver.stdout is not None
    driver.stdin.write(f"{kill_at}\t{root}\t{trace or ''}\n")
    driver.stdin.flush()
    return driver.stdout.readline().strip()
