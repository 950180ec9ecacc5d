"""T10: every call of a batch fails once: the same final state, honest statuses (gdpr.md, section 10).

So many 429 would only show how slow the limiter can become; these and broken connections come at random in
`test_erase_batches`, and at every call of a person's erasure upstream in `test_erase_upstream_faults`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import CallSettings
from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, decoded_rows
from tests.integration.erasure_bench import erasure_world, state
from tests.integration.erasure_town import request_rows
from tests.integration.launcher import Launcher

Json = dict[str, Any]

LOG = 10_000
MOST_CALLS = 80
MOST_BATCHES = 5
FAULTS: dict[str, Json] = {
    "500": {"kind": "status", "status": 500},
    "500 although it was done": {"kind": "status", "status": 500, "executed": True},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The world of Ann: uploads, two conversations of her own, and a group."""
    with Sandbox(erasure_world().write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(scope="module")
def template(server: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> EraseBench:
    """Her lake."""
    bench = EraseBench(server, tmp_path_factory.mktemp("template"), launcher=launcher, max_concurrency=1)
    bench.calls = CallSettings(read_seconds=0.5, total_seconds=20)
    bench.seed()
    bench.export()
    return bench


@pytest.fixture
def bench(server: Sandbox, template: EraseBench, tmp_path: Path) -> EraseBench:
    """A copy of her lake, and everything upstream as it was."""
    bench = replace(template, folder=tmp_path / "bench", said=[])
    begin(bench, template)
    return bench


def begin(bench: EraseBench, template: EraseBench) -> None:
    """Undo everything, here and upstream."""
    bench.sandbox.reset()
    bench.copied_from(template.lake)


def erased(bench: EraseBench, faults: Iterable[Json] = ()) -> list[Json]:
    """Plan without faults, erase with them; returns the calls of the latter."""
    apply = bench.plan(request_rows(("ann",)))
    bench.sandbox.reset_stats()
    bench.sandbox.control("calls", {"cap": LOG})
    bench.sandbox.set_faults(*faults)
    ended = bench.sunlake(*apply, "--remove-input")
    bench.sandbox.set_faults()
    assert ended.output.splitlines()[-1].startswith("complete"), ended
    return list(bench.sandbox.control("calls")["calls"])


def every_other(fault: Json, *, first: int) -> list[Json]:
    """Rules by which every other call fails: what follows a failed one, a repetition or a look, is answered."""
    # A rule does not count a call whose answer another one has replaced.
    return [fault | {"after": first + number, "times": 1} for number in range(MOST_CALLS)]


@pytest.fixture(scope="module")
def calm(template: EraseBench, tmp_path_factory: pytest.TempPathFactory) -> tuple[frozenset[str], object]:
    """The calls that a batch makes when none fails, and what is left after it."""
    bench = replace(template, folder=tmp_path_factory.mktemp("calm"), said=[])
    begin(bench, template)
    calls = erased(bench)
    assert len(calls) < MOST_CALLS
    return frozenset(call["target"] for call in calls), outcome(bench)


def outcome(bench: EraseBench) -> tuple[object, object]:
    """What is left upstream and in the lake."""
    return state(bench.sandbox), sorted(decoded_rows(bench.lake))


@pytest.mark.parametrize("name", FAULTS)
def test_every_call_of_a_batch_may_fail_once(
    bench: EraseBench, template: EraseBench, calm: tuple[frozenset[str], object], name: str
) -> None:
    """Each call that an erasure makes fails in one of few batches; all end as one without faults, and say complete."""
    wanted, expected = calm
    failed: set[str] = set()
    for first in range(MOST_BATCHES):
        begin(bench, template)
        failed |= {call["target"] for call in erased(bench, every_other(FAULTS[name], first=first)) if not call["true"]}
        assert outcome(bench) == expected
        ends = [deed for deed in bench.deeds() if deed["event"] == "end"]
        last = {(deed["step"], deed["tag"]): deed["status"] for deed in ends}
        assert set(last.values()) <= {"done", "already", "clean", "complete"}
        if wanted <= failed:
            return
    assert wanted <= failed
