"""`sunlake sandbox serve`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from base64 import b64encode
from typing import get_args

import pytest
from click.testing import CliRunner

from pipeline.cli.sandbox import command
from pipeline.sandbox.behaviour import Behaviour
from pipeline.sandbox.faults import Fault
from tests.running import running

SUNLAKE = [sys.executable, "-m", "pipeline.cli.main"]


def test_it_serves_until_interrupted() -> None:
    """The first line tells where and with which keys; an interrupt ends it as wished."""
    arguments = ["sandbox", "serve", "--world", "synthetic:seed=7,size=3", "--behaviour", "sparse_meta=true"]
    with running([*SUNLAKE, *arguments]) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        app = ready["apps"][0]
        key = app["keys"]["app"]
        request = urllib.request.Request(f"{ready['base_url']}/v2/apps/{app['app_id']}")
        request.add_header("Authorization", "Basic " + b64encode(f"{key['id']}:{key['secret']}".encode()).decode())
        with urllib.request.urlopen(request, timeout=30) as response:
            assert json.load(response)["app"]["id"] == app["app_id"]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert b"Traceback" not in said
    assert process.returncode in {0, 130}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--latency-ms", "-1"], "Invalid value for '--latency-ms'"),
    ],
)
def test_wrong_options_are_told(arguments: list[str], said: str) -> None:
    """What can't be served is refused before a port is opened."""
    result = CliRunner().invoke(command, ["serve", *arguments])
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("option", "said"),
    [("--fault=nonsense", "the fault 'nonsense' is wrong"), ("--behaviour=nonsense=1", "the behaviour is wrong")],
)
def test_what_does_not_exist_is_told(option: str, said: str) -> None:
    """A fault or behaviour of an unknown name is wrong use, and the message says where the names are."""
    result = subprocess.run(
        [*SUNLAKE, "sandbox", "serve", option], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert said in result.stderr
    assert "see `sunlake sandbox serve --help`" in result.stderr


def test_the_help_names_every_fault_and_behaviour() -> None:
    """Nobody has to look elsewhere for what may be given."""
    said = CliRunner().invoke(command, ["serve", "--help"]).output
    faults = [kind.__struct_config__.tag for kind in get_args(Fault)]
    assert [name for name in (*faults, *Behaviour.__struct_fields__) if str(name) not in said] == []
