"""The flows on a Prefect server: what they do, what they tell, and what they keep to themselves."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.objects import State

from flows import export as export_module
from flows.compact import compact
from flows.export import export
from flows.given import Given, giving
from flows.nightly import nightly
from flows.outcome import exit_code
from flows.sweep import sweep
from pipeline.config import Settings
from pipeline.outcome import Summary
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.flows.conftest import PrefectServer
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world

pytestmark = [
    pytest.mark.usefixtures("here"),
    # Prefect leaves sockets of its own to the garbage collector when an event loop ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WORLD = "synthetic:seed=11,size=60"


def _run(flow: Any, bench: Bench, *, given: Given | None = None, **parameters: Any) -> tuple[State[Any], list[Summary]]:
    with giving(given or Given(settings=bench.settings())) as known:
        state = asyncio.run(flow(return_state=True, **parameters))
    return state, known.summaries


def test_an_export_runs_in_shards(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks are one that opens the run and one per shard; together they export everything once."""
    monkeypatch.setattr(export_module, "MIN_SHARD", 20)
    bench = serve(WORLD)
    state, (summary,) = _run(export, bench)
    assert (state.type.value, state.name) == ("COMPLETED", "Completed"), state
    assert f"{summary.counters.messages:,} messages" in str(state.message)
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    names = asyncio.run(_task_names(state))
    shards = [f"walk {bench.app_id} {number}" for number in range(1, len(names))]
    assert len(shards) > 1
    assert names == {f"discover {bench.app_id}", *shards}
    assert f"| {summary.counters.messages:,} |" in asyncio.run(_artifact(state))


def test_what_could_not_be_read_makes_a_run_partial(serve: Serve) -> None:
    """The run completes, its name and message say that something is missing, and the next run gets it."""
    bench = serve(WORLD)
    route = "GET /v2/apps/{appId}/users/{userIdOrExternalId}"
    bench.sandbox.set_faults({"kind": "status", "status": 400, "route": route, "after": 5, "times": 1})
    state, _ = _run(export, bench)
    assert (state.type.value, state.name, exit_code(state)) == ("COMPLETED", "Partial", 3), state
    assert "1 could not be read" in str(state.message)
    bench.sandbox.set_faults()
    assert _run(export, bench)[0].name == "Completed"
    assert_same_as_world(bench.lake, bench.sandbox)


