from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from pipeline.errors import SunlakeError
from pipeline.sandbox.process import Sandbox
from tests.running import running
from tests.unit.sandbox.conftest import APP, OTHER_APP, write_world

COMMAND = [sys.executable, "-m", "pipeline.sandbox"]


@pytest.fixture
def world(tmp_path: Path) -> str:
    """The small world as an option's value."""
    return f"recorded:{write_world(tmp_path / 'world.jsonl', APP)}"


def is_listening(base_url: str) -> bool:
    """Whether anyone answers there."""
    host, port = base_url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def wait_until_gone(base_url: str) -> None:
    """Return when nobody answers any more."""
    for _ in range(400):
        if not is_listening(base_url):
            return
        time.sleep(0.025)
    pytest.fail("the server is still there")


def test_sandbox_starts_and_ends(world: str, tmp_path: Path) -> None:
    """Inside the block it answers with the keys it names, after it nobody listens; several worlds are several apps."""
    other = f"recorded:{write_world(tmp_path / 'other.jsonl', OTHER_APP)}"
    with Sandbox(world, other, faults=[{"kind": "status", "times": 1}], behaviour={"sparse_meta": True}) as sandbox:
        base_url, key = sandbox.base_url, sandbox.key(app_id=OTHER_APP)
        assert sandbox.app_ids == [APP, OTHER_APP]
        answers = [httpx.get(f"{base_url}/v2/apps/{OTHER_APP}", auth=(key.id, key.secret)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 200]
    assert not is_listening(base_url)


def test_keys_are_the_same_each_time(world: str) -> None:
    """Keys depend on the app alone, so a configuration stays valid from run to run."""
    with Sandbox(world) as first, Sandbox(world) as second:
        for scope in ("app", "account", "integration"):
            assert first.key(scope) == second.key(scope)


def test_sandbox_ends_with_open_and_hanging_connections(world: str) -> None:
    """A client that keeps its connection, or waits for an answer that never comes, does not hold the server up."""
    with Sandbox(world, faults=[{"kind": "hang"}]) as sandbox, httpx.Client(timeout=0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"{sandbox.base_url}/v2/apps")
        host, port = sandbox.base_url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as idle:
            sandbox.stop()
            assert idle.recv(1) == b""


def test_sandbox_does_not_outlive_its_parent(world: str) -> None:
    """When the process that started it is killed, the server ends, too."""
    script = """if True:
        import sys
        from pipeline.sandbox.process import Sandbox
        sandbox = Sandbox(sys.argv[1])
        sandbox.start()
        print(sandbox.base_url, flush=True)
        input()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", script, world], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin
    assert parent.stdout
    base_url = parent.stdout.readline().strip()
    assert is_listening(base_url)
    parent.kill()
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    wait_until_gone(base_url)


def test_command_serves_until_interrupted(world: str) -> None:
    """The command prints one JSON line, obeys its options, and ends with code 0 at SIGINT."""
    options = ["--world", world, "--fault", "status:status=502,times=1", "--rate-limit", "1000", "--latency-ms", "1"]
    options += ["--behaviour", "delete_user_polls=5", "--behaviour", "gzip=true"]
    with running([*COMMAND, *options]) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        faults = httpx.get(f"{ready['base_url']}/_control/faults").json()["faults"]
        behaviour = httpx.get(f"{ready['base_url']}/_control/behaviour").json()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert [fault["kind"] for fault in faults] == ["rate_limit", "slow", "status"]
    assert (faults[2]["status"], faults[2]["times"]) == (502, 1)
    assert (behaviour["delete_user_polls"], behaviour["gzip"]) == (5, True)
    assert ready["apps"][0]["app_id"] == APP
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--world", "atlantis"], "no world named"),
        (["--world", "recorded:/does/not/exist"], "can't be read"),
        (["--world", "WORLD", "--world", "WORLD"], "same app"),
        (["--world", "WORLD", "--fault", "explode"], "Invalid value 'explode'"),
        (["--world", "WORLD", "--fault", "status:status=1"], "status"),
        (["--world", "WORLD", "--behaviour", "gzip=maybe"], "bool"),
        ([], "--world"),
    ],
)
def test_wrong_use_is_explained(world: str, options: list[str], reason: str) -> None:
    """A wrong option ends with code 2 and a line that says what is wrong."""
    command = [*COMMAND, *(world if option == "WORLD" else option for option in options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_port_in_use_is_explained(world: str) -> None:
    """A port that is taken ends with code 2 and names a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--world", world, "--port", str(port)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert "choose another one" in done.stderr


def test_start_failure_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """A sandbox that can't start raises, and its reason is on standard error."""
    with pytest.raises(SunlakeError, match="before it was ready"):
        Sandbox("atlantis").start()
    assert "no world named" in capfd.readouterr().err


def test_foreign_hosts_are_refused() -> None:
    """The made-up keys protect nothing, so only loopback addresses are listened on."""
    from pipeline.sandbox.server import serve

    for host in ("0.0.0.0", "localhost.example"):
        with pytest.raises(SunlakeError, match="loopback"):
            serve(["synthetic:seed=1,size=1,uniform_pages=1"], host=host)


def test_nothing_is_left_behind(world: str) -> None:
    """Stopping reaps the child: it is no zombie."""
    sandbox = Sandbox(world)
    sandbox.start()
    assert sandbox._process
    pid = sandbox._process.pid
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
