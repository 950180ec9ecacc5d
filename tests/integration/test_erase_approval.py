"""Between a plan and its first deletion: who has to look at it, how long it lives, and how it is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, file_bytes
from tests.integration.erasure_bench import state
from tests.integration.erasure_town import request_rows
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import SmallWorld, oid


@dataclass
class ApprovedBench(EraseBench):
    """A bench at which somebody sits."""

    operator: str = "dora"

    def environment(self) -> dict[str, str]:
        """What a process needs to know, and who runs it."""
        return super().environment() | {"SUNLAKE_OPERATOR": self.operator}

    @property
    def sealed(self) -> int:
        """How many batches can still tell whom they are about."""
        return len(list(self.privacy.glob("batches/*/work.sealed")))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Three people with a conversation each."""
    world = SmallWorld("approval")
    for name in ("ann", "ben", "cleo"):
        world.user(name, clients=[f"{name}-web"]).conversation(f"{name}s", [name], messages=2)
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(params=[""])
def bench(
    server: Sandbox, tmp_path: Path, launcher: Launcher, request: pytest.FixtureRequest
) -> Iterator[ApprovedBench]:
    """An exported lake."""
    server.reset()
    bench = ApprovedBench(server, tmp_path / "bench", launcher=launcher, privacy_settings=request.param)
    bench.seed([{"user_id": oid(name)} for name in ("ann", "ben", "cleo")])
    bench.export()
    yield bench
    server.set_faults()


def rows_of(*names: str) -> list[dict[str, str]]:
    """Requests by user id."""
    rows = request_rows(names)
    for row, name in zip(rows, names, strict=True):
        row |= {"user_id": oid(name), "external_id": "", "email": "", "request_ref": f"GDPR-{name}"}
    return rows


def users(bench: ApprovedBench) -> set[str]:
    """The users of the lake."""
    return {row["user_id"] for row in raw_rows(bench.lake, "users", app_id=bench.app_id)}


def test_a_batch_that_could_not_begin_is_taken_back(bench: ApprovedBench, server: Sandbox) -> None:
    """After a refused key its people are kept out; taken back, they are exported again, and nobody can apply it."""
    bench.erase(rows_of("cleo"))
    world, before = state(server), file_bytes(bench.lake)
    apply = bench.plan(rows_of("ann", "ben"))
    server.set_faults({"kind": "revoked"})
    bench.sunlake(*apply, code=1)
    server.set_faults()
    assert (state(server), file_bytes(bench.lake)) == (world, before)
    server.change({"op": "add_messages", "conversation_id": oid("anns"), "count": 1})
    assert "left out, since they were suppressed" in (said := bench.sunlake("export", "--sweep")).output + said.errors
    plan_id = apply[apply.index("--plan") + 1]
    assert "let in again" in bench.sunlake("erase", "abort", "--plan", plan_id[:12]).output
    assert bench.sealed == 0
    assert "taken back" in bench.sunlake(*apply, code=2).errors
    assert "closed" in bench.sunlake("erase", "abort", "--plan", plan_id, code=2).errors
    assert "aborted" in bench.sunlake("erase", "status").output
    bench.sunlake("export", "--sweep")
    spoken = [row["conversation_id"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)]
    assert spoken.count(oid("anns")) >= 3
    assert users(bench) == {oid("ann"), oid("ben")}, "whom another batch erased stays out"
    assert "nobody is back" in bench.sunlake("erase", "verify").output


def test_what_has_begun_to_erase_is_not_taken_back(bench: ApprovedBench, server: Sandbox) -> None:
    """A batch that failed after its first deletion has to be brought to its end, and is."""
    apply = bench.plan(rows_of("ann"))
    server.set_faults({"kind": "status", "status": 400, "route": "DELETE /v2/apps/{appId}/users/{userIdOrExternalId}"})
    bench.sunlake(*apply, code=3)
    server.set_faults()
    plan_id = apply[apply.index("--plan") + 1]
    assert "brings it to its end" in bench.sunlake("erase", "abort", "--plan", plan_id, code=2).errors
    assert bench.sunlake(*apply, "--remove-input").output.splitlines()[-1].startswith("complete")


