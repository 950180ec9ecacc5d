"""Plans of erasure over an exported lake, held against counts that are made without SQL."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from pipeline.errors import PlanRefusedError
from pipeline.lake.layout import open_lake
from pipeline.privacy.people.resolution import State
from pipeline.privacy.plan.form import PlanConfig, encode_plan
from pipeline.privacy.plan.plan import Made, make_plan
from pipeline.privacy.plan.text import render_plan
from pipeline.privacy.requests.request import Identifier, Request
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import data_files, raw_rows
from tests.integration.small_worlds import SmallWorld, oid
from tests.unit.privacy.fakes import FakeMacs
from tests.unit.privacy.plans import NOW, request


def plan(bench: Bench, requests: list[Request], *, config: PlanConfig | None = None, held: bool = False) -> Made:
    """A plan made offline."""
    ledger = bench.ledger()
    try:
        return asyncio.run(
            make_plan(
                open_lake(bench.lake, create=False),
                ledger,
                requests,
                lookups={},
                macs=FakeMacs(),
                is_held=lambda _: held,
                config=config,
                now=NOW,
            )
        )
    finally:
        ledger.close()


def truth(bench: Bench, user_ids: set[str]) -> Counter[str]:
    """The rows of one person by table, by a reading of the rules without SQL."""
    rows = {
        table: list(raw_rows(bench.lake, table, app_id=bench.app_id))
        for table in ("users", "clients", "devices", "conversations", "participants", "messages", "tombstones")
    }
    members: dict[str, set[str]] = {}
    for row in rows["participants"]:
        members.setdefault(row["conversation_id"], set()).add(row["user_id"])
    for row in rows["messages"]:
        if row["author_user_id"] and row["author_type"] == "user":
            members.setdefault(row["conversation_id"], set()).add(row["author_user_id"])
    groups = {row["conversation_id"] for row in rows["conversations"] if row["type"] == "sdkGroup"}
    whole = {talk for talk, users in members.items() if users <= user_ids and talk not in groups}
    counts: Counter[str] = Counter()
    own = {user_ids_key: set() for user_ids_key in ("client", "device", "participant", "message")}
    for table in ("users", "clients", "devices"):
        mine = [row for row in rows[table] if row["user_id"] in user_ids]
        counts[table] = len(mine)
        if table != "users":
            own[table[:-1]] |= {row[f"{table[:-1]}_id"] for row in mine}
    counts["conversations"] = sum(row["conversation_id"] in whole for row in rows["conversations"])
    for row in rows["participants"]:
        counts["participants"] += row["user_id"] in user_ids or row["conversation_id"] in whole
        if row["user_id"] in user_ids:
            own["participant"].add(row["participant_id"])
    for row in rows["messages"]:
        counts["messages"] += row["author_user_id"] in user_ids or row["conversation_id"] in whole
        if row["author_user_id"] in user_ids and row["conversation_id"] not in whole:
            own["message"].add(row["message_id"])
    buried = {"user": user_ids, "conversation": whole, **own}
    counts["tombstones"] = sum(row["entity_id"] in buried.get(row["entity"], ()) for row in rows["tombstones"])
    return +counts


def people() -> SmallWorld:
    """Anna in personal talks and a group, her former self, others who stay."""
    world = SmallWorld("plan")
    anna = {"givenName": "Anna", "surname": "Canary-Lee", "email": "Anna.Canary@example.org"}
    world.user("anna", clients=["anna-web"], externalId="crm-canary-1", profile=anna)
    world.user("annas-old", clients=["old-web"], profile={"email": "former.canary@example.org"})
    world.user("ben", externalId="crm-canary-2", profile={"email": "anna.canary@EXAMPLE.org"})
    world.user("cleo", toBeRetained=True)
    world.conversation("annas talk", ["anna"], messages=5, isDefault=True)
    world.conversation("old talk", ["annas-old"], messages=3)
    world.conversation("group", ["anna", "ben"], messages=6)
    world.conversation("bens talk", ["ben"], messages=4)
    world.conversation("cleos talk", ["cleo"], messages=2)
    return world


def test_counts_are_those_of_the_rows(serve: Serve) -> None:
    """A person who was merged is found with both selves, and every count is that of a plain reading of all versions."""
    bench = serve(people(), behaviour={"merged_user": "survivor"})
    bench.export()
    bench.sandbox.change({"op": "merge_users", "discarded_id": oid("annas-old"), "survivor_id": oid("anna")})
    bench.export()
    bench.sweep()
    made = plan(bench, [request(Identifier.USER_ID, oid("annas-old"), number=1, app_id=bench.app_id)])
    (subject,) = made.subjects
    (shown,) = made.plan.subjects
    assert subject.user_ids == {oid("anna"), oid("annas-old")}
    assert shown.state is State.MATCHED
    assert Counter(shown.rows) == truth(bench, {oid("anna"), oid("annas-old")})
    assert subject.group_conversation_ids == {oid("group")}
    assert subject.message_ids == {oid(f"group#{number}") for number in (0, 2, 4)}
    assert oid("annas talk") in subject.default_conversation_ids
    assert oid("old talk") in subject.personal_conversation_ids
    assert {"Anna.Canary@example.org", "former.canary@example.org"} <= subject.emails
    assert subject.names == {("Anna", "Canary-Lee")}
    assert shown.linked == 1
    assert made.plan.confirmation == "ERASE-1"
    by_table: Counter[str] = Counter()
    for file in made.plan.files:
        by_table[file.table] += file.hits
        assert file.bytes == (bench.lake / file.path).stat().st_size
    assert by_table == Counter(shown.rows)


def test_a_synthetic_world_is_counted_as_its_rows_say(serve: Serve) -> None:
    """For many people of a strange world at once, each count is that of a plain reading."""
    bench = serve("synthetic:seed=31,size=40,strangeness=1")
    bench.export()
    bench.sweep()
    users = sorted({row["user_id"] for row in raw_rows(bench.lake, "users", app_id=bench.app_id)})[:12]
    requests = [
        request(Identifier.USER_ID, user_id, number=n, app_id=bench.app_id) for n, user_id in enumerate(users, 1)
    ]
    made = plan(bench, requests, config=PlanConfig(override_retained=True))
    shown = {subject.request_refs[0]: subject for subject in made.plan.subjects}
    for found in made.resolutions:
        assert found.subject is not None
        expected = truth(bench, set(found.subject.user_ids))
        counts = Counter(shown[found.requests[0].request_ref].rows)
        assert counts == expected, found.requests[0].request_ref


def test_nobody_is_named_and_nothing_is_written(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Text, JSON, reprs and logs hold no identifier, and the lake's files are the same afterwards."""
    bench = serve(people())
    bench.export()
    before = {path: path.read_bytes() for path in data_files(bench.lake)}
    made = plan(
        bench,
        [
            request(Identifier.EXTERNAL_ID, "crm-canary-1", number=1, app_id=bench.app_id),
            request(Identifier.USER_ID, oid("cleo"), number=2, app_id=bench.app_id),
            request(Identifier.EMAIL, "nobody.canary@example.org", number=3, app_id=bench.app_id),
        ],
    )
    assert [subject.state for subject in made.plan.subjects] == [
        State.MATCHED,
        State.RETAINED_FLAG,
        State.NOT_FOUND,
    ]
    text = render_plan(made.plan, now=NOW) + encode_plan(made.plan).decode() + repr(made) + caplog.text
    secrets = [oid(name) for name in ("anna", "ben", "cleo", "annas talk", "group", "anna-web", "group#0")]
    for secret in (*secrets, "canary", "Canary", "Anna"):
        assert secret not in text
    assert json.loads(encode_plan(made.plan))["confirmation"] == made.plan.confirmation
    assert {path: path.read_bytes() for path in data_files(bench.lake)} == before


