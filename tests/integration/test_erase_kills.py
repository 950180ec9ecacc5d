"""T4: SIGKILL at every step of a batch; the same command ends where an undisturbed one does (gdpr.md, section 6).

Killed is before and after every deed and in the middle of some; before every kind of call that makes a file durable,
names it or removes it (fsync, rename, unlink, rmdir: `erase_driver`) in every step, and at a spread of
the further calls of a kind; in every transaction of the ledger. What SQLite and DuckDB do on their own is not covered.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from pipeline.lake.layout import open_lake
from pipeline.suppression.listing import load
from pipeline.walk import ledger as tables
from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, decoded_rows, file_bytes
from tests.integration.erasure_bench import state
from tests.integration.erasure_town import email_of, request_rows, say
from tests.integration.export_bench import KILLED
from tests.integration.export_driver import OPERATIONS
from tests.integration.kill_rows import survive
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid

UPSTREAM = (
    "attach",
    "group_messages",
    "leave",
    "conversations",
    "default_messages",
    "personal_information",
    "user",
    "verify_up",
)
STEPS = {"suppress", *UPSTREAM, "lake", "rewrite", "derived", "state", "files", "scan", "close", "report"}
OF_MODELS = {"rewrite", "derived", "rebuild"}
TORN = ("within deed confirm", "within end of user", "within end of rewrite", "within deed close")
ROWS = 4
"""In so many rows the points are passed; a row is one lake, erased in about a dozen runs."""
SPREAD = 12
"""So many calls of the system beside the first of each kind."""


def village() -> SmallWorld:
    """One who leaves and one who stays, with a group; there the business's word to the leaver is quoted, too."""
    world = SmallWorld("village")
    for name in ("leaver", "stayer"):
        profile = {"givenName": f"Given{name}", "surname": f"Surname{name}", "email": email_of(name)}
        world.user(name, clients=[f"{name}-web"], externalId=f"crm-{name}", profile=profile)
        world.conversation(f"{name}-default", [name], messages=4, isDefault=True)
    world.conversation("leaver-extra", ["leaver"], messages=1)
    photo = {"type": "image", "mediaUrl": f"https://sandbox.invalid/media/{world.app_id}/leaver.png"}
    say(world, "leaver-extra", message("photo", BEGINNING, author="leaver") | {"content": photo})
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The village."""
    with Sandbox(village().write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(scope="module")
def exported(server: Sandbox, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> EraseBench:
    """A lake of the village."""
    bench = EraseBench(server, tmp_path_factory.mktemp("exported"), launcher=launcher)
    bench.seed()
    bench.export()
    return bench


@dataclass
class Planned:
    """A batch that was planned, to be begun again and again.

    Args:
        bench: where it is carried out.
        template: the lake as it was then.
        apply: the command.
        points: what it passes when nobody disturbs it, one after the other.
        expected: what comes of it then.
    """

    bench: EraseBench
    template: Path
    apply: tuple[str, ...]
    points: list[str] = field(default_factory=list)
    expected: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Undo everything, here and upstream."""
        self.bench.sandbox.reset()
        self.bench.copied_from(self.template)
        self.bench.requests(request_rows(("leaver",)))

    def kill(self, point: str) -> bool:
        """Carry it out as far as a point, as the first of its name; False if it did not come there."""
        ended = self.bench.driven(*self.apply, DRIVER_KILL_AT=point if "#" in point else f"{point}#1")
        assert ended.code in {KILLED, 0} or "carried out to its end" in ended.errors, (point, ended)
        return ended.code == KILLED

    def finish(self, killed: Sequence[str]) -> None:
        """Carry it out to its end, which is that of an undisturbed run."""
        ended = self.bench.driven(*self.apply)
        assert ended.code == 0 or "carried out to its end" in ended.errors, (killed, ended)
        found = outcome(self.bench)
        assert {name: found[name] == self.expected[name] for name in found} == dict.fromkeys(found, True), killed


