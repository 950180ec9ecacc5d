from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.errors import CorruptLakeError, LockedError
from pipeline.lake.commit import live_files
from pipeline.lake.compact import compact_app
from pipeline.lake.lock import files_lock
from pipeline.lake.tables import TABLES, Table
from pipeline.privacy.rewrite.rewrite import FileOutcome, Status, rewrite_files, rewrite_lake
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.redact import Policy, Redacted, without
from pipeline.suppression.subjects import Action
from pipeline.walk import ledger as tables
from tests.unit.privacy.erased_lakes import APP, AnnasLake, subject
from tests.unit.suppression.people import message, oid, quote_of


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake of Anna and Ben."""
    lake = AnnasLake(tmp_path / "lake")
    lake.fill()
    return lake


def _erase(annas: AnnasLake, **options: object) -> list[FileOutcome]:
    return rewrite_lake(annas.lake, annas.ledger, APP, [subject()], **options)  # type: ignore[arg-type]


def test_nothing_of_the_subject_is_left_and_others_rows_are_the_same(annas: AnnasLake) -> None:
    """Every value of every other row is what it was, in the order it was in; files without the subject keep bytes."""
    before = {name: annas.rows(name) for name in TABLES}
    bytes_before = annas.files()
    done = _erase(annas)
    text = annas.values()
    for hers in ("anna", "anna's client", "alone", "1", "2", "4", "alone/" + oid("anna"), "group/" + oid("anna")):
        assert oid(hers) not in text, hers
    messages = annas.rows("messages")
    kept = before["messages"].filter(
        pc.is_in(before["messages"]["message_id"], pa.array([oid(name) for name in "35678"]))
    )
    assert messages.drop_columns("quoted_message").equals(kept.drop_columns("quoted_message"))
    quotes = dict(zip(messages["message_id"].to_pylist(), messages["quoted_message"].to_pylist(), strict=True))
    assert quotes[oid("5")] == '{"type":"erased"}'
    assert annas.rows("tombstones")["entity_id"].to_pylist() == [oid("ben")]
    touched = {outcome.path for outcome in done}
    untouched = {path: data for path, data in bytes_before.items() if path not in touched}
    assert untouched
    assert {path: data for path, data in annas.files().items() if path not in touched} == untouched


def test_a_file_of_nobody_else_is_removed_and_the_ledger_agrees(annas: AnnasLake) -> None:
    """The ledger knows the size and rows of every file that is left, and none that is not."""
    done = _erase(annas)
    removed = [outcome for outcome in done if outcome.status is Status.REMOVED]
    assert {outcome.table for outcome in removed} == {"conversations", "participants", "messages"}
    with annas.ledger.read() as connection:
        known = {row.path: (row.rows, row.bytes) for row in connection.execute(tables.files.select())}
    on_disk = {
        path: (pq.read_metadata(annas.lake.final(path)).num_rows, len(data)) for path, data in annas.files().items()
    }
    assert known == on_disk


def test_a_repeated_rewrite_finds_nothing_to_do(annas: AnnasLake) -> None:
    """The same subjects again: no file is written."""
    seen: list[FileOutcome] = []
    assert _erase(annas, on_file=seen.append) == seen
    assert seen
    after = annas.files()
    assert _erase(annas) == []
    assert annas.files() == after
    assert not list(annas.lake.staging(f"{APP}.rewrite").glob("*"))


def test_outcomes_count_what_happened(annas: AnnasLake) -> None:
    """Rows before, less those removed, are the rows after; a quote is a change."""
    done = _erase(annas)
    for outcome in done:
        assert outcome.rows_after == outcome.rows_before - outcome.removed
    messages = [outcome for outcome in done if outcome.table == "messages"]
    assert sum(outcome.removed for outcome in messages) == 3
    assert sum(outcome.changed for outcome in messages) == 1
    assert oid("anna") not in repr(done)


def test_a_written_file_has_the_lakes_own_form(annas: AnnasLake) -> None:
    """Schema, metadata, codec, statistics and dictionaries are those of any file of the lake."""
    before = {path: pq.read_metadata(annas.lake.final(path)) for path in annas.files()}
    (outcome,) = [item for item in _erase(annas) if item.status is Status.REWRITTEN and item.table == "messages"]
    old, new = before[outcome.path], pq.read_metadata(annas.lake.final(outcome.path))
    assert new.schema.equals(old.schema)
    assert new.metadata == old.metadata
    for index in range(old.num_columns):
        was, now = old.row_group(0).column(index), new.row_group(0).column(index)
        assert (was.compression, was.path_in_schema) == (now.compression, now.path_in_schema)
        assert was.has_dictionary_page == now.has_dictionary_page or now.statistics.null_count == new.num_rows


def test_an_open_reader_finishes_on_the_old_file(annas: AnnasLake) -> None:
    """A rename does not pull a file away below who reads it."""
    path = next(path for path in annas.files() if path.startswith("users/"))
    with pq.ParquetFile(annas.lake.final(path)) as reader:
        _erase(annas)
        assert reader.read().num_rows == 2
    assert annas.rows("users").num_rows == 1


def test_a_file_that_is_not_recorded_is_rewritten_too(annas: AnnasLake) -> None:
    """Any engine would read it, so it counts; it may be what a kill has left."""
    path = next(path for path in annas.files() if path.startswith("users/"))
    stray = annas.lake.final(path).with_name("0-0.parquet")
    shutil.copy(annas.lake.final(path), stray)
    _erase(annas)
    assert oid("anna") not in annas.values()
    assert stray.exists()


def test_a_damaged_file_stops_the_rewrite_before_anything_is_changed(annas: AnnasLake) -> None:
    """Nobody can say whom it holds."""
    path = next(path for path in annas.files() if path.startswith("messages/"))
    annas.lake.final(path).write_bytes(b"PAR1 is not all")
    before = annas.files()
    with pytest.raises(CorruptLakeError, match="sunlake repair"):
        _erase(annas)
    assert annas.files() == before


def test_a_rewrite_waits_for_who_replaces_files(annas: AnnasLake) -> None:
    """Compaction and rewrite never work on the same files at once."""
    with files_lock(annas.lake, APP), pytest.raises(LockedError, match="try again"):
        _erase(annas, wait_seconds=0.1)
    assert _erase(annas)


def test_compaction_after_a_rewrite_keeps_everybody_out(annas: AnnasLake) -> None:
    """What was rewritten is compacted as any other file."""
    _erase(annas)
    compact_app(annas.lake, annas.ledger, APP)
    assert oid("anna") not in annas.values()
    assert sorted(annas.rows("messages")["message_id"].to_pylist()) == sorted(oid(name) for name in "35678")
    assert live_files(annas.ledger, APP, "messages")


def test_actions_that_leave_rows_alone_do_so(annas: AnnasLake) -> None:
    """Access, restriction, holds: no file is touched."""
    before = annas.files()
    for action in (Action.ACCESS, Action.RESTRICT, Action.HOLD, Action.RELEASE):
        assert rewrite_lake(annas.lake, annas.ledger, APP, [subject(action)]) == []
    assert annas.files() == before


def test_another_apps_subjects_touch_nothing(annas: AnnasLake) -> None:
    """A subject belongs to one app."""
    before = annas.files()
    from dataclasses import replace

    assert rewrite_lake(annas.lake, annas.ledger, APP, [replace(subject(), app_id="other")]) == []
    assert annas.files() == before


def test_pii_only_keeps_texts_and_drops_names(annas: AnnasLake) -> None:
    """The user's row stays with its id, the messages stay with their text."""
    texts = annas.rows("messages")["text"]
    rewrite_lake(annas.lake, annas.ledger, APP, [subject(Action.PII_ONLY)])
    assert annas.rows("messages")["text"].equals(texts)
    users = {row["user_id"]: row["given_name"] for row in annas.rows("users").to_pylist()}
    assert users == {oid("anna"): None, oid("ben"): "ben"}
    assert "anna" not in annas.rows("messages")["author_display_name"].to_pylist()
    assert rewrite_lake(annas.lake, annas.ledger, APP, [subject(Action.PII_ONLY)]) == []