@pytest.mark.parametrize("bench", ["second_approver = true"], indirect=True)
def test_a_plan_waits_for_the_second_person(bench: ApprovedBench, server: Sandbox) -> None:
    """Nobody approves their own plan; the approval of another is a deed that names nobody."""
    before = state(server)
    apply = bench.plan(rows_of("ann"))
    approve = ("erase", "approve", *apply[2:6])
    assert " ".join(approve[:2]) in bench.sunlake(*apply, code=2).errors
    bench.sunlake(*approve)
    assert "second person" in bench.sunlake(*apply, code=2).errors
    assert state(server) == before
    bench.operator = "emil"
    bench.sunlake(*approve)
    bench.operator = "dora"
    assert bench.sunlake(*apply, "--remove-input").output.splitlines()[-1].startswith("complete")
    assert [deed["event"] for deed in bench.deeds()].count("approve") == 2
    assert not {"dora", "emil"} & set((bench.privacy / "deeds.jsonl").read_text().split('"'))


@pytest.mark.parametrize("bench", ["plan_hours = 0.0001"], indirect=True)
def test_a_plan_that_died_forgets_its_people(bench: ApprovedBench) -> None:
    """Its time is that of the settings; the next plan destroys the file that names whom the dead one was about."""
    apply = bench.plan(rows_of("ann"))
    assert "older than 0.0001 hours" in bench.sunlake(*apply, code=2).errors
    assert bench.sealed == 1
    bench.plan(rows_of("ben"))
    assert bench.sealed == 1
    assert "older than 0.0001 hours" in bench.sunlake(*apply, code=2).errors


@pytest.mark.parametrize(
    ("bench", "told"),
    [
        ("max_requests = 1", "more than 1 rows; split it"),
        ("max_subjects = 1\nmax_subjects_share = 0.01", "would erase 2 of 3 known users"),
    ],
    indirect=["bench"],
)
def test_the_limits_of_the_settings_hold(bench: ApprovedBench, told: str) -> None:
    """A batch beyond them is refused with what to do."""
    refused = bench.sunlake("erase", "plan", str(bench.requests(rows_of("ann", "ben"))), code=2)
    assert told in refused.errors
    assert bench.sealed == 0


@pytest.mark.parametrize(
    "bench", ['controller = "Acme"\nrecipients = ["A data house"]\n[privacy.retention]\nusers = "kept"'], indirect=True
)
def test_the_records_of_processing_are_printed(bench: ApprovedBench) -> None:
    """Every table with personal data is there, with the settings' controller, recipients and retention."""
    file = bench.folder / "records.md"
    text = bench.sunlake("erase", "records").output
    assert f"wrote {file}" in bench.sunlake("erase", "records", "--out", str(file)).output
    assert file.read_text("utf-8") == text
    assert text.startswith("# Records of processing (GDPR Art. 30)\n\nController: Acme\n\nRecipients: A data house\n")
    tables = {line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")}
    assert {"users", "clients", "devices", "conversations", "participants", "messages", "events"} <= tables
    (email,) = [line for line in text.splitlines() if line.startswith("| users | email |")]
    assert email.endswith("until a request for erasure |")


def test_a_deadline_is_extended_once(bench: ApprovedBench) -> None:
    """Two more months stand in the status and in the certificate; not twice, and not for what is met or unknown."""
    apply = bench.plan(rows_of("ann"))
    before = _due(bench)
    assert "is due on" in bench.sunlake("erase", "extend", "GDPR-ann").output
    assert (_due(bench) - before).days in range(58, 63)
    assert "extended already" in bench.sunlake("erase", "extend", "GDPR-ann", code=2).errors
    bench.sunlake("erase", "abort", "--plan", apply[apply.index("--plan") + 1])
    planned = bench.sunlake("erase", "plan", str(bench.folder / "requests.csv"), "--json")
    bench.sunlake(*bench.apply_of(json.loads(planned.output)), "--remove-input")
    (report,) = bench.privacy.glob("batches/*/report.json")
    (certificate,) = json.loads(report.read_bytes())["certificates"]
    assert datetime.fromisoformat(certificate["due_at"]) == _due(bench), "planned anew, it stays extended"
    for ref in ("GDPR-ann", "GDPR-nobody"):
        assert "no batch has an open request" in bench.sunlake("erase", "extend", ref, code=2).errors


def _due(bench: ApprovedBench) -> datetime:
    batch = json.loads(bench.sunlake("erase", "status", "--json").output)[-1]
    return datetime.fromisoformat(batch["requests"][0]["due_at"])