def planned(exported: EraseBench, folder: Path, *, with_models: bool) -> Planned:
    """Plan to erase the leaver, and carry it out once, undisturbed."""
    bench = replace(exported, folder=folder / "bench", shared_lake=folder / "lake", said=[])
    bench.copied_from(exported.lake)
    if with_models:
        bench.sunlake("build")
    batch = Planned(bench, folder / "template", (*bench.plan(request_rows(("leaver",))), "--remove-input"))
    shutil.copytree(bench.lake, batch.template)
    batch.begin()
    batch.points = bench.points(*batch.apply)
    batch.expected = outcome(bench)
    return batch


def outcome(bench: EraseBench) -> dict[str, Any]:
    """All that a batch leaves: upstream, in the lake, in models, deeds, suppressions and the report."""
    report = json.loads((bench.batches()[-1] / "report.json").read_bytes())
    held = load(open_lake(bench.lake, create=False)).in_force(bench.app_id)
    marts = bench.lake / "marts"
    return {
        "upstream": state(bench.sandbox),
        "lake": sorted(decoded_rows(bench.lake)),
        # dim_erasures tells of the deeds, which were more.
        "models": {path.name: path.read_bytes() for path in marts.rglob("*.parquet") if path.stem != "dim_erasures"},
        "deeds": {
            (deed.get("step"), deed.get("tag"), "begin" if deed["event"] == "repeat" else deed["event"])
            for deed in bench.deeds()
            if deed["event"] in {"begin", "repeat", "end", "close", "work_destroyed", "confirm"}
        },
        "known": roster(bench),
        "suppressed": sorted((entry.kind, entry.mac, entry.action, entry.until or "") for entry in held),
        "report": (report["status"]["outcomes"], report["planned"], report["unreached"]),
        "left": sorted(path.name for path in bench.batches()[-1].iterdir()),
    }


def roster(bench: EraseBench) -> list[str]:
    """Whom and which conversations the ledger knows of."""
    ledger = bench.ledger()
    with ledger.read() as connection:
        ids = [*connection.scalars(sa.select(tables.users.c.user_id))]
        ids += [*connection.scalars(sa.select(tables.conversations.c.conversation_id))]
    ledger.close()
    return sorted(ids)


