"""Uploads that several people's conversations show: what a business sends to many is nobody's trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.privacy.people.refresh import joined
from pipeline.privacy.plan.form import PlanConfig
from pipeline.privacy.plan.text import render_plan
from pipeline.privacy.requests.request import Identifier
from pipeline.suppression.subjects import Action
from tests.unit.privacy.erased_lakes import APP, AnnasLake
from tests.unit.privacy.plans import NOW, plan_of, request
from tests.unit.suppression.people import message, oid

HOST = "api.smooch.io"
FLYER, MENU, OWN = (f"https://{HOST}/{name}?a=1&b=%22" for name in ("flyer.png", "menu \\ ä.pdf", "own.png"))


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """Anna's own picture, and pictures of the business that Ben got as well, one of them among the items of a list."""
    annas = AnnasLake(tmp_path / "lake")
    annas.commit(annas.people("anna", "ben"))
    annas.commit(
        annas.talk("alone", _shows("1", "anna", OWN), _shows("2", None, FLYER), _shows("3", None, MENU, as_items=True))
    )
    annas.commit(annas.talk("bens", _shows("7", "ben", OWN[:-1]), _shows("8", None, MENU), _shows("9", None, FLYER)))
    return annas


def _shows(number: str, author: str | None, url: str, *, as_items: bool = False) -> dict[str, Any]:
    picture: dict[str, Any] = {"type": "image", "mediaUrl": url}
    content = {"type": "list", "items": [{"title": "first"}, picture]} if as_items else picture
    return message(number, author) | {"content": content}


def test_what_others_show_too_is_neither_removed_nor_looked_for(annas: AnnasLake) -> None:
    """Of the uploads in Anna's conversation only those that nobody else got are hers."""
    made = plan_of(annas, [request(Identifier.USER_ID, oid("anna"))], media_hosts={APP: {HOST}})
    (subject,) = made.subjects
    assert "uploads: 1 go; 2 stay, since others were sent them, too" in render_plan(made.plan, now=NOW)
    assert (subject.media_urls, subject.shared_media_urls) == ({OWN}, {FLYER, MENU})
    assert joined(subject, subject) == subject


def test_what_goes_with_everybody_who_shows_it_is_removed(annas: AnnasLake) -> None:
    """Where all who got an upload are erased together, it goes."""
    requests = [request(Identifier.USER_ID, oid(name), number=n) for n, name in enumerate(("anna", "ben"))]
    found = {
        url for subject in plan_of(annas, requests, media_hosts={APP: {HOST}}).subjects for url in subject.media_urls
    }
    assert found == {OWN, OWN[:-1], FLYER, MENU}


@pytest.mark.parametrize("why", ["held", "masked"])
def test_what_stays_with_somebody_of_the_same_batch_stays(annas: AnnasLake, why: str) -> None:
    """Who is held, or asked for less than erasure, keeps what they were sent, though both stand in one batch."""
    action = Action.PII_ONLY if why == "masked" else Action.ERASE
    requests = [
        request(Identifier.USER_ID, oid("anna")),
        request(Identifier.USER_ID, oid("ben"), number=2, action=action),
    ]
    made = plan_of(
        annas,
        requests,
        media_hosts={APP: {HOST}},
        is_held=lambda subject: why == "held" and oid("ben") in subject.user_ids,
    )
    anna = next(subject for subject in made.subjects if oid("anna") in subject.user_ids)
    assert (anna.media_urls, anna.shared_media_urls) == ({OWN}, {FLYER, MENU})


def test_what_the_business_sent_stays_with_its_words(annas: AnnasLake) -> None:
    """Where only the words of people are erased, the uploads of the business are neither removed nor looked for."""
    requests = [request(Identifier.USER_ID, oid(name), number=n) for n, name in enumerate(("anna", "ben"))]
    made = plan_of(annas, requests, media_hosts={APP: {HOST}}, config=PlanConfig(scope="authored"))
    assert {url for subject in made.subjects for url in subject.media_urls} == {OWN, OWN[:-1]}
