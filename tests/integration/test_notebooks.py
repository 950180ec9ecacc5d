"""The notebooks, run over a lake: they show something, nobody in person, and what they show is so."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.config import Settings
from pipeline.lake.layout import open_lake
from pipeline.metrics_settings import WarehouseSettings
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.warehouse.build import build
from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.notebook_kernel import NOTEBOOKS, PROJECT, Ran, cells, run_notebooks
from tests.unit.warehouse.lakes import LakeFiles, at, message, talk

CANARY = "canary-4711"
WEEK = {day: ["09:00-18:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
SETTINGS = {
    "timezone": "America/New_York",
    "schedules": [{"id": "office", **WEEK}],
    "sla": [{"id": "reply", "metric": "reply", "scope": "any", "target": "60s"}],
}
ID_QUERY = """
    select user_id from users
    union all select external_id from users where external_id is not null
    union all select conversation_id from conversations
    union all select message_id from messages
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A lake of 200 real conversations, and some of all that they lack: bots, switches, deliveries, a group."""
    with Sandbox("chitchat:200") as sandbox:
        bench = Bench(sandbox, tmp_path_factory.mktemp("notebooks"))
        bench.export()
        _add_what_lacks(LakeFiles(bench.lake), bench.app_id)
        _record_an_erasure(bench.lake)
        settings = msgspec.structs.replace(bench.settings(), warehouse=msgspec.convert(SETTINGS, WarehouseSettings))
        assert build(settings).exit_code == 0
        yield bench


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def ran(request: pytest.FixtureRequest, bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What a notebook shows, run from the folder in which it lies."""
    path: Path = request.param
    return run_notebooks([path], folder=path.parent, scratch=tmp_path_factory.mktemp("kernel"), lake=bench.lake)


def test_every_cell_shows_something(ran: Ran) -> None:
    """Notebooks run without error or warning; no table or chart is empty, and each part of a chart has a title."""
    outputs = [output for outputs in ran.cells.values() for output in outputs]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert [cell for cell, outputs in ran.cells.items() if any(map(_is_empty, outputs))] == []
    assert [chart.titles for chart in ran.charts if None in chart.titles or not chart.rows] == []
    drawn = [output for output in outputs if "image/svg+xml" in output.get("data", {})]
    assert len(drawn) == len(ran.charts)


def test_no_person_is_shown(bench: Bench, ran: Ran) -> None:
    """No text and no id of a user, a conversation or a message appears in what a notebook shows."""
    shown = ran.text()
    assert CANARY not in shown
    ids = _ask(bench, ID_QUERY)
    assert len(ids) > 1_000
    assert [name for (name,) in ids if name in shown] == []


@pytest.mark.parametrize("ran", [path for path in NOTEBOOKS if "response" in path.stem], indirect=True)
def test_unanswered_waits_stay_unanswered(bench: Bench, ran: Ran) -> None:
    """The lines of waits that were answered within some time end at the share that was answered at all."""
    (chart,) = (chart for chart in ran.charts if "answered within" in str(chart.titles))
    ends: dict[str, float] = {}
    for row in chart.rows:
        measure = row["label"].partition(" (")[0]
        ends[measure] = max(ends.get(measure, 0), row["share_answered"])
    ((turns, replies),) = _ask(bench, "select count(*), count(reply_ms) from marts.fct_turns")
    ((waits, answers),) = _ask(
        bench, "select count(*), count(wait_ms) from marts.fct_human_waits where status <> 'bot_only'"
    )
    assert ends["reply"] == pytest.approx(replies / turns)
    assert ends["wait for a human"] == pytest.approx(answers / waits)
    assert max(ends.values()) < 1


def test_a_bare_lake_is_enough(tmp_path: Path) -> None:
    """All run over one unanswered message without schedule or target, from any folder beside or below the demo."""
    demo, folder = tmp_path / "sunlake-demo", tmp_path / "somewhere" / "deep"
    folder.mkdir(parents=True)
    lake = LakeFiles(demo / "lake")
    lake.add("messages", *talk("c1", [(0, "user", "web")]))
    lake.add("conversations", {"conversation_id": "c1", "created_at": at(0)})
    assert build(Settings(lake=str(lake.root))).exit_code == 0
    ran = run_notebooks(NOTEBOOKS, folder=folder, scratch=tmp_path, lake=None)
    assert "No schedule" in ran.text()
    assert "No delivery events" in ran.text()
    assert all(chart.rows for chart in ran.charts)