def chosen_points(trace: Sequence[str]) -> list[str]:
    """Where to kill, in the order in which the points are passed: each kind once, and a spread of the further calls."""
    passed: Counter[str] = Counter()
    first, further = [], []
    for place, name in enumerate(trace):
        passed[name] += 1
        if passed[name] == 1 and is_chosen(name):
            first.append((place, name))
        elif passed[name] > 1 and name.startswith("before os."):
            further.append((place, f"{name}#{passed[name]}"))
    return [name for _, name in sorted(first + further[:: max(len(further) // SPREAD, 1)])]


def is_chosen(point: str) -> bool:
    """Whether a kill here differs from one at the next point: what lies after an operation lies before the next."""
    # Calls upstream are no points: one lies between the begin and the end of a step.
    if point in TORN or point in {f"after begin of {step}" for step in UPSTREAM}:
        return True
    if point in {f"before begin of {step}" for step in UPSTREAM}:
        return False  # that differs from the point after it by a deed only, and nothing was called yet
    return point.startswith("before") and point.split()[1] not in OPERATIONS  # which are calls of the system, too


@pytest.fixture(scope="module")
def bare(exported: EraseBench, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """The batch over a lake without models."""
    return planned(exported, tmp_path_factory.mktemp("bare"), with_models=False)


@pytest.mark.parametrize("half", [0, 1])
def test_a_kill_at_any_step_of_a_batch_is_made_good_by_the_same_command(bare: Planned, half: int) -> None:
    """Upstream, lake, deeds, suppressions and report end as those of a batch that nobody killed.

    The next run takes it up, and is killed at a later step.
    """
    assert {f"{side} end of {step}" for step in STEPS - {"derived"} for side in ("before", "after")} < set(bare.points)
    chosen = chosen_points(bare.points)
    kinds = {point.rpartition(" ")[0] for point in chosen}
    assert {"before os.fsync in", "before os.replace in", "before os.unlink in", "before os.rmdir in"} <= kinds
    survive(chosen[half::2], rows=ROWS // 2, begin=bare.begin, kill=bare.kill, finish=bare.finish)
    swept = bare.bench.driven("export", "--sweep")
    assert swept.code == 0, swept
    assert oid("leaver") not in repr(list(decoded_rows(bare.bench.lake)))
    assert bare.bench.driven("erase", "verify").code == 0


def test_a_kill_between_two_files_leaves_each_old_or_new(bare: Planned) -> None:
    """Whichever files were rewritten, all others are byte for byte what they were; and the deeds tell of a repeat."""
    old = file_bytes(bare.template)
    bare.begin()
    assert bare.bench.driven(*bare.apply).code == 0
    new = file_bytes(bare.bench.lake)
    bare.begin()
    for point in ("before rename in rewrite", "after rename in derived", "before rename in rewrite"):
        assert bare.kill(point)
        files = file_bytes(bare.bench.lake)
        kept = {path for path in old if files.get(path) == old[path]}
        assert all(files.get(path) is None or len(files[path]) == len(new[path]) for path in old.keys() - kept)
        assert kept & {path for path in old if old[path] != new.get(path)}
    bare.finish(["between two files"])
    assert "repeat" in {deed["event"] for deed in bare.bench.deeds()}


def test_models_that_hold_a_person_are_away_until_they_are_built_anew(exported: EraseBench, tmp_path: Path) -> None:
    """From the first file that is rewritten until models are built again, nobody is served who is erased."""
    batch = planned(exported, tmp_path, with_models=True)
    shown: list[bool] = []

    def begin() -> None:
        batch.begin()
        shown.append(bool(served(batch.bench)))

    def kill(point: str) -> bool:
        is_killed = batch.kill(point)
        is_shown = bool(served(batch.bench))
        assert not is_shown or file_bytes(batch.bench.lake) == file_bytes(exported.lake), point
        shown.append(is_shown)
        return is_killed

    points = [point for point in chosen_points(batch.points) if point.split()[-1].split("#")[0] in OF_MODELS]
    assert {f"before os.{call} in derived" for call in ("unlink", "rmdir", "fsync")} < set(points)
    assert {"before end of derived", "before end of rebuild"} < set(points)
    survive(points, rows=1, begin=begin, kill=kill, finish=batch.finish)
    assert set(shown) == {True, False}, "there were models that show the leaver, before and not after"


def served(bench: EraseBench) -> int:
    """In how many conversations the models show the leaver."""
    file = bench.lake / "_sunlake" / "warehouse.duckdb"
    if not file.exists():
        return 0
    with duckdb.connect(str(file), read_only=True) as warehouse:
        query = "select count(*) from marts.fct_conversations where list_contains($1, conversation_id)"
        ((count,),) = warehouse.execute(query, [[oid("leaver-default"), oid("leaver-extra")]]).fetchall()
        return int(count)


def test_a_kill_of_a_plan_changes_nothing(exported: EraseBench, tmp_path: Path) -> None:
    """Neither upstream nor a file of the lake is touched, and the next plan is the same one and leaves no leftovers."""
    bench = replace(exported, folder=tmp_path / "bench", shared_lake=tmp_path / "lake", said=[])
    plan = ("erase", "plan", str(bench.requests(request_rows(("leaver",)))), "--json")
    bench.sandbox.reset()
    files, world = file_bytes(exported.lake), state(bench.sandbox)
    bench.copied_from(exported.lake)
    points = chosen_points(bench.points(*plan))
    expected = json.loads((bench.folder / "stdout").read_text())["plan_id"]

    def kill(point: str) -> bool:
        is_killed = bench.driven(*plan, DRIVER_KILL_AT=point if "#" in point else f"{point}#1").code == KILLED
        assert file_bytes(bench.lake) == files
        return is_killed

    def finish(killed: list[str]) -> None:
        again = bench.driven(*plan)
        assert json.loads(again.output)["plan_id"] == expected, killed
        assert not list(bench.privacy.rglob("*.tmp")), killed

    survive(points, rows=1, begin=lambda: bench.copied_from(exported.lake), kill=kill, finish=finish)
    assert not bench.sandbox.destroying()
    assert state(bench.sandbox) == world