def test_doubtful_requests_are_not_decided(serve: Serve) -> None:
    """An address of two users is ambiguous unless linked users are included; an id given as external id always is."""
    bench = serve(people())
    bench.export()
    asked = [
        request(Identifier.EMAIL, "ANNA.canary@example.org", number=1, app_id=bench.app_id),
        request(Identifier.EXTERNAL_ID, oid("cleo"), number=2, app_id=bench.app_id),
    ]
    made = plan(bench, asked)
    assert [subject.state for subject in made.plan.subjects] == [State.AMBIGUOUS, State.AMBIGUOUS]
    assert made.plan.confirmation == "ERASE-0"
    assert made.plan.files == ()
    included = plan(bench, asked[:1], config=PlanConfig(include_linked=True))
    (subject,) = included.subjects
    assert subject.user_ids == {oid("anna"), oid("ben")}
    assert oid("bens talk") in subject.personal_conversation_ids


def test_too_many_people_are_refused(serve: Serve) -> None:
    """Beyond a hundred people or five of a hundred, a plan needs to be told that it is meant."""
    world = SmallWorld("crowd")
    for number in range(101):
        world.user(f"u{number}")
    bench = serve(world)
    bench.seed([{"user_id": oid(f"u{number}")} for number in range(101)])
    bench.export()
    asked = [request(Identifier.USER_ID, oid(f"u{n}"), number=n, app_id=bench.app_id) for n in range(101)]
    with pytest.raises(PlanRefusedError, match="101 of 101 known users"):
        plan(bench, asked)
    assert plan(bench, asked, config=PlanConfig(override_limit=True)).plan.confirmation == "ERASE-101"
