"""How a run is cut into shards."""

from __future__ import annotations

from itertools import count

import pytest

from flows.export import MIN_SHARD, shard_budget


@pytest.mark.parametrize("size", [1, 1_000, 7_168, 100_000, 1_000_000, 10_000_000])
def test_a_walk_into_the_unknown_takes_few_shards(size: int) -> None:
    """However much a first walk finds, it takes at most 100 tasks, and 10 or more once it is large."""
    shards = _shards(size, waiting=0)
    assert shards <= 100
    assert shards >= min(10, size // (2 * MIN_SHARD))


@pytest.mark.parametrize("size", [50_000, 1_000_000, 10_000_000])
def test_a_walk_over_the_known_takes_some_tens_of_shards(size: int) -> None:
    """Where the size is known, the first shard is a fiftieth of it."""
    assert shard_budget(size, 1) == max(MIN_SHARD, size // 50)
    assert 10 <= _shards(size, waiting=size) <= 50


def test_shards_are_never_too_small() -> None:
    """A task does the work of at least a thousand conversations, if there are so many."""
    assert {shard_budget(waiting, 1) for waiting in (0, 10, 49_999)} == {MIN_SHARD}


def _shards(size: int, *, waiting: int) -> int:
    for shard in count(1):
        size -= shard_budget(waiting, shard)
        if size <= 0:
            return shard
    raise AssertionError
