"""Derived ids: their form, and the bijection behind those of generated worlds."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.ids import IdSpace, hashed_id, message_id, timestamp

SPACE = IdSpace("test")
kinds = st.integers(0, 255)
numbers = st.integers(0, 2**40 - 1)


@given(kind=kinds, number=numbers)
def test_an_id_tells_its_number(kind: int, number: int) -> None:
    """An id is 24 hex digits from which the number is read back."""
    made = SPACE.make(kind, number)
    assert len(made) == 24
    assert SPACE.read(kind, made) == number


@given(kind=kinds, number=numbers, other=kinds)
def test_an_id_of_another_kind_or_world_is_unknown(kind: int, number: int, other: int) -> None:
    """A user's id names no conversation, and one world's id nothing in another."""
    made = SPACE.make(kind, number)
    assert (SPACE.read(other, made) is None) == (other != kind)
    assert IdSpace("other").read(kind, made) is None


@given(text=st.text(alphabet="0123456789abcdefABCDEF/.é ", max_size=30))
def test_strangers_are_unknown(text: str) -> None:
    """Texts that were never made as ids, well-formed or not, are not mistaken for one."""
    assert SPACE.read(5, text) is None


@given(seconds=st.integers(0, 2**32 - 1), position=st.integers(0, 2**24 - 2))
def test_message_ids_ascend(seconds: int, position: int) -> None:
    """Within a second and a conversation, ids ascend with the position."""
    token = SPACE.token(1, 7)
    made = message_id(seconds, token, position)
    assert len(made) == 24
    assert made < message_id(seconds, token, position + 1)


def test_tokens_differ() -> None:
    """No two conversations share a token."""
    assert len({SPACE.token(1, number) for number in range(5_000)}) == 5_000
    assert {len(SPACE.token(1, number)) for number in range(100)} == {10}


def test_hashed_ids_depend_on_every_part() -> None:
    """Parts are told apart, and the same parts give the same id."""
    assert hashed_id("a", "bc") != hashed_id("ab", "c")
    assert hashed_id("a", "bc") == hashed_id("a", "bc")
    assert len(hashed_id("a")) == 24


@given(milliseconds=st.integers(0, 4_102_444_800_000))
def test_timestamps_are_read_back(milliseconds: int) -> None:
    """Moments are written with milliseconds and Z."""
    written = timestamp(milliseconds)
    assert len(written) == 24
    delta = datetime.fromisoformat(written) - datetime(1970, 1, 1, tzinfo=UTC)
    assert delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000 == milliseconds
