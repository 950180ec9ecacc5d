from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import CorruptLakeError
from pipeline.lake.layout import Lake, new_commit_id
from pipeline.privacy.deeds.deed import DeedRefusedError
from pipeline.privacy.deeds.deeds import Deeds, verify_deeds
from pipeline.privacy.deeds.journal import BatchJournal

KEY = b"k" * 32
BATCH = f"b{new_commit_id()}"
TAG = "ab" * 16


def filled(root: Path, deeds: int = 5) -> Path:
    """The folder of a ledger with some deeds."""
    ledger = Deeds.open(Lake(root), key=KEY)
    for number in range(deeds):
        ledger.append(BATCH, "end", step="user", tag=TAG, status="done", counts={"calls": number, "calls_404": 1})
    return root / "_sunlake" / "privacy"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that tests damage and mend."""
    return filled(tmp_path_factory.mktemp("lake"))


def said_of(folder: Path, damaged: bytes) -> tuple[str, str]:
    """What verifying and opening say of a ledger with these bytes; the ledger is as before afterwards."""
    path = folder / "deeds.jsonl"
    whole = path.read_bytes()
    path.write_bytes(damaged)
    try:
        found = "; ".join(map(str, verify_deeds(folder, key=KEY)))
        with pytest.raises(CorruptLakeError) as refused:
            Deeds.open(Lake(folder.parents[1]), key=KEY)
        assert path.read_bytes() == damaged, "evidence must not be changed"
    finally:
        path.write_bytes(whole)
    assert not (folder / "deeds.jsonl.torn").exists()
    return found, str(refused.value)


def test_a_ledger_is_read_back_and_found_good(tmp_path: Path) -> None:
    """Deeds come back in order with their facts, the chain verifies, and files are for their owner only."""
    folder = filled(tmp_path)
    again = Deeds.open(Lake(tmp_path), key=KEY)
    assert [(deed.seq, deed.counts["calls"]) for deed in again.read(BATCH)] == [(n + 1, n) for n in range(5)]
    assert list(again.read(f"b{new_commit_id()}")) == []
    assert again.verify(expected=again.head()) == []
    assert (folder.stat().st_mode & 0o777, (folder / "deeds.jsonl").stat().st_mode & 0o777) == (0o700, 0o600)


def test_every_flipped_byte_is_found(folder: Path) -> None:
    """Whatever byte of the ledger is changed in its lowest bit, verifying and opening refuse it and name the line."""
    whole = (folder / "deeds.jsonl").read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        line = whole[:at].count(b"\n") + 1
        found, refused = said_of(folder, bytes(damaged))
        assert f"line {line}:" in found or f"line {line + 1}:" in found or "tail is cut off" in found
        assert "nothing was changed" in refused


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_found(folder: Path, data: st.DataObject) -> None:
    """Any byte replaced by any other is found."""
    whole = (folder / "deeds.jsonl").read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    found, _ = said_of(folder, whole[:at] + bytes([byte]) + whole[at + 1 :])
    assert found


def test_every_truncation_is_found(folder: Path) -> None:
    """Wherever the tail is cut off, in a line or between lines, the head tells how many deeds are missing."""
    whole = (folder / "deeds.jsonl").read_bytes()
    for length in range(len(whole)):
        found, refused = said_of(folder, whole[:length])
        missing = 5 - whole[:length].count(b"\n")
        assert f"deeds.head knows deed 5, the ledger ends with {5 - missing} ({missing} missing)" in found
        assert "tail is cut off" in refused


def test_inserted_removed_and_reordered_lines_are_found(folder: Path) -> None:
    """A line that is doubled, dropped or swapped is named by its number."""
    lines = (folder / "deeds.jsonl").read_bytes().splitlines(keepends=True)
    for damaged in (
        [*lines[:3], lines[2], *lines[3:]],
        [*lines[:2], *lines[3:]],
        [*lines[:2], lines[3], lines[2], lines[4]],
    ):
        found, refused = said_of(folder, b"".join(damaged))
        assert "removed, inserted or reordered" in found
        assert "line 3: " in refused or "line 4: " in refused


def test_a_chain_made_without_the_key_is_found(tmp_path: Path, folder: Path) -> None:
    """A ledger whose whole chain was recomputed with another key is refused at its first line."""
    forged = Deeds.open(Lake(tmp_path), key=b"x" * 32)
    for _ in range(5):
        forged.append(BATCH, "close", status="complete")
    found, _ = said_of(folder, (tmp_path / "_sunlake/privacy/deeds.jsonl").read_bytes())
    assert "line 1: deed 1 is not signed with this key" in found


def test_a_rollback_of_ledger_and_head_is_found_by_a_report(tmp_path: Path) -> None:
    """Where both files were put back to an older state, only a head that was printed finds it, also after new deeds."""
    folder = filled(tmp_path, 3)
    old = {path: path.read_bytes() for path in folder.iterdir()}
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    ledger.append(BATCH, "close", status="complete")
    printed = ledger.head()
    for path, data in old.items():
        path.write_bytes(data)
    assert verify_deeds(folder, key=KEY) == []
    assert "the report knows deed 4" in str(verify_deeds(folder, key=KEY, expected=printed)[0])
    Deeds.open(Lake(tmp_path), key=KEY).append(BATCH, "abort")
    assert "not the one that the report knows" in str(verify_deeds(folder, key=KEY, expected=printed)[0])


@pytest.mark.parametrize(("damage", "said"), [(None, "deeds.head is missing"), (b"{}", "deeds.head is damaged")])
def test_a_missing_or_damaged_head_is_found(tmp_path: Path, damage: bytes | None, said: str) -> None:
    """A ledger without its head is refused, since its tail can't be trusted."""
    folder = filled(tmp_path)
    (folder / "deeds.head").unlink()
    if damage is not None:
        (folder / "deeds.head").write_bytes(damage)
    assert said in str(verify_deeds(folder, key=KEY)[0])
    with pytest.raises(CorruptLakeError, match=said):
        Deeds.open(Lake(tmp_path), key=KEY)