def test_scope_authored_keeps_the_agents_words(annas: AnnasLake) -> None:
    """And knows on a second look that there is nothing left to do."""
    policy = Policy(scope="authored")
    _erase(annas, policy=policy)
    kept = annas.rows("messages").filter(pc.equal(annas.rows("messages")["conversation_id"], oid("alone")))
    assert kept["message_id"].to_pylist() == [oid("2")]
    assert _erase(annas, policy=policy) == []


def test_mentions_in_group_conversations_are_redacted_on_request(annas: AnnasLake) -> None:
    """Only there, and only what names the person fully."""
    said = {"type": "text", "text": "anna.ernst@example.org wrote"}
    annas.commit(annas.talk("group", message("9", "ben", content=said)))
    _erase(annas, policy=Policy(mentions=Mentions([subject()])))
    texts = dict(zip(*(annas.rows("messages")[name].to_pylist() for name in ("message_id", "text")), strict=True))
    assert texts[oid("9")] == "[erased] wrote"
    assert texts[oid("8")] == "Text of 8"


def test_quotes_of_messages_in_personal_conversations_are_erased(annas: AnnasLake) -> None:
    """Nobody told the ids of what the business wrote there; the lake itself does."""
    annas.commit(annas.talk("bens", message("10", "ben", **quote_of(message("2", None)))))
    _erase(annas)
    assert oid("2") not in annas.values()


def test_a_rule_of_retention_uses_the_same_steps(annas: AnnasLake) -> None:
    """Rows that a predicate names go, files that can't hold any are not opened."""
    asked: list[str] = []

    def candidates(table: Table, file: Path) -> bool:
        asked.append(table.name)
        return "month=2026-03" in file.parts

    def change(_: Table, rows: pa.Table) -> Redacted:
        return without(rows, pc.equal(rows["conversation_id"], oid("bens")))

    order = [TABLES["messages"]]
    done = rewrite_files(annas.lake, annas.ledger, APP, change, candidates=candidates, order=order)
    assert [(item.status, item.removed) for item in done] == [(Status.REMOVED, 2)]
    assert set(asked) == {"messages"}
    assert sorted(annas.rows("messages")["message_id"].to_pylist()) == sorted(oid(name) for name in "123456")


def test_a_predicate_that_is_unsure_keeps_the_row(annas: AnnasLake) -> None:
    """Null in the mask is no reason to erase anything."""
    rows = annas.rows("users")
    assert without(rows, pa.array([None, True])).rows.equals(rows.slice(0, 1))
    assert without(rows, None).rows is rows


def test_duckdb_reads_the_lake_after_a_rewrite(annas: AnnasLake) -> None:
    """Hive partitions and schemas are those of before."""
    _erase(annas)
    with duckdb.connect() as duck:
        query = f"select count(*), min(month) from read_parquet('{annas.lake.root}/messages/**/*.parquet')"
        assert duck.execute(query).fetchall() == [(5, "2026-03")]