def test_an_app_that_fails_leaves_the_others_alone(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is Failed and names the app and the reason; the other app is complete."""
    bench = serve(WORLD)
    monkeypatch.setenv("NO_KEY", "wrong")
    good = bench.settings()
    bad = _with_app(good, key_id_env="NO_KEY", secret_env="NO_KEY", app_id="5d8cff3cd55b040010928b5b")
    both = msgspec.structs.replace(good, apps=good.apps + bad.apps)
    state, _ = _run(export, bench, given=Given(settings=both))
    assert (state.type.value, state.name, exit_code(state)) == ("FAILED", "Failed in part", 3), state
    assert "app 5d8cff3cd55b040010928b5b: GET /v2/apps/{appId}: " in str(state.message)
    assert_same_as_world(bench.lake, bench.sandbox)
    alone, _ = _run(export, bench, given=Given(settings=bad))
    assert (alone.name, exit_code(alone)) == ("Failed", 1)


def test_an_unknown_app_is_refused(serve: Serve) -> None:
    """A wrong parameter ends the run with the message that the command line would give."""
    state, summaries = _run(export, serve(WORLD), app_ids=["5d8cff3cd55b040010928b5b"])
    assert state.is_failed()
    assert "is not configured" in str(state.message)
    assert not summaries


def test_a_run_that_is_stopped_says_what_is_left(serve: Serve) -> None:
    """The event of the caller ends a run after a last commit; the next one goes on."""
    bench = serve(WORLD, latency_ms=100, max_concurrency=4)

    async def stopped() -> State[Any]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(2, stop.set)
        with giving(Given(settings=bench.settings(), stop=stop)):
            return await export(return_state=True)

    state = asyncio.run(stopped())
    assert (state.name, exit_code(state)) == ("Partial", 3), state
    assert "left for the next run" in str(state.message)
    bench.sandbox.set_faults()
    bench.sandbox.set_faults()
    assert _run(export, bench)[0].name == "Completed"
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


def test_a_sweep_finds_what_an_export_can_not_see(serve: Serve) -> None:
    """A deleted message moves no timestamp; the flow `sweep` reads everything again."""
    bench = serve(WORLD)
    _run(export, bench)
    _delete_a_message(bench)
    assert _run(sweep, bench)[0].name == "Completed"
    assert_same_as_world(bench.lake, bench.sandbox)


def test_a_night_exports_builds_checks_and_reports(serve: Serve) -> None:
    """Each step is a flow of its own, and the last state tells how each went; the report is there in the morning."""
    bench = serve(WORLD)
    _run(export, bench)
    state, _ = _run(nightly, bench)
    steps = [line.partition(":")[0] for line in str(state.message).splitlines()]
    assert (state.name, steps) == ("Completed", ["export", "compact", "build", "check", "report"]), state.message
    assert (bench.lake / "_sunlake" / "report" / "index.html").exists()
    assert _run(compact, bench, app_ids=[bench.app_id])[0].name == "Completed"
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


def test_prefects_database_holds_nobody(serve: Serve, here: PrefectServer) -> None:
    """Neither ids of people and conversations, nor names, texts or keys: after runs that ended well and badly."""
    bench = serve(WORLD)
    words = set(_words(bench))
    leaky = Given(settings=bench.settings(), summaries=_Leaky(words))
    assert "internal error: ValueError" in str(_run(export, bench, given=leaky)[0].message)
    bench.sandbox.set_faults({"kind": "status", "status": 400, "probability": 0.3})
    _run(nightly, bench)
    bench.sandbox.set_faults({"kind": "revoked"})
    assert _run(export, bench)[0].is_failed()
    stored = _everything_stored(here)
    assert bench.app_id in stored
    assert not [word for word in words if word in stored]


class _Leaky(list[Summary]):
    """Stands for whatever may fail with data in its message."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__()
        self._words = sorted(words)

    def extend(self, _: Iterable[Summary]) -> None:
        raise ValueError(self._words)


def _with_app(settings: Settings, **changes: Any) -> Settings:
    """The settings with another app in place of theirs."""
    return msgspec.structs.replace(settings, apps=(msgspec.structs.replace(settings.apps[0], **changes),))


async def _task_names(state: State[Any]) -> set[str]:
    async with get_client() as client:
        runs = await client.read_task_runs(
            flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [state.state_details.flow_run_id]}})
        )
    return {run.name for run in runs}


async def _artifact(state: State[Any]) -> str:
    async with get_client() as client:
        wanted = {"flow_run_id": {"any_": [state.state_details.flow_run_id]}}
        (artifact,) = await client.read_artifacts(artifact_filter=ArtifactFilter.model_validate(wanted))
    return str(artifact.data)


def _delete_a_message(bench: Bench) -> None:
    row = next(bench.sandbox.world("messages"))
    change = {"op": "delete_message", "conversation_id": row["conversation_id"], "message_id": row["object"]["id"]}
    bench.sandbox.change(change)


def _words(bench: Bench) -> Iterator[str]:
    """Everything in the world that belongs to a person or a conversation, and the secret of the key."""
    yield bench.key.secret
    for row in bench.sandbox.world("users", "conversations", "messages"):
        thing = row["object"]
        content = thing.get("content") or {}
        yield thing["id"]
        yield from (text for text in (thing.get("externalId"), content.get("text")) if text and len(text) >= 12)
        yield from (text for text in (thing.get("profile") or {}).values() if isinstance(text, str) and len(text) >= 12)


def _everything_stored(server: PrefectServer) -> str:
    with closing(sqlite3.connect(server.home / "prefect.db")) as connection:
        database = "\n".join(connection.iterdump())
    files = [path for path in server.home.rglob("*") if path.is_file() and not path.name.startswith("prefect.db")]
    return database + "".join(path.read_text("utf-8", errors="replace") for path in files)
