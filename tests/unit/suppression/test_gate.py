from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import Settings
from pipeline.errors import PrivacyKeyError
from pipeline.lake import batch as batch_module
from pipeline.lake import commit as commit_module
from pipeline.lake.batch import Batch
from pipeline.lake.commit import recover
from pipeline.lake.compact import compact_app
from pipeline.lake.secrets import Dropped
from pipeline.suppression.gate import Gate, open_gate
from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import append, entries_for
from pipeline.suppression.restricted import has_restrictions, restricted_ids
from pipeline.suppression.subjects import Action
from pipeline.walk import ledger as tables
from pipeline.walk.roster import ConversationState, UserState
from pipeline.walk.shelf import Snapshot
from pipeline.walk.step import Step
from tests.unit.privacy.erased_lakes import APP, AnnasLake, subject
from tests.unit.suppression.people import message, oid, quote_of

KEYS = Keyring({"k": b"k" * 32})


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """An empty lake."""
    return AnnasLake(tmp_path / "lake")


def _suppress(annas: AnnasLake, action: Action = Action.ERASE) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    append(annas.lake, entries_for(subject(action), KEYS, batch="b", until=until))


def _gate(annas: AnnasLake) -> Gate:
    return Gate(annas.lake, APP, keys=lambda: KEYS)


def _batch(annas: AnnasLake, gate: Gate) -> Batch:
    return Batch(annas.lake, annas.ledger, app_id=APP, run_id="run", dropped=Dropped(), admission=gate)


def _everything(annas: AnnasLake) -> list[Step]:
    return [
        annas.people("anna", "ben"),
        annas.talk("alone", message("1", "anna"), message("2", None)),
        annas.talk("group", message("3", "ben", **quote_of(message("4", "anna"))), message("4", "anna")),
        annas.checkpoints(),
    ]


def _fill(annas: AnnasLake, gate: Gate, *, before_commit: Callable[[], None] = lambda: None) -> None:
    batch = _batch(annas, gate)
    for step in _everything(annas):
        batch.add(step)
    before_commit()
    batch.commit()


def _assert_only_ben(annas: AnnasLake) -> None:
    text = annas.values()
    for hers in ("anna", "anna's client", "alone", "1", "2", "4"):
        assert oid(hers) not in text, hers
    assert annas.rows("messages")["message_id"].to_pylist() == [oid("3")]
    assert annas.rows("messages")["quoted_message"].to_pylist() == ['{"type":"erased"}']
    assert annas.rows("users")["user_id"].to_pylist() == [oid("ben")]
    for path in annas.files():
        assert pq.read_metadata(annas.lake.final(path)).num_rows > 0
    with annas.ledger.read() as connection:
        known = {row.path: row.rows for row in connection.execute(tables.files.select())}
    assert known == {path: pq.read_metadata(annas.lake.final(path)).num_rows for path in annas.files()}


def test_whom_the_list_names_does_not_enter(annas: AnnasLake) -> None:
    """Neither rows nor checkpoints; what is theirs in others' rows is erased."""
    _suppress(annas)
    gate = _gate(annas)
    _fill(annas, gate)
    _assert_only_ben(annas)
    assert gate.left_out["rows"] > 0
    data = b"".join(path.read_bytes() for path in annas.lake.private.glob("ledger.db*"))
    assert oid("anna").encode() not in data
    assert oid("alone").encode() not in data
    assert oid("ben").encode() in data


def test_who_is_suppressed_while_rows_wait_is_not_published(annas: AnnasLake) -> None:
    """Rows that were admitted before are looked through again at the commit."""
    gate = _gate(annas)
    assert gate.is_open
    _fill(annas, gate, before_commit=lambda: _suppress(annas))
    _assert_only_ben(annas)


