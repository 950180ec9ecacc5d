"""A server that fails in every way it can: the lake is that of a run without faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import CallSettings
from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world

MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"
PATIENT = CallSettings(read_seconds=0.4, total_seconds=60.0)
FAULTS: dict[str, list[dict[str, Any]]] = {
    "503": [{"kind": "status", "status": 503, "probability": 0.1}],
    "500, 502 and 504": [
        {"kind": "status", "status": status, "probability": 0.04, "body": "html"} for status in (500, 502, 504)
    ],
    "errors without a body": [{"kind": "status", "status": 503, "probability": 0.05, "body": "empty"}],
    "empty answers with 200": [{"kind": "status", "status": 200, "probability": 0.05, "body": "empty"}],
    "429 without a word": [{"kind": "status", "status": 429, "probability": 0.05}],
    "rate limit with seconds": [{"kind": "rate_limit", "rate": 200, "capacity": 20}],
    "rate limit with a date": [{"kind": "rate_limit", "rate": 200, "capacity": 20, "retry_after": "date"}],
    "rate limit unannounced": [{"kind": "rate_limit", "rate": 200, "capacity": 20, "retry_after": "absent"}],
    "slow answers": [{"kind": "slow", "latency_ms": 1, "jitter_ms": 60, "probability": 0.3}],
    "no answer": [{"kind": "hang", "times": 4, "after": 20, "probability": 0.2}],
    "connections that break": [{"kind": "reset", "probability": 0.08}],
    "half an answer": [{"kind": "truncate", "probability": 0.08}],
    "messages in disorder": [{"kind": "shuffle"}],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """A server for all tests of this module; each sets its own faults."""
    with Sandbox("synthetic:seed=13,size=50", seed=4) as sandbox:
        yield sandbox


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_a_fault_changes_nothing_in_the_lake(server: Sandbox, tmp_path: Path, faults: list[dict[str, Any]]) -> None:
    """The run is done, the lake equals the world, no message is there twice, and no promise to wait was broken."""
    server.reset()
    server.set_faults(*faults)
    bench = Bench(server, tmp_path, calls=PATIENT)
    bench.export()
    stats = server.stats()
    assert any(fault["hits"] for fault in stats["faults"]), "the fault took place"
    assert stats["violations"] == 0
    _assert_whole(bench)


def test_all_faults_together_change_nothing_in_the_lake(server: Sandbox, tmp_path: Path) -> None:
    """With every fault at once, the run is done and the lake equals the world."""
    server.reset()
    server.set_faults(
        {"kind": "rate_limit", "rate": 300, "capacity": 60},
        {"kind": "slow", "latency_ms": 1, "jitter_ms": 20, "probability": 0.3},
        {"kind": "hang", "times": 2, "after": 30, "probability": 0.1},
        *({"kind": "status", "status": status, "probability": 0.02} for status in (429, 500, 502, 503, 504)),
        {"kind": "status", "status": 502, "probability": 0.02, "body": "html"},
        {"kind": "status", "status": 200, "probability": 0.02, "body": "empty"},
        {"kind": "reset", "probability": 0.03},
        {"kind": "truncate", "probability": 0.03},
        {"kind": "shuffle", "probability": 0.5},
    )
    bench = Bench(server, tmp_path, calls=PATIENT, start_rate=100.0)
    bench.export()
    assert server.stats()["violations"] == 0
    _assert_whole(bench)


def test_a_page_that_leads_in_a_circle_fails_alone(server: Sandbox, tmp_path: Path) -> None:
    """A cursor that names itself is told as a failure of that conversation; the next run mends it."""
    server.reset()
    server.set_faults({"kind": "loop", "route": MESSAGES, "times": 40})
    bench = Bench(server, tmp_path)
    assert bench.export(expect="partial").counters.failed >= 1
    server.set_faults()
    bench.export()
    _assert_whole(bench)


@pytest.mark.parametrize(
    ("fault", "word"), [("revoked", "the key was refused"), ("forbidden", "it takes a key of scope")]
)
def test_a_key_that_is_withdrawn_in_the_middle_ends_the_run(
    server: Sandbox, tmp_path: Path, fault: str, word: str
) -> None:
    """401 on everything, or 403 before anything was read, fails the app with the remedy; what was read stays."""
    server.reset()
    server.set_faults({"kind": fault, "after": 60 if fault == "revoked" else 0})
    bench = Bench(server, tmp_path)
    assert word in str(bench.export(expect="failed").message)
    server.set_faults()
    bench.export()
    _assert_whole(bench)


def _assert_whole(bench: Bench) -> None:
    bench.sandbox.set_faults()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
