"""Flows where others run them: by a worker of a process pool, and with no server at all."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.types.entrypoint import EntrypointType

from flows.export import export
from tests.integration.conftest import Serve
from tests.integration.export_bench import PROJECT
from tests.integration.flows.conftest import PrefectServer, environment
from tests.integration.lake_truth import assert_same_as_world

pytestmark = pytest.mark.slow

WORLD = "synthetic:seed=31,size=30"
POOL = "machines"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Prefect leaves sockets of its own to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worker_runs_a_deployed_flow(serve: Serve, here: PrefectServer, tmp_path: Path) -> None:
    """A deployment that names the module runs in a worker's process, with settings and keys from the environment."""
    bench = serve(WORLD)
    run_id = asyncio.run(_order(bench.app_id))
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--run-once"]
    env = bench.environment() | here.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=150, check=False)
    state = asyncio.run(_state(run_id))
    assert state.is_completed(), (state, done.stdout, done.stderr)
    assert state.name == "Completed"
    assert_same_as_world(bench.lake, bench.sandbox)


def test_a_flow_runs_without_a_server(serve: Serve, tmp_path: Path) -> None:
    """Called as a function it brings a server along for as long as it runs, and leaves nothing running."""
    bench = serve(WORLD)
    code = "import asyncio; from flows.export import export; print(asyncio.run(export(return_state=True)).name)"
    env = bench.environment() | environment(tmp_path / "prefect")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout.split() == ["Completed"], done.stderr
    assert "Traceback" not in done.stderr
    assert_same_as_world(bench.lake, bench.sandbox)


async def _order(app_id: str) -> UUID:
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    deployment = await export.ato_deployment("here", work_pool_name=POOL, entrypoint_type=EntrypointType.MODULE_PATH)
    await deployment.aapply()
    run = await run_deployment("export/here", parameters={"app_ids": [app_id]}, timeout=0)
    return run.id


async def _state(run_id: UUID) -> State[object]:
    async with get_client() as client:
        run = await client.read_flow_run(run_id)
    assert run.state is not None
    return run.state
