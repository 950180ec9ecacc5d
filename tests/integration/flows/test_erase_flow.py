"""The flow `erase` on a Prefect server: it carries out what was confirmed, tells how it went, and names nobody."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from flows.erase import erase
from flows.given import Given, giving
from flows.outcome import exit_code
from pipeline.privacy.desk import open_desk
from pipeline.privacy.plan.confirm import confirm_plan
from pipeline.privacy.plan.run import plan_batch
from pipeline.privacy.requests.batch import read_batch
from pipeline.privacy.requests.store import load_batch
from pipeline.privacy.verify import verify_all
from pipeline.suppression.keys import new_key_text
from tests.integration.conftest import Serve
from tests.integration.erasure_town import needles_of, request_rows, write_requests
from tests.integration.export_bench import Bench
from tests.integration.flows.conftest import PrefectServer
from tests.integration.small_worlds import SmallWorld

pytestmark = [
    pytest.mark.usefixtures("here"),
    # Prefect leaves sockets of its own to the garbage collector when an event loop ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LEAVER, STAYER = "leaver00", "stayer00"


@pytest.fixture
def bench(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Two people in a lake, the keys of erasure, and temporary files that are nobody else's."""
    monkeypatch.setenv("SUNLAKE_PRIVACY_KEY", new_key_text())
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    world = SmallWorld("two")
    for name in (LEAVER, STAYER):
        profile = {"givenName": f"Given{name}", "surname": f"Surname{name}", "email": f"{name}@people.example"}
        world.user(name, clients=[f"{name}-web"], externalId=f"crm-{name}", profile=profile)
        world.conversation(f"{name}-default", [name], messages=3, isDefault=True)
        world.conversation(f"{name}-extra", [name], messages=2)
    bench = serve(world)
    bench.export()
    return bench


def _confirmed(bench: Bench, folder: Path) -> str:
    """A batch of one, planned and confirmed; its input is gone."""
    source = write_requests(folder / "requests.csv", request_rows((LEAVER,)))
    requests = read_batch(str(source), app_ids=[bench.app_id]).requests
    source.unlink()

    async def confirm() -> str:
        with open_desk(bench.settings()) as desk:
            stored = await plan_batch(desk, requests, source=str(source))
            return (await confirm_plan(desk, stored.plan.plan_id, stored.plan.confirmation)).batch_id

    return asyncio.run(confirm())


def _run(bench: Bench, batch_id: str | None = None) -> State[Any]:
    with giving(Given(settings=bench.settings())):
        return asyncio.run(erase(batch_id, return_state=True))


def test_a_confirmed_batch_is_carried_out_and_prefect_knows_nobody(
    bench: Bench, tmp_path: Path, here: PrefectServer
) -> None:
    """The run completes, the person is gone and proven so; Prefect holds the batch id, and no word of the person."""
    batch_id = _confirmed(bench, tmp_path)
    state = _run(bench, batch_id)
    assert (state.name, exit_code(state)) == ("Completed", 0), state
    assert f"batch {batch_id}: complete: 1 person" in str(state.message)
    with open_desk(bench.settings()) as desk:
        assert load_batch(desk.lake, batch_id).state == "closed"
        assert verify_all(desk).exit_code == 0
    stored = _everything_stored(here)
    assert batch_id in stored
    assert not [needle for needle in needles_of(LEAVER) if needle in stored]


def test_a_run_without_a_batch_goes_on_with_what_is_open(bench: Bench, tmp_path: Path) -> None:
    """A server that fails leaves the run partial and the batch open; the next run finds it, a third one nothing."""
    batch_id = _confirmed(bench, tmp_path)
    route = "DELETE /v2/apps/{appId}/users/{userIdOrExternalId}"
    bench.sandbox.set_faults({"kind": "status", "status": 400, "route": route})
    state = _run(bench)
    assert (state.name, exit_code(state)) == ("Partial", 3), state
    assert batch_id in str(state.message)
    bench.sandbox.set_faults()
    state = _run(bench)
    assert (state.name, exit_code(state)) == ("Completed", 0), state
    assert _run(bench).message == "no batch is open"


def test_an_unknown_batch_is_a_failure(bench: Bench) -> None:
    """What was given as an id is not repeated: it could be anything."""
    state = _run(bench, "Erika Mustermann")
    assert exit_code(state) == 1
    assert "there is no batch of this id" in str(state.message)
    assert "Erika" not in str(state.message)


def _everything_stored(server: PrefectServer) -> str:
    with closing(sqlite3.connect(server.home / "prefect.db")) as connection:
        return "\n".join(connection.iterdump())
