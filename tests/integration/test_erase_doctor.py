"""`sunlake doctor` warns of requests whose deadline is near."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.privacy.checkup import check_privacy
from pipeline.privacy.desk import open_desk
from pipeline.privacy.plan.run import plan_batch
from pipeline.privacy.requests.batch import read_batch
from pipeline.privacy.requests.holds import Holds
from pipeline.privacy.requests.request import Reason
from pipeline.suppression.keys import new_key_text
from pipeline.suppression.subjects import Action, Subject
from tests.integration.conftest import Serve
from tests.integration.erasure_town import request_rows, write_requests
from tests.integration.export_bench import Bench
from tests.integration.small_worlds import SmallWorld


@pytest.mark.parametrize(
    ("days", "said"), [(1, None), (26, "0 overdue and 1 due within a week"), (60, "1 overdue and 0 due within a week")]
)
def test_an_open_request_is_warned_of_in_time(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, said: str | None
) -> None:
    """A request that is fresh is no fault; one that is due within seven days, or overdue, is."""
    monkeypatch.setenv("SUNLAKE_PRIVACY_KEY", new_key_text())
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    world = SmallWorld("one")
    world.user("leaver00")
    world.conversation("talk", ["leaver00"], messages=2)
    bench = serve(world)
    bench.export()
    asyncio.run(_plan(bench, tmp_path / "requests.csv", datetime.now(UTC) - timedelta(days=days)))
    batch = check_privacy(bench.settings())[-1]
    assert batch.what.startswith("batch b")
    assert batch.is_good == (said is None), batch
    assert said is None or said in batch.text


@pytest.mark.parametrize(("days", "said"), [(100, None), (200, "1 in force, 1 due for review, set by b")])
def test_a_legal_hold_is_to_be_reviewed_after_half_a_year(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, days: int, said: str | None
) -> None:
    """A hold stands until it is released, and somebody has to ask from time to time whether it is needed."""
    monkeypatch.setenv("SUNLAKE_PRIVACY_KEY", new_key_text())
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    bench = serve(SmallWorld("one").user("leaver00"))
    bench.export()
    with open_desk(bench.settings()) as desk:
        desk.deeds.append(None, "plan")
        person = Subject(app_id=bench.app_id, tag="0" * 16, action=Action.HOLD, user_ids=frozenset({"u1"}))
        holds = Holds(desk.lake, desk.keyring)
        holds.hold(person, basis=Reason.LEGAL_CLAIMS, batch="b1", now=datetime.now(UTC) - timedelta(days=days))
    found = next(finding for finding in check_privacy(bench.settings()) if finding.what == "legal holds")
    assert (found.is_good, found.text) == ((True, "1 in force") if said is None else (False, found.text))
    assert said is None or said in found.text


async def _plan(bench: Bench, file: Path, received_at: datetime) -> None:
    row = request_rows(("leaver00",))[0] | {"received_at": f"{received_at:%Y-%m-%dT%H:%M:%S}+00:00"}
    requests = read_batch(str(write_requests(file, [row])), app_ids=[bench.app_id]).requests
    with open_desk(bench.settings()) as desk:
        await plan_batch(desk, requests, source=str(file), online=False)
