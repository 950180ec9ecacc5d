"""An export that runs while somebody is suppressed, and those after it: real processes, real HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.config import CommitSettings
from pipeline.lake.layout import open_lake
from pipeline.privacy.rewrite.rewrite import rewrite_lake
from pipeline.privacy.rewrite.state import purge_state
from pipeline.suppression.keys import Keyring, load_keyring, new_key_text
from pipeline.suppression.listing import entries_for, suppress
from pipeline.suppression.subjects import Action, Subject
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import assert_all_files_whole, raw_rows
from tests.integration.small_worlds import SmallWorld, oid

KEY = new_key_text()
TABLES = ("users", "clients", "conversations", "participants", "messages", "tombstones")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    """The privacy key, in the environment of exports within this process."""
    from pipeline.config import Settings

    monkeypatch.setenv("SUNLAKE_PRIVACY_KEY", KEY)
    return load_keyring(Settings())


def _world() -> SmallWorld:
    world = SmallWorld("erasure")
    for name in ("anna", "ben"):
        world.user(name, clients=[f"client of {name}"])
        world.conversation(f"talk of {name}", [name], messages=250)
    return world.conversation("group", ["anna", "ben"], messages=60)


def _anna(bench: Bench) -> Subject:
    return Subject(
        app_id=bench.app_id,
        tag="tag",
        action=Action.ERASE,
        user_ids=frozenset({oid("anna")}),
        client_ids=frozenset({oid("client of anna")}),
        participant_ids=frozenset({oid("talk of anna/anna"), oid("group/anna")}),
        personal_conversation_ids=frozenset({oid("talk of anna")}),
        group_conversation_ids=frozenset({oid("group")}),
        message_ids=frozenset(oid(f"group#{number}") for number in range(0, 60, 2)),
    )


def _suppress(bench: Bench, key: Keyring) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    lake = open_lake(bench.lake, create=True)
    assert suppress(lake, entries_for(_anna(bench), key, batch="b1", until=until))


def _needles(bench: Bench) -> list[str]:
    subject = _anna(bench)
    ids = subject.user_ids | subject.client_ids | subject.participant_ids | subject.personal_conversation_ids
    return sorted(ids | subject.message_ids | {oid(f"talk of anna#{number}") for number in range(250)})


def _assert_nothing_of_anna(bench: Bench) -> None:
    assert_all_files_whole(bench.lake)
    text = "\n".join(str(row) for table in TABLES for row in raw_rows(bench.lake, table, app_id=bench.app_id))
    assert not [needle for needle in _needles(bench) if needle in text]


def _assert_ben_is_whole(bench: Bench) -> None:
    rows = list(raw_rows(bench.lake, "messages", app_id=bench.app_id))
    found = {row["message_id"] for row in rows}
    assert {oid(f"talk of ben#{number}") for number in range(250)} <= found
    assert {oid(f"group#{number}") for number in range(1, 60, 2)} <= found


def _ledger_bytes(bench: Bench) -> bytes:
    return b"".join(path.read_bytes() for path in Path(bench.lake, "_sunlake").glob("ledger.db*"))


def test_an_export_that_runs_publishes_nothing_of_who_is_suppressed_meanwhile(serve: Serve, key: Keyring) -> None:
    """It had fetched the person before; what it had not committed it does not commit any more."""
    bench = serve(_world(), latency_ms=60, max_concurrency=1, commit=CommitSettings(seconds=600))
    process = bench.start("export", SUNLAKE_PRIVACY_KEY=KEY)
    deadline = time.monotonic() + 60
    while bench.sandbox.stats()["calls"] < 14 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None
    _suppress(bench, key)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, (output, errors)
    _assert_nothing_of_anna(bench)
    _assert_ben_is_whole(bench)
    assert "left out, since they were suppressed" in output + errors
    assert not [needle for needle in _needles(bench) if needle in output + errors]
    # The seed was planted before the suppression; nothing that the walk found joined it.
    assert [needle for needle in _needles(bench) if needle.encode() in _ledger_bytes(bench)] == [oid("anna")]


def test_an_erased_person_does_not_come_back_over_three_exports(serve: Serve, key: Keyring) -> None:
    """Upstream still has the person: export, sweep and export again bring nobody back, whatever finds them."""
    bench = serve(_world(), commit=CommitSettings(seconds=600, pages=4))
    bench.export()
    _suppress(bench, key)
    lake, ledger = open_lake(bench.lake, create=False), bench.ledger()
    assert rewrite_lake(lake, ledger, bench.app_id, [_anna(bench)])
    purge_state(lake, ledger, bench.app_id, [_anna(bench)])
    ledger.close()
    _assert_nothing_of_anna(bench)
    assert not [needle for needle in _needles(bench) if needle.encode() in _ledger_bytes(bench)]
    bench.seed([{"user_id": oid("anna")}, {"conversation_id": oid("talk of anna")}, {"user_id": oid("ben")}])
    talks = [oid("talk of ben"), oid("group"), oid("talk of anna")]
    bench.sandbox.change(*({"op": "add_messages", "conversation_id": talk, "count": 2} for talk in talks))
    for kind in ("export", "sweep", "export"):
        summary = bench.export("sweep" if kind == "sweep" else "export")
        assert any(note.startswith("left out, since they were suppressed: ") for note in summary.counters.notes)
        _assert_nothing_of_anna(bench)
        _assert_ben_is_whole(bench)
        assert oid("anna").encode() not in _ledger_bytes(bench)
        assert oid("talk of anna").encode() not in _ledger_bytes(bench)
    assert bench.command("compact").returncode != 0, "without the key nothing is written"


def test_an_exporter_without_the_key_refuses(serve: Serve, key: Keyring) -> None:
    """It says what is missing, exits as for wrong use, and asks upstream for nothing."""
    bench = serve(_world())
    _suppress(bench, key)
    calls = bench.sandbox.stats()["calls"]
    ended = bench.driven("export")
    assert ended.code == 2
    assert "SUNLAKE_PRIVACY_KEY" in ended.output + ended.errors
    assert bench.sandbox.stats()["calls"] == calls
