"""What was computed from the lake before people were erased or rows expired: after it, nothing of them is in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipeline.config import Settings
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.desk import Desk, open_desk
from pipeline.privacy.retention.run import run_expiry
from pipeline.privacy.rewrite.derived import rebuild_derived
from pipeline.privacy.rewrite.whole_batch import erase_lake
from pipeline.privacy.scan.needles import NeedleKind, needles_of
from pipeline.privacy.scan.report import ScanReport, Verdict
from pipeline.privacy.scan.roots import Root
from pipeline.privacy.scan.scan import scan
from pipeline.suppression.keys import new_key_text
from pipeline.suppression.redact import Policy
from pipeline.warehouse.build import build
from pipeline.warehouse.stored import warehouse_file
from tests.unit.privacy.erased_lakes import AnnasLake, subject
from tests.unit.suppression.people import oid

BATCH = "b" + "0" * 19
HERS = {oid(name) for name in ("anna", "alone", "1", "2", "4")}
EXPIRED = {oid(name) for name in ("alone", "bens", "1", "2", "3", "4", "5", "7", "8")}
STAYS = {oid("group"), oid("6")}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk of a lake with models of Anna and Ben."""
    for name in ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY"):
        monkeypatch.setenv(name, new_key_text())
    annas = AnnasLake(tmp_path / "lake")
    annas.fill()
    annas.ledger.close()
    settings = Settings(lake=str(annas.lake.root))
    build(settings)
    with open_desk(settings) as opened:
        yield opened


def test_no_fingerprint_of_an_erased_person_is_left(desk: Desk, tmp_path: Path) -> None:
    """The warehouse remembers every conversation by its id, to know what changed; the scan finds one that is stale."""
    old = tmp_path / "stale" / "warehouse.duckdb"
    old.parent.mkdir()
    shutil.copy(warehouse_file(desk.lake), old)
    assert oid("alone") in _fingerprinted(old)
    erase_lake(desk, [subject()], journal=BatchJournal(desk.deeds, BATCH), policy=Policy(), wait_seconds=5)
    assert not warehouse_file(desk.lake).exists()
    rebuild_derived(desk.settings, with_report=False)
    assert _fingerprinted(warehouse_file(desk.lake)) == {oid("group"), oid("bens")}
    assert not HERS & _words(desk, HERS)
    stale = _scan(old.parent, tmp_path)
    assert stale.verdict is Verdict.RESIDUAL
    assert NeedleKind.CONVERSATION_ID in {hit.kind for hit in stale.hits}
    assert _scan(warehouse_file(desk.lake), tmp_path).verdict is Verdict.CLEAN


def test_the_scan_finds_a_person_who_is_in_the_fingerprints_alone(tmp_path: Path) -> None:
    """A table of bookkeeping is looked through like any other."""
    file = tmp_path / "fingerprints.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema meta")
        connection.execute("create table meta.fingerprints (app_id varchar, conversation_id varchar)")
        connection.execute("insert into meta.fingerprints values ('app', $1)", [oid("alone")])
    report = _scan(file, tmp_path)
    assert (report.verdict, {hit.kind for hit in report.hits}) == (Verdict.RESIDUAL, {NeedleKind.CONVERSATION_ID})


def test_nothing_expired_is_left_in_models_after_a_run_that_was_cut(desk: Desk) -> None:
    """They go before the first file is rewritten, and what is built of a lake in between goes with the next run."""

    def die(_: object) -> None:
        raise KeyboardInterrupt

    before = datetime(2026, 4, 1, tzinfo=UTC)
    assert _words(desk, EXPIRED) >= {oid("alone"), oid("bens")}
    with pytest.raises(KeyboardInterrupt):
        run_expiry(desk, before=before, on_file=die)
    assert not warehouse_file(desk.lake).exists()
    assert not (desk.lake.root / "marts").exists()
    build(desk.settings)
    assert _words(desk, EXPIRED), "not all files are rewritten"
    done = run_expiry(desk, before=before)
    assert done.exit_code == 0
    assert done.models
    assert _words(desk, EXPIRED) == set()
    assert oid("group") in _words(desk, STAYS)
    assert _fingerprinted(warehouse_file(desk.lake)) == {oid("group")}


def _scan(place: Path, work: Path) -> ScanReport:
    return scan([Root(label="models", path=place)], needles_of([subject()]), work=work / "work")


def _fingerprinted(file: Path) -> set[str]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return {key for (key,) in connection.execute("select conversation_id from meta.fingerprints").fetchall()}


def _words(desk: Desk, wanted: set[str]) -> set[str]:
    """Which of these the tables of the warehouse and the files of the marts hold."""
    with duckdb.connect(str(warehouse_file(desk.lake)), read_only=True) as connection:
        names = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        rows = [connection.execute(f"from {name}").fetchall() for (name,) in names]
        files = [str(file) for file in (desk.lake.root / "marts").rglob("*.parquet")]
        rows += [connection.execute("from read_parquet($1)", [file]).fetchall() for file in files]
    shown = str(rows)
    return {each for each in wanted if each in shown}
