"""A run of retention that was cut, and taken up by a run for fewer apps or for another age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import Settings
from pipeline.lake.batch import Batch
from pipeline.lake.layout import open_lake
from pipeline.lake.secrets import Dropped
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk, open_desk
from pipeline.privacy.retention.run import run_expiry
from pipeline.suppression.keys import new_key_text
from pipeline.walk.ledger import open_ledger
from pipeline.walk.step import Step
from tests.unit.privacy.erased_lakes import rows
from tests.unit.suppression.people import message, oid

APPS = ("5d8cff3cd55b040010928b5b", "6d8cff3cd55b040010928b5b")
BEFORE = datetime(2026, 4, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk of a lake of two apps, each with a young message and two old ones, in a file for each month."""
    for name in ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY"):
        monkeypatch.setenv(name, new_key_text())
    lake = open_lake(tmp_path / "lake", create=True)
    ledger = open_ledger(lake.default_ledger_url)
    for app_id in APPS:
        batch = Batch(lake, ledger, app_id=app_id, run_id="run", dropped=Dropped())
        moments = {"older": "2026-02-01", "old": "2026-03-01", "young": "2026-04-02"}
        said = [message(name, "ben", received=f"{day}T10:00:00.000Z") for name, day in moments.items()]
        batch.add(Step(rows=[rows("messages", said, conversation_id=oid("talk"))]))
        batch.commit()
    ledger.close()
    with open_desk(Settings(lake=str(lake.root))) as opened:
        yield opened


def _kill(desk: Desk, app_ids: Sequence[str] = APPS) -> None:
    """Let a run die after the first file, which is one of the first app."""

    def die(_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        run_expiry(desk, before=BEFORE, app_ids=app_ids, on_file=die)


def _said(desk: Desk, app_id: str) -> set[str]:
    files = sorted(desk.lake.root.glob(f"messages/app_id={app_id}/**/*.parquet"))
    return {name for file in files for name in pq.read_table(file)["message_id"].to_pylist()}


def _closed(desk: Desk) -> int:
    return sum(deed.event is Event.CLOSE for deed in desk.deeds.read())


def test_a_cut_run_that_is_resumed_for_fewer_apps_stays_open_and_says_so(desk: Desk) -> None:
    """The other app still holds what expired; only when it is done, too, is the run closed, under one id."""
    _kill(desk)
    first = run_expiry(desk, before=BEFORE, app_ids=APPS[:1])
    assert first.exit_code == 3
    assert first.problem is not None
    assert APPS[1] in first.problem
    assert APPS[0] not in first.problem
    assert (_closed(desk), _said(desk, APPS[0])) == (0, {oid("young")})
    assert oid("old") in _said(desk, APPS[1])
    last = run_expiry(desk, before=BEFORE)
    assert (last.exit_code, last.batch_id, _closed(desk)) == (0, first.batch_id, 1)
    assert _said(desk, APPS[1]) == {oid("young")}


def test_an_app_that_joins_a_cut_run_is_covered_by_it(desk: Desk) -> None:
    """A run for one app that is taken up for both, and cut again, waits for both."""
    _kill(desk, APPS[:1])
    _kill(desk, APPS)
    done = run_expiry(desk, before=BEFORE, app_ids=APPS[:1])
    assert done.problem is not None
    assert APPS[1] in done.problem
    assert run_expiry(desk, before=BEFORE, app_ids=APPS[1:]).exit_code == 0
    assert _closed(desk) == 1


def test_what_a_cut_run_had_begun_goes_even_if_it_is_taken_up_without_an_age(desk: Desk) -> None:
    """The floor of an app that was begun is raised: nothing below it may be left when the run is closed."""
    _kill(desk)
    assert oid("old") in _said(desk, APPS[0])
    assert run_expiry(desk, before=None).exit_code == 0
    assert _said(desk, APPS[0]) == {oid("young")}
    assert _said(desk, APPS[1]) == set(map(oid, ("older", "old", "young"))), "its age was never asked for again"


def test_a_run_that_came_to_its_end_leaves_nothing_to_resume(desk: Desk) -> None:
    """The next one is a run of its own."""
    first, second = (run_expiry(desk, before=BEFORE) for _ in range(2))
    assert first.batch_id != second.batch_id
    assert (first.exit_code, second.exit_code, _closed(desk)) == (0, 0, 2)
