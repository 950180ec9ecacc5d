"""T4: SIGKILL at the points of a whole batch; the same command ends where an undisturbed one does (gdpr.md, 6)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.sandbox.process import Sandbox
from tests.integration.erase_bench import EraseBench, decoded_rows
from tests.integration.erasure_bench import state
from tests.integration.erasure_town import email_of, request_rows, say
from tests.integration.export_bench import KILLED
from tests.integration.launcher import PROJECT, Ended
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid

SAMPLES = 6
"""About so many kills, spread evenly over the points; every name of a point is among them."""


def village() -> SmallWorld:
    """One who leaves and one who stays, with a group; there the business's word to the leaver is quoted, too."""
    world = SmallWorld("village")
    for name in ("leaver", "stayer"):
        profile = {"givenName": f"Given{name}", "surname": f"Surname{name}", "email": email_of(name)}
        world.user(name, clients=[f"{name}-web"], externalId=f"crm-{name}", profile=profile)
        world.conversation(f"{name}-default", [name], messages=4, isDefault=True)
    world.conversation("group", ["leaver", "stayer"], messages=3)
    for number, quoted in enumerate(("group#0", "leaver-default#1")):
        at = BEGINNING.replace(month=2) + HOUR * number
        said = message(quoted, BEGINNING, author="" if number else "leaver", text="Secret of leaver")
        say(
            world,
            "group",
            message(f"quote-{number}", at, author="stayer") | {"quotedMessage": {"type": "message", "message": said}},
        )
    return world


@dataclass
class Driver:
    """The process that forks commands."""

    process: subprocess.Popen[str]

    def run(self, bench: EraseBench, *arguments: str, **environ: str) -> Ended:
        """Run a command to its end, whichever."""
        request = {"arguments": arguments, "environ": bench.environment() | environ, "folder": str(bench.folder)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return Ended(code, (bench.folder / "stdout").read_text(), (bench.folder / "stderr").read_text())


@pytest.fixture
def driver() -> Iterator[Driver]:
    """A driver."""
    command = [sys.executable, "-m", "tests.integration.erase_driver"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Driver(process)
        process.communicate()


def test_a_kill_at_any_point_of_a_batch_is_made_good_by_the_same_command(tmp_path: Path, driver: Driver) -> None:
    """Lake, upstream and deeds end as those of a batch that nobody killed; and a sweep brings nobody back."""
    with Sandbox(village().write(tmp_path)) as server:
        template = EraseBench(server, tmp_path / "bench")
        template.seed()
        template.export()
        requests = template.requests(request_rows(("leaver",)))
        planned = driver.run(template, "erase", "plan", str(requests), "--json")
        assert planned.code == 0, planned
        apply = (
            "erase",
            "apply",
            "--plan",
            json.loads(planned.output)["plan_id"],
            "--confirm",
            "ERASE-1",
            "--remove-input",
        )
        bench = EraseBench(server, tmp_path / "bench", keys=template.keys, seed_files=template.seed_files)
        bench.shared_lake = tmp_path / "lake"
        text = requests.read_bytes()

        def begin() -> None:
            server.reset()
            bench.copied_from(template.lake)
            requests.write_bytes(text)

        begin()
        trace = tmp_path / "trace"
        ended = driver.run(bench, *apply, DRIVER_TRACE=str(trace))
        assert ended.code == 0, ended
        expected = (state(server), sorted(decoded_rows(bench.lake)), _deeds(bench))
        for number, name in _sampled(trace.read_text().splitlines()):
            begin()
            killed = driver.run(bench, *apply, DRIVER_KILL_AT=str(number))
            assert killed.code == KILLED, (number, name, killed)
            again = driver.run(bench, *apply)
            assert again.code == 0 or "carried out to its end" in again.errors, (number, name, again)
            found = (state(server), sorted(decoded_rows(bench.lake)), _deeds(bench))
            assert found == expected, (number, name)
        swept = driver.run(bench, "export", "--sweep")
        assert swept.code == 0, swept
        assert oid("leaver") not in repr(list(decoded_rows(bench.lake)))
        assert driver.run(bench, "erase", "verify").code == 0


def _sampled(points: list[str]) -> list[tuple[int, str]]:
    """Points evenly spread, the first of every name, and the last few, where a batch is closed."""
    # What lies behind an operation lies before the next one; only a rename is looked at from both sides.
    left_out = ("after", "before make_folder")
    numbered = [
        (number, name)
        for number, name in enumerate(points, 1)
        if name == "after rename" or not name.startswith(left_out)
    ]
    first = {name: number for number, name in reversed(numbered)}
    spread = {number for number, _ in numbered[:: max(1, len(numbered) // SAMPLES)]}
    closing = {number for number, name in numbered if "_overwrite" in name} | {numbered[-1][0]}
    return [(number, name) for number, name in numbered if number in spread | closing | {*first.values()}]


def _deeds(bench: EraseBench) -> set[tuple[str | None, str | None, str | None]]:
    """Which steps were begun and ended for whom: what a repetition adds to does not differ."""
    return {
        (deed.get("step"), deed.get("tag"), "begin" if deed["event"] == "repeat" else deed["event"])
        for deed in bench.deeds()
        if deed["event"] in {"begin", "repeat", "end", "close", "work_destroyed", "confirm"}
    }