def test_commands_of_the_terminal_work(bench: Bench, tmp_path: Path) -> None:
    """Each line for a terminal that a notebook shows runs as it stands."""
    prose = "\n".join(cell.source for path in NOTEBOOKS for cell in cells(path, "markdown"))
    lines = "".join(re.findall(r"```sh\n(.*?)```", prose, re.DOTALL)).splitlines()
    assert len(lines) >= 4
    known = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "sunlake"
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pipeline.cli.main", *arguments],
            env=known | {"SUNLAKE_LAKE": str(bench.lake)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "channels.parquet").exists()


def _add_what_lacks(lake: LakeFiles, app_id: str) -> None:
    """Add conversations with a bot, a hand-off, a switch, a group, and webhooks of deliveries."""
    bot = {"author_subtypes": ["bot"]}
    agent = {"author_subtypes": ["agent"]}
    contained = [
        _said("r1-0", 0, "user", "web"),
        _said("r1-1", 5, "business", "api:conversations", **bot),
        _said("r1-2", 60, "user", "whatsapp", content_type="image"),
        _said("r1-3", 65, "business", "api:conversations", **bot),
    ]
    handed_off = [
        _said("r2-0", 100, "user", "messenger"),
        _said("r2-1", 105, "business", "api:conversations", **bot),
        _said("r2-2", 300, "business", "zd:agentWorkspace", **agent),
        _said("r2-3", 310, "business", "api:conversations"),
    ]
    group = [_said("r3-0", 0, "user", "web")]
    for rows in (contained, handed_off, group):
        lake.add("messages", *rows, app_id=app_id)
    kinds = {"r1": "personal", "r2": "personal", "r3": "sdkGroup"}
    heads = [{"conversation_id": name, "type": kind, "created_at": at(0)} for name, kind in kinds.items()]
    lake.add("conversations", *heads, app_id=app_id)
    person = {"user_id": CANARY, "given_name": CANARY, "email": CANARY, "authenticated": True}
    lake.add("users", person, app_id=app_id)
    arrived = _delivery("e1", "user", "r1-3", "whatsapp", is_final=True)
    failed = _delivery("e2", "failure", "r2-2", "messenger", is_final=True)
    lake.add("events", arrived, failed, app_id=app_id)


def _record_an_erasure(root: Path) -> None:
    """Write the deeds of a batch, as an erasure leaves them."""
    batch = f"b{1:019x}"
    deeds = Deeds.open(open_lake(root, create=False), key=b"k" * 32)
    journal = BatchJournal(deeds, batch)
    deeds.append(batch, Event.CONFIRM, counts={"subjects": 2})
    journal.begin(Step.LAKE, subjects=2)
    sizes = {"bytes_before": 100, "bytes_after": 60}
    journal.end(Step.REWRITE, None, Status.DONE, files=1, rows=9, removed=3, changed=1, **sizes)
    journal.end(Step.DERIVED, None, Status.DONE, files=1, warehouse=1, report=0)
    journal.end(Step.REBUILD, None, Status.DONE, models=5)
    journal.end(Step.SCAN, None, Status.CLEAN, files=1, bytes=1, hits=0)
    deeds.append(batch, Event.CLOSE, status=Status.COMPLETE)


def _said(name: str, seconds: float, author: str, source: str, **fields: Any) -> dict[str, Any]:
    person = CANARY if author == "user" else None
    usual: dict[str, Any] = {"content_type": "text", "received_at": at(seconds), "source_type": source}
    usual |= {"author_type": author, "author_user_id": person}
    return message(name, CANARY, conversation=name.partition("-")[0], **(usual | fields))


def _delivery(name: str, outcome: str, message_id: str, destination: str, *, is_final: bool) -> dict[str, Any]:
    payload = {"destination": {"type": destination}, "isFinalEvent": is_final, "error": {"code": "blocked"}}
    return {
        "event_id": name,
        "type": f"conversation:message:delivery:{outcome}",
        "created_at": at(1_000),
        "conversation_id": message_id.partition("-")[0],
        "message_id": message_id,
        "payload": json.dumps(payload),
    }


def _ask(bench: Bench, query: str) -> list[tuple[Any, ...]]:
    lake = LakeFiles(bench.lake)
    rows = lake.ask(query)
    lake.close()
    return rows


def _is_empty(output: Any) -> bool:
    """Whether a cell showed a table without rows, or one of the sentences that stand for one."""
    data = output.get("data", {})
    if "<table" in data.get("text/html", ""):
        return "<td>" not in data["text/html"]
    return bool(re.match(r"""['"]No""", data.get("text/plain", "")))
