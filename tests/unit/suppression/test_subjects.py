"""Subjects survive their codec, show nothing in a repr, and know the forms of addresses and numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.suppression.subjects import (
    Action,
    Subject,
    decode_subjects,
    email_forms,
    encode_subjects,
    phone_forms,
)

TEXTS = st.frozensets(st.text(max_size=8), max_size=3)
SUBJECTS = st.builds(
    Subject,
    app_id=st.text(max_size=5),
    tag=st.text(max_size=5),
    action=st.sampled_from(Action),
    user_ids=TEXTS,
    message_ids=TEXTS,
    external_ids=st.frozensets(st.tuples(st.text(max_size=5), st.none() | st.text(max_size=5)), max_size=3),
    names=st.frozensets(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3),
)


@given(st.lists(SUBJECTS, max_size=3))
def test_subjects_survive_the_codec(subjects: list[Subject]) -> None:
    """What is decoded equals what was encoded."""
    assert decode_subjects(encode_subjects(subjects)) == subjects


def test_repr_hides_what_identifies() -> None:
    """A repr shows the tag and the action, and nothing that a person could be found by."""
    subject = Subject(
        app_id="a1",
        tag="t1",
        action=Action.ERASE,
        user_ids=frozenset({"canary-user"}),
        emails=frozenset({"canary@example.org"}),
        names=frozenset({("canary", "bird")}),
    )
    assert "t1" in repr(subject)
    assert "canary" not in repr(subject)


def test_forms() -> None:
    """Addresses differ in case only; a number is also its digits, unless it is too short to be one."""
    assert email_forms("Jane@Example.org") == {"Jane@Example.org", "jane@example.org"}
    assert phone_forms("+49 (30) 1234-567") == {"+49 (30) 1234-567", "49301234567"}
    assert phone_forms("12-34") == {"12-34"}
