"""Requests of which nobody knows the person: they are not among those who are confirmed, and are kept out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.errors import PlanRefusedError
from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.people.resolution import State
from pipeline.privacy.plan.form import Plan, PlanConfig
from pipeline.privacy.plan.life import has_grown
from pipeline.privacy.plan.plan import Made
from pipeline.privacy.plan.text import render_plan
from pipeline.privacy.requests.request import Identifier
from pipeline.suppression.subjects import Action
from tests.unit.privacy.erased_lakes import AnnasLake
from tests.unit.privacy.fakes import FakeUpstream
from tests.unit.privacy.plans import NOW, plan_of, request
from tests.unit.suppression.people import oid


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake in which there is Anna."""
    annas = AnnasLake(tmp_path / "lake")
    annas.commit(annas.people("anna"))
    return annas


def test_only_those_who_are_known_are_confirmed(annas: AnnasLake) -> None:
    """Upstream was asked: of three, one is erased; the others are told as not found, and stay in the work."""
    made = _plan(annas, FakeUpstream())
    states = [subject.state for subject in made.plan.subjects]
    assert sorted(states) == [State.LAKE_ONLY, State.NOT_FOUND, State.NOT_FOUND]
    assert made.plan.confirmation == "ERASE-1"
    assert sum(subject.is_acted_on for subject in made.plan.subjects) == 1
    assert sorted(subject.not_found for subject in made.subjects) == [False, True, True]
    text = render_plan(made.plan, now=NOW)
    assert "1 person is erased or cleared" in text
    assert "! 2 were not found" in text
    assert "upstream is asked" not in text


def test_whom_upstream_may_still_know_is_confirmed(annas: AnnasLake) -> None:
    """A plan made offline can't tell of a user id that upstream has no such user; erasing will ask, so it counts."""
    made = _plan(annas, None)
    assert made.plan.confirmation == "ERASE-2"
    text = render_plan(made.plan, now=NOW)
    assert "! 1 was not found" in text
    assert "plan without --offline" in text
    assert "! 1 is not in the lake, and upstream is asked" in text


def test_who_is_not_found_counts_not_towards_the_limit(annas: AnnasLake) -> None:
    """The limit is for people who would be erased."""
    config = PlanConfig(max_subjects=1, max_subjects_share=0.0)
    assert _plan(annas, FakeUpstream(), config=config).plan.confirmation == "ERASE-1"
    with pytest.raises(PlanRefusedError, match="would erase 2"):
        _plan(annas, None, config=config)


def test_keeping_out_needs_nobody_to_be_there(annas: AnnasLake) -> None:
    """Suppression, restriction and holds of unknown people are acted on, and nothing of it has to be confirmed."""
    for action in (Action.SUPPRESS, Action.RESTRICT, Action.HOLD):
        made = _plan(annas, FakeUpstream(), action=action)
        assert all(subject.is_acted_on for subject in made.plan.subjects)
        assert made.plan.confirmation == "ERASE-0"


def test_a_plan_outlives_new_commits_that_bring_none_of_its_people(annas: AnnasLake) -> None:
    """It is compared with a plan made offline, in which an unknown user id is no more than that."""
    online = _plan(annas, FakeUpstream()).plan
    assert not has_grown(online, _plan(annas, None).plan)
    annas.commit(annas.people("stranger"))
    assert has_grown(online, _plan(annas, None).plan)


def test_more_of_the_same_person_makes_a_plan_old_and_less_does_not(annas: AnnasLake) -> None:
    """Any count that rises does, in any table; one that falls does not."""
    plan = _plan(annas, None).plan
    more = _with_rows(plan, messages=1)
    assert has_grown(plan, more)
    assert not has_grown(more, plan)
    assert has_grown(more, _with_rows(plan, messages=2))
    assert not has_grown(more, more)


def _with_rows(plan: Plan, **rows: int) -> Plan:
    replace = msgspec.structs.replace
    return replace(plan, subjects=tuple(replace(one, rows=one.rows | rows) for one in plan.subjects))


def _plan(
    annas: AnnasLake,
    upstream: UpstreamLookup | None,
    *,
    action: Action = Action.ERASE,
    config: PlanConfig | None = None,
) -> Made:
    asked: list[tuple[Identifier, Any]] = [
        (Identifier.USER_ID, oid("anna")),
        (Identifier.USER_ID, oid("stranger")),
        (Identifier.EMAIL, "nobody@example.org"),
    ]
    requests = [request(kind, value, number=number, action=action) for number, (kind, value) in enumerate(asked)]
    return plan_of(annas, requests, upstream=upstream, config=config)
