"""How long a plan may be carried out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.privacy.plan.form import Plan
from pipeline.privacy.plan.life import why_dead
from pipeline.privacy.requests.request import Identifier
from tests.unit.privacy.erased_lakes import AnnasLake
from tests.unit.privacy.plans import NOW, plan_of, request
from tests.unit.suppression.people import message, oid

ANNA = [request(Identifier.USER_ID, oid("anna"))]
HOUR = timedelta(hours=1)


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake with Anna, who said something."""
    annas = AnnasLake(tmp_path / "lake")
    annas.commit(annas.people("anna", "ben"))
    annas.commit(annas.talk("alone", message("1", "anna")))
    return annas


@pytest.mark.parametrize(
    ("after", "lives"),
    [
        (timedelta(), True),
        (24 * HOUR - timedelta(seconds=1), True),
        (24 * HOUR, False),
        (timedelta(minutes=-4), True),
        (timedelta(minutes=-6), False),
    ],
)
def test_a_plan_lives_for_a_day(annas: AnnasLake, after: timedelta, *, lives: bool) -> None:
    """The clock may have been set back a little; a plan from the future is none."""
    plan = plan_of(annas, ANNA).plan
    said = _why_dead(annas, plan, after=after)
    assert (said is None) is lives
    assert lives or "24 hours" in str(said)


def test_without_new_commits_nothing_is_planned_anew(annas: AnnasLake) -> None:
    """The lake is the one that the plan is about."""

    async def replan() -> Plan:
        raise AssertionError

    plan = plan_of(annas, ANNA).plan
    assert asyncio.run(why_dead(plan, hours=24, now=NOW, ledger=annas.ledger, replan=replan)) is None


@pytest.mark.parametrize(("author", "lives"), [("ben", True), ("anna", False)])
def test_new_commits_matter_if_they_bring_more_of_its_people(annas: AnnasLake, author: str, *, lives: bool) -> None:
    """What others say makes no plan old."""
    plan = plan_of(annas, ANNA).plan
    annas.commit(annas.talk(f"new talk of {author}", message("2", author)))
    said = _why_dead(annas, plan)
    assert (said is None) is lives
    assert lives or "more of these people" in str(said)


def _why_dead(annas: AnnasLake, plan: Plan, *, after: timedelta = timedelta()) -> str | None:
    async def replan() -> Plan:
        # Within the loop that asks, there is none to run a plan in.
        return await asyncio.to_thread(lambda: plan_of(annas, ANNA).plan)

    return asyncio.run(why_dead(plan, hours=24, now=NOW + after, ledger=annas.ledger, replan=replan))
