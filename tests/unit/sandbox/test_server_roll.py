from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.answers import Refusal
from pipeline.sandbox.pages import Page, PageQuery, cut
from pipeline.sandbox.roll import Roll

IDS = [f"{number:024x}" for number in range(40)]


def make_roll(size: int, removed: set[int]) -> Roll[int]:
    """A roll of numbers, some of them ghosts."""
    roll = Roll((IDS[number], number) for number in range(size))
    for number in removed:
        if number < size:
            roll.remove(IDS[number])
    return roll


def walk(roll: Roll[int], size: int, *, backward: bool) -> list[list[int]]:
    """All pages in one direction."""
    pages: list[Page[int]] = []
    query = PageQuery(None, None, size)
    while not pages or pages[-1].has_more:
        pages.append(cut(roll, query, newest_first=backward))
        cursor = pages[-1].before if backward else pages[-1].after
        query = PageQuery(None, cursor, size) if backward else PageQuery(cursor, None, size)
    return [page.items for page in pages]


@given(st.integers(0, 40), st.sets(st.integers(0, 39)), st.integers(1, 12))
def test_both_directions_see_the_living_once(size: int, removed: set[int], page_size: int) -> None:
    """Walking forward or backward over a list with ghosts yields every living record once, in order."""
    roll = make_roll(size, removed)
    living = [number for number in range(size) if number not in removed]
    forward = walk(roll, page_size, backward=False)
    backward = walk(roll, page_size, backward=True)
    assert [number for page in forward for number in page] == living
    assert [number for page in reversed(backward) for number in page] == living
    assert all(len(page) == page_size for page in [*forward[:-1], *backward[:-1]])


@given(st.sets(st.integers(0, 19)), st.integers(0, 19), st.integers(1, 8))
def test_cursors_of_ghosts_keep_their_place(removed: set[int], cursor: int, size: int) -> None:
    """A cursor, ghost or not, divides the living records into those before and those after it."""
    roll = make_roll(20, removed)
    living = [number for number in range(20) if number not in removed]
    after = cut(roll, PageQuery(IDS[cursor], None, size))
    before = cut(roll, PageQuery(None, IDS[cursor], size))
    assert after.items == [number for number in living if number > cursor][:size]
    assert before.items == [number for number in living if number < cursor][-size:]
    assert (after.before is not None) == bool(after.items and [number for number in living if number <= cursor])


@given(st.lists(st.integers(0, 50), max_size=20), st.lists(st.integers(0, 50), max_size=20), st.data())
def test_merging_sorts_in_and_keeps_ghosts(mine: list[int], theirs: list[int], data: st.DataObject) -> None:
    """After a merge the living are sorted, nobody is lost, and old records and ghosts keep their order."""
    records = sorted((f"{value:03d}", f"a{place:023d}") for place, value in enumerate(mine))
    roll = Roll((name, (moment, name)) for moment, name in records)
    for name in data.draw(st.lists(st.sampled_from(roll.ids), unique=True)) if roll.ids else []:
        roll.remove(name)
    living = list(roll)
    known = list(roll.ids)
    new = [(f"b{place:023d}", (f"{value:03d}", f"b{place:023d}")) for place, value in enumerate(theirs)]
    roll.merge(new, key=lambda record: record)
    assert list(roll) == sorted([*living, *(record for _, record in new)])
    assert [name for name in roll.ids if name.startswith("a")] == known


def test_unknown_cursors_are_refused() -> None:
    """A cursor of no record of the list is a bad request; one of a ghost is, where ghosts are refused."""
    roll = make_roll(3, {1})
    with pytest.raises(Refusal, match="unknown cursor"):
        cut(roll, PageQuery(IDS[9], None, 5))
    with pytest.raises(Refusal, match="unknown cursor"):
        cut(roll, PageQuery(IDS[1], None, 5), refuse_ghosts=True)


def test_revived_records_take_their_old_place() -> None:
    """Putting a removed record back fills its ghost."""
    roll = make_roll(3, {1})
    roll.put(IDS[1], 7)
    roll.put(IDS[5], 8)
    assert list(roll) == [0, 7, 2, 8]
    assert roll.remove("stranger") is None
    assert len(roll) == 4
