"""Restriction of processing (Art. 18) over a real lake: who is restricted is kept, and no build or check shows them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest

from pipeline.config import Settings
from pipeline.errors import PrivacyKeyError
from pipeline.suppression.keys import load_keyring
from pipeline.suppression.listing import append, entries_for
from pipeline.suppression.subjects import Action
from pipeline.warehouse.build import build
from pipeline.warehouse.checks import check
from pipeline.warehouse.stored import warehouse_file
from tests.unit.privacy.erased_lakes import AnnasLake, subject
from tests.unit.suppression.people import oid

# What builds remember of every conversation in the lake, to know what changed: ids, which no model reads.
BOOKKEEPING = {"meta.fingerprints", "meta.incomplete_conversations"}
HERS = {oid("anna"), oid("alone"), oid("4")}
BENS = {oid("bens"), oid("7")}


@pytest.fixture
def annas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AnnasLake:
    """A lake of Anna and Ben, and the privacy key in the environment."""
    monkeypatch.setenv("SUNLAKE_PRIVACY_KEY", "k:" + base64.b64encode(b"k" * 32).decode())
    annas = AnnasLake(tmp_path / "lake")
    annas.fill()
    return annas


def _write(annas: AnnasLake, action: Action) -> None:
    """Restrict Anna, or end it."""
    until = datetime.now(UTC) + timedelta(days=30)
    entries = entries_for(subject(Action.RESTRICT), load_keyring(_settings(annas)), batch="b", until=until)
    append(annas.lake, [msgspec.structs.replace(entry, action=action) for entry in entries])


def _settings(annas: AnnasLake) -> Settings:
    return Settings(lake=str(annas.lake.root))


def _shown(annas: AnnasLake) -> str:
    """Everything that the warehouse and the marts' files say, bookkeeping aside."""
    with duckdb.connect(str(warehouse_file(annas.lake)), read_only=True) as connection:
        names = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        rows = [connection.execute(f"from {name}").fetchall() for (name,) in names if name not in BOOKKEEPING]
        files = [str(path) for path in (annas.lake.root / "marts").rglob("*.parquet")]
        rows += [connection.execute("from read_parquet($1)", [file]).fetchall() for file in files]
    return str(rows)


def _seen(annas: AnnasLake, ids: set[str]) -> set[str]:
    shown = _shown(annas)
    return {each for each in ids if each in shown}


def test_builds_and_checks_find_out_whom_to_hide(annas: AnnasLake) -> None:
    """From an entry until its release nothing computed shows the person, and the lake's files stay as they are."""
    files = annas.files()
    build(_settings(annas))
    before = _seen(annas, HERS | BENS)
    assert oid("alone") in before
    _write(annas, Action.RESTRICT)
    summary = build(_settings(annas))
    assert summary.exit_code == 0
    assert summary.why_full == "an app, an integration or who is restricted changed"
    assert _seen(annas, HERS) == set()
    assert oid("bens") in _seen(annas, BENS)
    results = check(_settings(annas))
    assert [result.error for result in results if result.error] == []
    assert not any(each in str(results) for each in HERS)
    assert build(_settings(annas)).why_full is None
    _write(annas, Action.RELEASE)
    build(_settings(annas))
    assert _seen(annas, HERS | BENS) == before
    data = {name: content for name, content in annas.files().items() if not name.startswith("marts/")}
    assert data == files


def test_without_the_key_nothing_is_computed(annas: AnnasLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is needed only once somebody is restricted; then builds and checks refuse, and the last build stays."""
    monkeypatch.delenv("SUNLAKE_PRIVACY_KEY")
    build(_settings(annas))
    warehouse = warehouse_file(annas.lake).read_bytes()
    with monkeypatch.context() as known:
        known.setenv("SUNLAKE_PRIVACY_KEY", "k:" + base64.b64encode(b"k" * 32).decode())
        _write(annas, Action.RESTRICT)
    for work in (build, check):
        with pytest.raises(PrivacyKeyError, match="only the key tells whom to hide: there is no privacy key; set"):
            work(_settings(annas))
    assert warehouse_file(annas.lake).read_bytes() == warehouse