def test_who_is_suppressed_while_row_groups_are_written_is_not_published(
    annas: AnnasLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when files lie in staging already: between their last byte and the decision."""
    commit = batch_module.commit

    def late(*arguments: object, **options: object) -> None:
        _suppress(annas)
        commit(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_module, "commit", late)
    _fill(annas, _gate(annas))
    _assert_only_ben(annas)


def test_a_decided_commit_is_looked_through_when_it_is_recovered(
    annas: AnnasLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run died between decision and publication; the person was suppressed before the next start."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(commit_module, "_publish", die)
        with pytest.raises(KeyboardInterrupt):
            _fill(annas, _gate(annas))
    assert annas.files() == {}
    _suppress(annas)
    assert recover(annas.lake, annas.ledger, APP, admission=_gate(annas)) == 1
    _assert_only_ben(annas)


def test_compaction_keeps_out_whom_a_restored_file_brings_back(annas: AnnasLake) -> None:
    """Even a partition of nobody else."""
    for step in (*_everything(annas)[:3], annas.talk("alone", message("1", "anna"))):
        annas.commit(step)
    _suppress(annas)
    compact_app(annas.lake, annas.ledger, APP, admission=_gate(annas), min_files=1)
    _assert_only_ben(annas)


def test_an_export_over_suppressions_without_the_key_refuses(annas: AnnasLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail closed: at the start, and at a commit if the list appears in mid-run."""
    monkeypatch.delenv("SUNLAKE_PRIVACY_KEY", raising=False)
    monkeypatch.delenv("SUNLAKE_PRIVACY_KEY_FILE", raising=False)
    gate = open_gate(annas.lake, APP, Settings())
    with pytest.raises(PrivacyKeyError, match="sunlake erase keys"):
        _fill(annas, gate, before_commit=lambda: _suppress(annas))
    assert annas.files() == {}
    with pytest.raises(PrivacyKeyError):
        open_gate(annas.lake, APP, Settings())


def test_without_suppressions_no_key_is_asked_for(annas: AnnasLake) -> None:
    """And rows pass as they are."""

    def unexpected() -> Keyring:
        raise AssertionError

    gate = Gate(annas.lake, APP, keys=unexpected)
    _fill(annas, gate)
    assert annas.rows("users").num_rows == 2
    assert gate.admits("user", oid("anna"))
    assert not gate.left_out.total()


def test_a_returning_alias_is_turned_away_with_the_id_it_comes_with(annas: AnnasLake) -> None:
    """Until the alias expires a new user with the same external id or e-mail is kept out, rows of before included."""
    _suppress(annas)
    gate = _gate(annas)
    new = oid("anna again")
    assert gate.admits("user", new)
    assert not gate.admits("external_id", "customer-77")
    assert gate.admits("external_id", "customer-77", brand_id="other")
    assert not gate.admits("email", "anna.ernst@EXAMPLE.org")
    assert not gate.turn_away(oid("zoe"), external_id="other", brand_id=None, email=None)
    batch = _batch(annas, gate)
    batch.add(annas.talk("new talk", message("20", "anna again"), message("21", "ben")))
    assert gate.turn_away(new, external_id="customer-77", brand_id=None, email=None)
    assert not gate.admits("user", new)
    batch.commit()
    assert new not in annas.values()
    assert annas.rows("messages")["message_id"].to_pylist() == [oid("21")]


def test_a_cursor_never_names_a_suppressed_message(annas: AnnasLake) -> None:
    """Group conversations go on; one whose cursor is the person's own message is read again."""
    _suppress(annas)
    batch = _batch(annas, _gate(annas))
    group = ConversationState(APP, oid("group"), via_user_id=oid("anna"), head_id=oid("anna in group says"))
    merged = UserState(APP, oid("old"), merged_into=oid("anna"))
    batch.add(Step(conversations=[Snapshot(group, 1)], users=[Snapshot(merged, 1)]))
    batch.commit()
    with annas.ledger.read() as connection:
        row = connection.execute(tables.conversations.select()).one()
        user = connection.execute(tables.users.select()).one()
    assert (row.conversation_id, row.head_id, row.via_user_id) == (oid("group"), None, None)
    assert (user.user_id, user.merged_into) == (oid("old"), None)
    assert group.head_id is not None, "the walk's own state is not touched"


def test_pii_only_lets_the_person_in_without_what_is_direct(annas: AnnasLake) -> None:
    """Later exports bring the row again, and it is masked again."""
    _suppress(annas, Action.PII_ONLY)
    _fill(annas, _gate(annas))
    users = {row["user_id"]: row["given_name"] for row in annas.rows("users").to_pylist()}
    assert users == {oid("anna"): None, oid("ben"): "ben"}
    assert annas.rows("messages").num_rows == 4


def test_restricted_people_stay_and_are_named_to_the_warehouse(annas: AnnasLake) -> None:
    """Art. 18: rows stay and enter; the ids that models must hide are those that the lake holds."""
    assert restricted_ids(annas.lake, KEYS, APP).is_empty
    _suppress(annas, Action.RESTRICT)
    gate = _gate(annas)
    assert gate.is_open
    _fill(annas, gate)
    assert has_restrictions(annas.lake, APP)
    assert not has_restrictions(annas.lake, "other")
    found = restricted_ids(annas.lake, KEYS, APP)
    assert found.user_ids == {oid("anna")}
    assert found.conversation_ids == {oid("alone")}
    assert oid("anna") not in repr(found)