def test_an_unfinished_line_is_put_aside_and_recorded(tmp_path: Path) -> None:
    """What a crash left of a deed goes to deeds.jsonl.torn; the ledger says so, verifies and goes on."""
    folder = filled(tmp_path, 2)
    with (folder / "deeds.jsonl").open("ab") as file:
        file.write(b'{"seq":3,"ts":"20')
    assert "line 3: is unfinished" in str(verify_deeds(folder, key=KEY)[0])
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    torn = list(ledger.read())[-1]
    assert (torn.seq, torn.event, torn.counts) == (3, "torn", {"bytes": 17})
    assert (folder / "deeds.jsonl.torn").read_bytes() == b'{"seq":3,"ts":"20\n'
    assert ledger.append(BATCH, "resume").seq == 4
    assert ledger.verify() == []


def test_a_head_that_a_crash_left_behind_is_no_problem(tmp_path: Path) -> None:
    """A deed on the disk whose head was not yet written is kept."""
    folder = filled(tmp_path, 2)
    behind = (folder / "deeds.head").read_bytes()
    Deeds.open(Lake(tmp_path), key=KEY).append(BATCH, "resume")
    (folder / "deeds.head").write_bytes(behind)
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    assert (ledger.head().seq, ledger.verify()) == (3, [])


REFUSED = [
    {"event": "anna@example.org"},
    {"event": "end", "step": "Anna Schmidt"},
    {"event": "end", "status": "+49 170 1234567"},
    {"event": "end", "tag": "anna@example.org"},
    {"event": "end", "tag": "Anna Schmidt"},
    {"event": "end", "ref": "anna@example.org"},
    {"event": "end", "ref": "Anna Schmidt"},
    {"event": "end", "counts": {"anna@example.org": 1}},
    {"event": "end", "counts": {"rows": "anna"}},
    {"event": "end", "counts": {"rows": 1.5}},
    {"event": "end", "counts": {"rows": True}},
    {"event": "end", "counts": {"rows": 2**70}},
]


@pytest.mark.parametrize("facts", REFUSED)
def test_free_text_is_refused(tmp_path: Path, facts: dict[str, object]) -> None:
    """Only words, counts, tags and references enter; the refusal does not repeat what it refused."""
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    with pytest.raises(DeedRefusedError) as refused:
        ledger.append(BATCH, **facts)  # type: ignore[arg-type]
    assert not any(word in str(refused.value) for word in ("anna", "Anna", "170"))
    assert refused.value.__cause__ is None
    with pytest.raises(DeedRefusedError):
        ledger.append("Anna Schmidt", "end")
    assert list(ledger.read()) == []
    assert ledger.append(BATCH, "end", ref="TICKET-17").ref == "TICKET-17"


