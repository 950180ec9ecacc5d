from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://x.example/?mail=anna.ernst%40example.org&b=1", "https://x.example/?mail=[erased]&b=1"),
        ("q=Anna+Ernst-M%C3%BCller", "q=[erased]"),
        (
            "\u5979\u7684\u90ae\u7bb1\u662fanna.ernst@example.org\u8c22\u8c22",
            "\u5979\u7684\u90ae\u7bb1\u662f[erased]\u8c22\u8c22",
        ),
        ("Anna Ernst-M\u00fcllers dog", "[erased] dog"),
        ("id_customer-77_b", "id_[erased]_b"),
        ("joe-anna.ernst@example.org", "joe-anna.ernst@example.org"),
        ("- anna.ernst@example.org", "- [erased]"),
        ("-anna.ernst@example.org", "-[erased]"),
    ],
)
def test_a_mention_ends_where_the_scan_lets_it_end(text: str, redacted: str) -> None:
    """In links, between characters that are written without blanks, in a genitive; not within a longer address."""
    assert MENTIONS.redact(text) == redacted


def test_what_others_are_called_as_well_is_no_mention() -> None:
    """An address, number and name that somebody who stays has, too."""
    shared = {"Anna.Ernst@example.org", "+49 30 1234567", "Anna Ernst-M\u00fcller"}
    text = "anna.ernst@example.org, +49 30 1234567, Anna Ernst-M\u00fcller, customer-77"
    assert Mentions([anna()], shared=shared).redact(text) == text.replace("customer-77", "[erased]")


WORDS = ["Anna", "ernst-m\u00fcller", "anna.ernst@example.org", "4930", "12345", "67", "customer-77", "Customer", "-77"]
OTHERS = ["x", "\u00df", " ", "/", "(", ")", "-", "\t", "\n", '"', "\\", "\u0301", "ann", "a.ernst@example.org"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.none() | st.lists(st.sampled_from(WORDS + OTHERS), max_size=6).map("".join), max_size=6), st.booleans()
)
def test_no_row_that_mentions_somebody_is_passed_over(texts: list[str | None], as_json: bool) -> None:
    """As it stands and as JSON, whatever stands in the rows beside it."""
    written = [text if text is None or not as_json else json.dumps({"a": text}) for text in texts]
    suspects = MENTIONS.suspects(
        pa.chunked_array([pa.array(written[:2], pa.string()), pa.array(written[2:], pa.string())])
    )
    mentioning = [number for number, text in enumerate(texts) if text is not None and MENTIONS.of(text)]
    assert set(mentioning) <= set(suspects)
    assert suspects == sorted(set(suspects))


def test_nobody_is_mentioned_where_nothing_is_known() -> None:
    """A subject without addresses and names redacts nothing."""
    assert Mentions([]).redact("customer-77") == "customer-77"
