"""`sunlake demo` in an empty folder: it answers, its advice works, and it keeps to itself."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
SUNLAKE = [sys.executable, "-P", "-m", "pipeline.cli.main"]
# Every process of the demo loads this when it starts.
GUARD = """
import os, sys
def guard(event, arguments):
    if event == "socket.connect":
        host = arguments[1][0] if isinstance(arguments[1], tuple) else "127.0.0.1"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    with open(os.environ["GUARD_LOG"], "a") as log:
        print(host, file=log)
sys.addaudithook(guard)
"""


def _sunlake(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": str(PROJECT)} | environ
    return subprocess.run(
        [*SUNLAKE, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=250, check=False
    )


@dataclass(frozen=True)
class Demos:
    """Two demos in the same folder, one after the other, each with an erasure."""

    folder: Path
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]
    made: frozenset[str]
    """What the first has left in its folder."""


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Demos:
    """A demo in an empty folder, and another one there. A demo without an erasure is what `.ci/run` makes."""
    folder = tmp_path_factory.mktemp("demos")
    first = _guarded_demo(folder)
    made = frozenset(path.name for path in (folder / "sunlake-demo").iterdir())
    return Demos(folder, first, _sunlake(folder, "demo", "--limit=40", "--erase"), made)


def test_the_demo_answers_and_keeps_to_itself(demos: Demos) -> None:
    """Its queries, checks and report are there; it writes into one folder, and connects to no other machine."""
    _check_answers(demos.first)
    _check_places(demos)
    _check_hosts(demos.folder)


def test_a_second_demo_goes_on_with_the_lake_of_the_first(demos: Demos) -> None:
    """It says so, reads nothing again and answers the same; one of another size would be another app's."""
    assert "holds a lake already" not in demos.first.stdout
    assert "holds a lake already" in demos.second.stdout
    assert _answers(demos.second.stdout)[0] == _answers(demos.first.stdout)[-1]
    assert re.search(r"done +0 +0 ", demos.second.stdout), demos.second.stdout  # messages and conversations of this run
    other = _sunlake(demos.folder, "demo")
    assert other.returncode == 2
    assert "holds the demo of chitchat:40, not of chitchat; add --fresh" in other.stderr


def test_a_speaker_is_erased_and_stays_away(demos: Demos) -> None:
    """--erase proves one to be gone, leaves models and report, and a second time keeps them out and erases another."""
    _check_erasure(demos.first, kept_out=1)
    assert {path.stat().st_mode & 0o777 for path in (demos.folder / "sunlake-demo" / "keys").iterdir()} == {0o600}
    _check_erasure(demos.second, kept_out=2)
    assert "who was erased before stays out" in demos.second.stdout
    assert "done in part" not in demos.second.stdout


def test_what_the_demo_advises_works(demos: Demos) -> None:
    """Every command that is printed can be copied into a shell."""
    _check_advice(demos.second, demos.folder)


def _check_erasure(demo: subprocess.CompletedProcess[str], *, kept_out: int) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "confirmed with ERASE-1" in demo.stdout
    assert re.search(r"scan: clean; .* 0 traces", demo.stdout), demo.stdout
    assert "complete; the report: " in demo.stdout
    assert f"left out, since they were suppressed: {kept_out} seeds" in demo.stdout
    assert "names the speaker as before, in 1 of" in demo.stdout
    assert re.search(r"in the lake: [1-9][\d,]* before the erasure, 0 now", demo.stdout), demo.stdout
    assert "the ledger is whole; 0 ids of erased people in lake and models" in demo.stdout
    page = demo.stdout.splitlines()[-1].removeprefix("The report: ")
    assert Path(page).read_text("utf-8").startswith("<!doctype html>")


def _guarded_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """A demo whose user has a Prefect server and a lake that are none of its business."""
    (folder / "guard").mkdir()
    (folder / "guard" / "sitecustomize.py").write_text(GUARD)
    return _sunlake(
        folder,
        "demo",
        "--limit=40",
        "--erase",
        PYTHONPATH=f"{folder / 'guard'}{os.pathsep}{PROJECT}",
        GUARD_LOG=str(folder / "hosts"),
        SUNLAKE_LAKE=str(folder / "precious"),
        PREFECT_API_URL="https://prefect.example.com/api",
    )


def _check_answers(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "40 of 40 known conversations" in demo.stdout
    assert "Messages per channel (sql/examples/messages_per_channel.sql)" in demo.stdout
    assert "How long users wait for a reply (sql/examples/reply_times.sql)" in demo.stdout
    assert "whatsapp" in demo.stdout
    assert re.search(r"\d+ checks, 0 failed", demo.stdout), demo.stdout
    page = demo.stdout.splitlines()[-1].removeprefix("The report: ")
    assert Path(page).read_text("utf-8").startswith("<!doctype html>")
    assert "Traceback" not in demo.stderr


def _check_places(demos: Demos) -> None:
    assert {path.name for path in demos.folder.iterdir()} == {"guard", "hosts", "sunlake-demo"}
    assert demos.made == {"keys", "lake", "prefect", "seeds.jsonl", "sunlake.toml", "tmp"}


def _check_hosts(folder: Path) -> None:
    """No process, Prefect's included, connects to or looks up another machine."""
    hosts = set((folder / "hosts").read_text().split())
    assert hosts
    assert hosts <= {"127.0.0.1", "localhost", "None"}


def _check_advice(demo: subprocess.CompletedProcess[str], folder: Path) -> None:
    advice = [line.strip() for line in demo.stdout.splitlines() if "SUNLAKE_CONFIG=" in line]
    assert len(advice) >= 6
    env = {"PATH": os.defpath, "HOME": str(folder), "PYTHONPATH": str(PROJECT)}
    for line in advice:
        done = subprocess.run(line, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, line + done.stderr
        assert done.stdout.strip(), line


def test_without_the_extra_the_demo_says_how_to_get_it(tmp_path: Path) -> None:
    """The conversations are a package of their own."""
    (tmp_path / "chitchat_dataset.py").write_text("")
    code = (
        "import sys, importlib.util as u; found = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'chitchat_dataset' else found(name, *rest)\n"
        "from pipeline.cli.main import run; sys.exit(run(['demo']))"
    )
    env = {"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert f"pip install {shlex.quote('sunlake[demo]')}" in done.stderr


def _answers(output: str) -> list[str]:
    """What the queries said, each time that an export was over."""
    return re.findall(r"^Messages per channel .*?\n\nHow long users wait .*?\n\n", output, re.DOTALL | re.MULTILINE)
