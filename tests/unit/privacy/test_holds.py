"""Holds: who is held, how long, and what the list says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import CorruptLakeError
from pipeline.lake.layout import open_lake
from pipeline.privacy.requests.holds import REVIEW_AFTER, Holds
from pipeline.privacy.requests.request import Reason
from pipeline.suppression.subjects import Action, Subject
from tests.unit.privacy.fakes import FakeMacs

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ANN = Subject(
    app_id="a", tag="t", action=Action.HOLD, user_ids=frozenset({"canary-1"}), emails=frozenset({"Canary@x.org"})
)
LATER_ANN = Subject(
    app_id="a", tag="u", action=Action.ERASE, user_ids=frozenset({"new"}), emails=frozenset({"canary@X.org"})
)
BEN = Subject(app_id="a", tag="v", action=Action.ERASE, user_ids=frozenset({"ben"}))


def test_a_person_is_held_until_released(tmp_path: Path) -> None:
    """One identifier is enough, in whatever case and by an old key; a release ends it; the list names nobody."""
    lake = open_lake(tmp_path, create=True)
    hold_id = Holds(lake, FakeMacs(("k1",))).hold(ANN, basis=Reason.LEGAL_CLAIMS, batch="b1", now=NOW)
    holds = Holds(lake, FakeMacs(("k2", "k1")))
    assert holds.hold(ANN, basis=Reason.LEGAL_CLAIMS, batch="b2", now=NOW) == hold_id
    assert holds.is_held(LATER_ANN)
    assert not holds.is_held(BEN)
    text = (tmp_path / "_sunlake/privacy/holds.jsonl").read_text()
    assert "anary" not in text
    (standing,) = holds.in_force()
    assert (standing.hold_id, standing.batch) == (hold_id, "b1")
    assert standing.review_on == (NOW + REVIEW_AFTER).date()
    assert holds.release(LATER_ANN, batch="b3", now=NOW) == 1
    assert holds.in_force() == []
    assert not holds.is_held(ANN)


def test_a_torn_line_is_put_aside_and_a_damaged_one_refused(tmp_path: Path) -> None:
    """What a death cut off never counted; a whole line that can't be read stops every erasure."""
    lake = open_lake(tmp_path, create=True)
    holds, path = Holds(lake, FakeMacs()), tmp_path / "_sunlake/privacy/holds.jsonl"
    holds.hold(ANN, basis=Reason.LEGAL_DUTY, batch="b1", now=NOW)
    with path.open("ab") as file:
        file.write(b'{"event":"rel')
    assert holds.is_held(ANN)
    assert path.with_name("holds.jsonl.torn").read_bytes() == b'{"event":"rel\n'
    with path.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(CorruptLakeError, match="line 2"):
        holds.is_held(ANN)