def test_a_journal_knows_what_is_done_over_a_restart(tmp_path: Path) -> None:
    """A step that ended well is done, one that failed or was cut off is not, and its repetition is recorded."""
    journal = BatchJournal(Deeds.open(Lake(tmp_path), key=KEY), BATCH)
    journal.begin("user", TAG)
    journal.end("user", TAG, "done", calls=1)
    journal.begin("leave", TAG)
    journal.begin("attach", TAG)
    journal.end("attach", TAG, "failed_retryable", calls=8)
    again = BatchJournal(Deeds.open(Lake(tmp_path), key=KEY), BATCH)
    assert [again.done(step, TAG) for step in ("user", "leave", "attach", "quotes")] == [True, False, False, False]
    again.begin("leave", TAG)
    again.begin("attach", TAG)
    assert [deed.event for deed in again.deeds.read(BATCH)][-2:] == ["repeat", "begin"]


def _append_many(root: Path, count: int) -> None:
    ledger = Deeds.open(Lake(root), key=KEY)
    for number in range(count):
        ledger.append(BATCH, "end", counts={"rows": number})


def test_processes_that_append_at_once_are_serialised(tmp_path: Path) -> None:
    """Three processes and this one append to one ledger; none is lost, and the chain is whole."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append_many, args=(tmp_path, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    _append_many(tmp_path, 40)
    for process in processes:
        process.join(60)
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (ledger.head().seq, ledger.verify()) == (160, [])
    rows = [deed.counts["rows"] for deed in ledger.read()]
    assert sorted(rows) == sorted(list(range(40)) * 4)


TORN_DRIVER = """
import os, sys
from pathlib import Path
from pipeline.lake.layout import Lake
from pipeline.privacy.deeds.deeds import Deeds

ledger = Deeds.open(Lake(Path(sys.argv[1])), key=b"k" * 32)
whole = os.write

def half(descriptor, data):
    if b'"event":"close"' in data:
        whole(descriptor, data[: int(sys.argv[2])])
        os.kill(os.getpid(), 9)
    return whole(descriptor, data)

os.write = half
ledger.append(None, "resume", counts={"rows": 1})
ledger.append(None, "close")
"""


@pytest.mark.parametrize("length", [0, 1, 200, 10_000])
def test_a_process_killed_while_it_appends_leaves_a_good_ledger(tmp_path: Path, length: int) -> None:
    """SIGKILL before, amid and after the write of a deed: what was told before stays, and the chain is whole."""
    killed = subprocess.run([sys.executable, "-c", TORN_DRIVER, str(tmp_path), str(length)], timeout=60, check=False)
    assert killed.returncode == -9
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    events = [deed.event for deed in ledger.read()]
    expected = {0: ["resume"], 10_000: ["resume", "close"]}.get(length, ["resume", "torn"])
    assert (events, ledger.verify()) == (expected, [])


ENDLESS = "import sys; from tests.unit.privacy.endless_deeds import run; run(sys.argv[1])"


def test_a_process_killed_at_any_moment_loses_no_told_deed(tmp_path: Path) -> None:
    """Deeds that a killed process had reported as recorded are all there."""
    told = 0
    for _ in range(3):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from tests.unit.privacy.endless_deeds import run; run(sys.argv[1])",
                str(tmp_path),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        told += sum(1 for _ in zip(range(25), process.stdout, strict=False))
        process.kill()
        told += len(process.stdout.read().splitlines())
        process.wait(30)
        process.stdout.close()
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    assert ledger.verify() == []
    assert ledger.head().seq >= told >= 75


def test_an_open_ledger_notices_what_another_process_broke(tmp_path: Path) -> None:
    """A tail that is cut off while the ledger is open stops the next append."""
    folder = filled(tmp_path)
    ledger = Deeds.open(Lake(tmp_path), key=KEY)
    lines = (folder / "deeds.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "deeds.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(CorruptLakeError, match="tail is cut off"):
        ledger.append(BATCH, "close")


def test_a_line_is_plain_json(folder: Path) -> None:
    """Every deed is one JSON object with exactly the documented fields."""
    names = {"seq", "ts", "batch", "event", "step", "tag", "ref", "status", "counts", "prev", "hash", "mac"}
    for line in (folder / "deeds.jsonl").read_text("ascii").splitlines():
        assert set(json.loads(line)) == names
