from __future__ import annotations

import pytest

from pipeline.suppression.mentions import Mentions
from tests.unit.suppression.people import anna

MENTIONS = Mentions([anna(external_ids=frozenset({("customer-77", None), ("short", None)}))])


@pytest.mark.parametrize(
    "mention",
    [
        "Anna.Ernst@example.org",
        "anna.ernst@EXAMPLE.org",
        "\uff41\uff4e\uff4e\uff41.ernst@example.org",
        "Anna Ernst-Müller",
        "ANNA   ernst-mu\u0308ller",
        "customer-77",
        "+49 30 1234567",
        "+49 (30) 123-4567",
        "4930 1234567",
    ],
)
def test_a_mention_is_found_in_whatever_form(mention: str) -> None:
    """Case, Unicode form and the blanks between digits make no difference; what stands around stays."""
    assert MENTIONS.redact(f"Ünd {mention}, bitte") == "Ünd [erased], bitte"


@pytest.mark.parametrize("text", ["Anna", "Ernst-Müller", "short", "customer-778", "94930 12345678", "anna", ""])
def test_what_is_no_mention_stays(text: str) -> None:
    """First names alone, short external ids, and parts of longer words and numbers are left."""
    assert MENTIONS.redact(text) == text


def test_several_mentions_of_one_text_are_redacted() -> None:
    """At its beginning, at its end and in between."""
    assert MENTIONS.redact("customer-77 is Anna Ernst-Müller: customer-77") == "[erased] is [erased]: [erased]"


def test_nobody_is_mentioned_where_nothing_is_known() -> None:
    """A subject without addresses and names redacts nothing."""
    assert Mentions([]).redact("customer-77") == "customer-77"
